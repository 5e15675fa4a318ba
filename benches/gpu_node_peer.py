"""XGBoost on a table that `trainer bench --table` wrote: one JSON object.

    gpu_node_peer.py TABLE TREES DEPTH BINS MAX_FEATURES REPEATS [DEVICE...]

The arrays are the ones that trainer was timed on. Two modes: a random forest (one round of parallel trees on 63.2 % of
the rows) and boosting (one tree a round). The devices are cuda and cpu when none is named; of those that fail, why.
"""
import json
import statistics
import sys
import time

import numpy as np
import xgboost

table, trees, depth, bins, rule, repeats, *devices = sys.argv[1:]
trees, depth, bins, repeats = int(trees), int(depth), int(bins), int(repeats)
x = np.ascontiguousarray(np.load(f"{table}/x.npy"))
y = np.load(f"{table}/y.npy")
classes = int(y.max()) + 1
by_node = 1.0 if rule == "all" else x.shape[1] ** -0.5

shared = {"tree_method": "hist", "max_depth": depth, "max_bin": bins, "colsample_bynode": by_node}
shared |= {"objective": "binary:logistic"} if classes == 2 else {"objective": "multi:softprob", "num_class": classes}
forest = shared | {"num_parallel_tree": trees, "subsample": 0.632, "learning_rate": 1.0}
boosting = shared | {"learning_rate": 0.1}


def brought(device):
    """The rows where XGBoost takes them fastest, and by what: bins are made on the GPU of what lies there already."""
    if device == "cuda":
        try:
            import cupy

            return cupy.asarray(x), "cupy"
        except Exception:
            pass
        try:
            import torch

            return torch.as_tensor(x, device="cuda"), "torch"
        except Exception:
            pass
    return x, "numpy"


def fit(parameters, rounds, device):
    """Seconds of a whole fit, the way to the device and the quantile matrix in it, and of the training alone."""
    started = time.perf_counter()
    rows, _ = brought(device)
    matrix = xgboost.QuantileDMatrix(rows, y, max_bin=bins)
    quantized = time.perf_counter()
    booster = xgboost.train(parameters | {"device": device}, matrix, num_boost_round=rounds)
    ended = time.perf_counter()
    used = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    # Without a GPU, XGBoost warns and takes the CPU: that is no time of a GPU.
    if not used.startswith(device):
        raise RuntimeError(f"ran on {used}")
    return ended - started, ended - quantized


def timed(parameters, rounds):
    """The first device that works, timed; why the others do not."""
    told = {}
    for device in devices or ["cuda", "cpu"]:
        try:
            times = [fit(parameters, rounds, device) for _ in range(repeats + 1)]
        except (xgboost.core.XGBoostError, RuntimeError) as error:
            told[f"{device}_error"] = str(error).strip().splitlines()[-1][:300]
            continue
        fits, trainings = zip(*times[1:])
        told |= {"device": device, "brought_by": brought(device)[1], "first_fit_s": times[0][0], "fit_s": statistics.median(fits)}
        return told | {"train_s": statistics.median(trainings), "repeats": repeats}
    return told


told = {"version": xgboost.__version__, "rows": x.shape[0], "features": x.shape[1], "classes": classes}
told["forest"] = timed(forest, 1)
told["boosting"] = timed(boosting, trees)
print(json.dumps(told, indent=2))
