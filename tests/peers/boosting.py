"""XGBoost's and LightGBM's boosting on the shared data sets: what ours is compared with.

usage: boosting.py --out DIR --shared DIR [--rows N]

As forest.py, whose rows and caches it shares the shape of. Both peers take text columns as categories, and the same rounds,
depth and learning rate; DIR/expected.json has log loss and ROC AUC, metric by metric those of the better peer. Neither draws anything
at random here, so one fit stands for all seeds.
"""

import argparse
import hashlib
import json
import os
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import xgboost
from sklearn.metrics import log_loss, roc_auc_score

import forest

PARAMS = {"max_iter": 100, "max_depth": 6, "learning_rate": 0.1}
# Of ours: how gradients are rounded differs by seed.
SEEDS = [1, 2, 3]


def frames(train, test, features):
    """Both parts with text as categories of the training part; missing numbers stay missing."""
    parts = ({}, {})
    for name in features:
        kind = train[name].type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind):
            texts = [part[name].cast(pa.string()).to_pandas() for part in (train, test)]
            levels = pd.CategoricalDtype(sorted(texts[0].dropna().unique()))
            columns = [text.astype(levels) for text in texts]
        else:
            columns = [part[name].to_pandas().astype("float64").astype(np.float32) for part in (train, test)]
        parts[0][name], parts[1][name] = columns
    # Names of columns may hold what LightGBM refuses.
    return tuple(pd.DataFrame(part).set_axis([f"f{at}" for at in range(len(features))], axis=1) for part in parts)


def models():
    """The peers with the same rounds, depth and learning rate."""
    rounds, depth, rate = PARAMS["max_iter"], PARAMS["max_depth"], PARAMS["learning_rate"]
    yield xgboost.XGBClassifier(
        n_estimators=rounds, max_depth=depth, learning_rate=rate, tree_method="hist", enable_categorical=True,
        random_state=1, n_jobs=os.cpu_count(),
    )
    yield lightgbm.LGBMClassifier(
        n_estimators=rounds, max_depth=depth, num_leaves=2**depth, learning_rate=rate, random_state=1,
        n_jobs=os.cpu_count(), verbose=-1,
    )


def scores(train, test, about):
    """For each metric the value of the better peer."""
    features = [name for name in train.column_names if name != about["target"] and name not in about["ignore"]]
    x, x_test = frames(train, test, features)
    texts, texts_test = (part[about["target"]].to_pandas().astype(str).to_numpy() for part in (train, test))
    classes, y = np.unique(texts, return_inverse=True)
    y_test = np.searchsorted(classes, texts_test)
    found = {"log_loss": [], "roc_auc": []}
    for model in models():
        proba = model.fit(x, y).predict_proba(x_test)
        many = proba if proba.shape[1] > 2 else proba[:, 1]
        labels = np.arange(len(classes))
        auc = roc_auc_score(y_test, many, multi_class="ovr", labels=labels if len(classes) > 2 else None)
        found["log_loss"].append(log_loss(y_test, proba.astype(np.float64), labels=labels)), found["roc_auc"].append(auc)
    best = {"log_loss": min, "roc_auc": max}
    return {metric: [best[metric](values)] for metric, values in found.items()}


def one(about, table, test, args):
    """Writes both parts of one data set, and finds or computes what is expected of them."""
    about["seeds"] = SEEDS
    versions = [xgboost.__version__, lightgbm.__version__, pd.__version__]
    key = hashlib.sha256(json.dumps([*versions, PARAMS, about]).encode())
    folder = args.out / about["name"] / "0"
    folder.mkdir(parents=True, exist_ok=True)
    train, test = table.take(forest.thinned(table, test, about["target"], args.rows)), table.take(np.flatnonzero(test))
    for name, part in (("train", train), ("test", test)):
        key.update(forest.written(part, folder / f"{name}.parquet"))
    cache = args.out / about["name"] / "expected.json"
    found = json.loads(cache.read_text()) if cache.exists() else {}
    if found.get("key") != key.hexdigest():
        found = {"key": key.hexdigest(), **about, "scores": [scores(train, test, about)]}
        forest.replaced(cache, json.dumps(found))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=20_000)
    args = parser.parse_args()
    expected = [one(about, table, tests[0], args) for about, table, tests in forest.shared(args.shared)]
    args.out.mkdir(parents=True, exist_ok=True)
    forest.replaced(args.out / "expected.json", json.dumps({"params": PARAMS, "sets": expected}, indent=1))


if __name__ == "__main__":
    main()
