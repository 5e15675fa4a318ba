"""XGBoost's random-forest mode on a table of one shape, on CUDA and on the CPU: one JSON object.

    gpu_node_peer.py ROWS FEATURES TREES DEPTH
"""
import json
import sys
import time

import numpy as np
import xgboost

rows, features, trees, depth = map(int, sys.argv[1:5])
random = np.random.default_rng(7)
x = random.random((rows, features), dtype=np.float32)
at = [i % features for i in range(5)]
signal = x[:, at[0]] * x[:, at[1]] + x[:, at[2]] * 0.5 + x[:, at[3]] * x[:, at[4]] * 0.5
y = (signal + random.random(rows, dtype=np.float32) * 0.3 > 0.9).astype(np.int32)

told = {"rows": rows, "features": features, "trees": trees, "depth": depth, "xgboost": xgboost.__version__}
for device in ("cuda", "cpu"):
    parameters = {
        "device": device, "tree_method": "hist", "objective": "binary:logistic", "max_depth": depth, "max_bin": 256,
        "num_parallel_tree": trees, "subsample": 0.632, "colsample_bynode": features**-0.5, "learning_rate": 1.0,
    }
    try:
        seconds = []
        for _ in range(3):
            # The quantile matrix is part of a fit, as our binning is.
            started = time.perf_counter()
            xgboost.train(parameters, xgboost.QuantileDMatrix(x, y, max_bin=256), num_boost_round=1)
            seconds.append(time.perf_counter() - started)
        told[device] = {"first_fit_s": seconds[0], "fit_s": sorted(seconds[1:])[0]}
    except xgboost.core.XGBoostError as error:
        told[device] = {"error": str(error).splitlines()[0]}
print(json.dumps(told))
