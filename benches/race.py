"""Fits of trees: ours beside scikit-learn, XGBoost, LightGBM and scikit-learn-intelex.

`--learner random_forest` (depth 10, sqrt) or `gradient_boosting` (depth 6, level by level, learning rate 0.1; without
scikit-learn-intelex, which has none).

Same rows, same cores, same run, one fresh process a fit, repeats interleaved. Two clocks:
  fit  only the call that fits, bins and internal matrices included, on arrays in memory;
  end  the whole process: start, read the Parquet file, fit, predict the test rows, AUC.
Rows are scikit-learn's make_classification(n x 28), as float32: 14 informative and 7 redundant columns, 4 clusters a
class, class_sep 0.7, flip_y 0.1, seed 42; the last rows are the test set.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import machine

PEERS = {
    "random_forest": ("sklearn", "xgboost", "lightgbm", "sklearnex"),
    "gradient_boosting": ("sklearn", "xgboost", "lightgbm"),
}
DEPTHS = {"random_forest": 10, "gradient_boosting": 6}
PACKAGES = ("scikit-learn", "xgboost-cpu", "lightgbm", "scikit-learn-intelex", "numpy", "pyarrow")
FEATURES = 28
# name: train rows, test rows, trees
SIZES = {"2k": (2_000, 20_000, 200), "200k": (200_000, 100_000, 100), "1m": (1_000_000, 100_000, 100)}


def data(rows, test_rows):
    """Makes the two Parquet files of a size once; returns their folder."""
    folder = machine.WORK / f"race-{rows}"
    if not (folder / "test.parquet").exists():
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq
        from sklearn.datasets import make_classification

        x, y = make_classification(
            rows + test_rows, FEATURES, n_informative=14, n_redundant=7, n_clusters_per_class=4, class_sep=0.7,
            flip_y=0.1, random_state=42,
        )
        x = x.astype(np.float32)
        folder.mkdir(parents=True, exist_ok=True)
        for name, part in (("train", slice(0, rows)), ("test", slice(rows, None))):
            columns = {f"f{j}": np.ascontiguousarray(x[part, j]) for j in range(FEATURES)}
            pq.write_table(pa.table(columns | {"target": y[part].astype(np.int64)}), folder / f"{name}.parquet")
    return str(folder)


def config(folder, learner, trees, depth, seed):
    """The config that `trainer fit` takes for the same task."""
    path = folder / "config.yaml"
    if learner == "random_forest":
        params = f"n_estimators: {trees}, max_depth: {depth}, max_features: sqrt"
    else:
        params = f"max_iter: {trees}, max_depth: {depth}, max_leaf_nodes: null, grow_policy: depthwise"
    path.write_text(f"""project: {{name: race}}
data: {{source: {folder}, train_path: train.parquet, test_path: test.parquet, validation_split: 0}}
model:
  type: {learner}
  params: {{{params}, random_state: {seed}}}
training: {{cv_folds: 0}}
""")
    return path


def boosting_peer(name, rounds, depth, seed, threads):
    """A peer's boosting with the parameters that mean the same; at most 255 bins, leaves of at least 20 rows."""
    if name == "sklearn":
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            max_iter=rounds, max_depth=depth, max_leaf_nodes=2**depth, learning_rate=0.1, early_stopping=False,
            random_state=seed,
        )
    if name == "xgboost":
        import xgboost

        return xgboost.XGBClassifier(
            n_estimators=rounds, max_depth=depth, learning_rate=0.1, reg_lambda=0.0, tree_method="hist",
            n_jobs=threads, random_state=seed,
        )
    import lightgbm

    return lightgbm.LGBMClassifier(
        n_estimators=rounds, max_depth=depth, num_leaves=2**depth, learning_rate=0.1, min_child_samples=20,
        n_jobs=threads, random_state=seed, verbose=-1,
    )


def peer_model(learner, name, trees, depth, seed, threads):
    """A peer's model with the parameters that mean the same."""
    if learner == "gradient_boosting":
        return boosting_peer(name, trees, depth, seed, threads)
    share = 5 / FEATURES
    if name == "sklearn":
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(trees, max_depth=depth, n_jobs=threads, random_state=seed)
    if name == "sklearnex":
        from sklearnex.ensemble import RandomForestClassifier

        return RandomForestClassifier(trees, max_depth=depth, n_jobs=threads, random_state=seed)
    if name == "xgboost":
        import xgboost

        return xgboost.XGBRFClassifier(
            n_estimators=trees, max_depth=depth, subsample=0.632, colsample_bynode=share, tree_method="hist",
            n_jobs=threads, random_state=seed,
        )
    import lightgbm

    return lightgbm.LGBMClassifier(
        boosting_type="rf", n_estimators=trees, max_depth=depth, num_leaves=2**depth - 1, subsample=0.632,
        subsample_freq=1, feature_fraction_bynode=share, min_child_samples=1, n_jobs=threads, random_state=seed,
        verbose=-1,
    )


def peer(args):
    """One peer's fit, in this process; prints one line of JSON."""
    import resource
    import time
    import warnings

    import numpy as np
    import pyarrow.parquet as pq
    from sklearn.metrics import roc_auc_score

    warnings.filterwarnings("ignore")

    def arrays(file):
        table = pq.read_table(Path(args.data) / file)
        columns = [table[f"f{j}"].to_numpy() for j in range(FEATURES)]
        return np.column_stack(columns), table["target"].to_numpy()

    x, y = arrays("train.parquet")
    model = peer_model(args.learner, args.peer, args.trees, args.depth, args.seed, args.threads)
    start = time.perf_counter()
    model.fit(x, y)
    fit_s = time.perf_counter() - start
    del x, y
    x, y = arrays("test.parquet")
    start = time.perf_counter()
    proba = model.predict_proba(x)[:, 1]
    predict_s = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    auc = float(roc_auc_score(y, proba))
    print(json.dumps({"fit_s": fit_s, "predict_s": predict_s, "auc": auc, "peak_rss_mib": peak}))


def run_peer(name, folder, trees, args, seed):
    command = [sys.executable, __file__, "--peer", name, "--data", folder, "--trees", trees, "--depth", args.depth]
    command += ["--learner", args.learner]
    child = machine.timed(command + ["--threads", args.threads, "--seed", seed], args.threads)
    told = machine.told_json(child["stdout"])
    return told | {"end_s": child["wall_s"], "end_cpu_s": child["cpu_s"], "peak_rss_mib": child["peak_rss_mib"]}


def run_ours(folder, trees, args, seed):
    shape = ["--learner", args.learner, "--trees", trees, "--depth", args.depth, "--threads", args.threads, "--seed", seed]
    bench = [os.environ["TRAINER_BENCH"], "fit", folder / "train.parquet", folder / "test.parquet", *shape]
    fit = machine.timed(bench, args.threads)
    told = machine.told_json(fit["stdout"]) | {"peak_rss_mib": fit["peak_rss_mib"]}
    end = [os.environ["TRAINER"], "fit", "--config", config(folder, args.learner, trees, args.depth, seed)]
    end += ["--runs", folder / "runs", "--threads", args.threads, "--output", "json", "--quiet"]
    child = machine.timed(end, args.threads)
    return told | {
        "end_s": child["wall_s"],
        "end_cpu_s": child["cpu_s"],
        "end_peak_rss_mib": child["peak_rss_mib"],
        "end_auc": machine.told_json(child["stdout"])["metrics"]["roc_auc"],
    }


def race(size, args):
    rows, test_rows, trees = SIZES[size]
    folder = Path(machine.apart(data, rows, test_rows))
    runs = {name: [] for name in ("trainer", *args.peers)}
    for repeat in range(args.repeats):
        for name, done in runs.items():
            if name == "sklearn" and repeat >= args.sklearn_repeats and size != "2k":
                continue
            seed = 42 + repeat
            ours = name == "trainer"
            row = run_ours(folder, trees, args, seed) if ours else run_peer(name, folder, trees, args, seed)
            print(f"  {size} {name} repeat {repeat + 1}: fit {row['fit_s']:.3f} s, end to end {row['end_s']:.3f} s", flush=True)
            done.append(row)
    result = {name: machine.medians(done) for name, done in runs.items()}
    ours = result["trainer"]
    for name, peer_result in result.items():
        peer_result["fit_ratio"] = peer_result["fit_s"] / ours["fit_s"]
        peer_result["end_ratio"] = peer_result["end_s"] / ours["end_s"]
    columns = ("contestant", "fit s", "x ours", "end to end s", "x ours", "AUC", "peak MiB")
    keys = ("fit_s", "fit_ratio", "end_s", "end_ratio", "auc", "peak_rss_mib")
    lines = [(name, *(row[key] for key in keys)) for name, row in result.items()]
    machine.table(f"{args.learner}: {rows:,} x {FEATURES}, {trees} trees, depth {args.depth}, {args.threads} threads", columns, lines)
    return {"learner": args.learner, "rows": rows, "test_rows": test_rows, "features": FEATURES, "trees": trees, "depth": args.depth, "contestants": result}


def main():
    parser = argparse.ArgumentParser(prog="benches/run race", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(SIZES), help=f"of {', '.join(SIZES)}, or ROWS for a size of your own")
    parser.add_argument("--learner", choices=PEERS, default="random_forest")
    parser.add_argument("--peers")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sklearn-repeats", type=int, default=1, help="scikit-learn's on the large sizes: minutes each")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--depth", type=int)
    parser.add_argument("--name", help="of the result file")
    hidden = dict(help=argparse.SUPPRESS)
    parser.add_argument("--peer", **hidden)
    parser.add_argument("--data", **hidden)
    parser.add_argument("--trees", type=int, **hidden)
    parser.add_argument("--seed", type=int, **hidden)
    args = parser.parse_args()
    if args.peer:
        return peer(args)
    args.name = args.name or ("race" if args.learner == "random_forest" else args.learner)
    args.depth = args.depth or DEPTHS[args.learner]
    args.peers = PEERS[args.learner] if args.peers is None else [name for name in args.peers.split(",") if name]
    sizes = args.sizes.split(",")
    SIZES.update({size: (int(size), max(1_000, int(size) // 10), 100) for size in sizes if size not in SIZES})
    description = machine.describe(args.threads, PACKAGES)
    results = [race(size, args) for size in sizes]
    machine.write(args.name, {"machine": description, "races": results})


if __name__ == "__main__":
    main()
