"""scikit-learn's random forest on data sets whose split is fixed: what ours is compared with.

usage: forest.py --out DIR [--shared DIR] [--rows N]

Writes DIR/NAME/PART/{train,test}.parquet, which both sides read, and DIR/expected.json: for each data set the columns,
and accuracy and ROC AUC of each part and seed. A shared data set has one part, its committed split; a bundled one is
so small that a fifth of it says little, so it has five: every row is a test row once. What was computed before, with
the same bytes, parameters and versions, is taken from DIR/NAME/expected.json.

Text columns become codes in sorted order, missing or unknown ones -1; missing numbers stay missing. Training rows
above --rows are thinned out, stratified; test rows never are.
"""

import argparse
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sklearn
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split

# A seed moves a score on few test rows by more than the difference that is looked for: the fewer rows, the more seeds.
SEEDS_AT_LEAST, SEEDS_AT_MOST, SEED_ROWS = 3, 60, 3_000
PARAMS = {"n_estimators": 100, "max_depth": 10, "max_features": "sqrt"}
BUNDLED = ("iris", "wine", "breast_cancer", "digits")


def fifths(y):
    """For each of five stratified parts, which rows are its test rows."""
    folds = StratifiedKFold(5, shuffle=True, random_state=42).split(y, y)
    return [np.isin(np.arange(len(y)), test) for _, test in folds]


def bundled():
    """The data sets that come with scikit-learn."""
    for name in BUNDLED:
        data = getattr(datasets, f"load_{name}")(as_frame=True)
        frame = data.data.rename(columns=lambda column: column.replace(" (cm)", "").replace(" ", "_").replace("/", "_"))
        table = pa.Table.from_pandas(frame.assign(target=data.target), preserve_index=False)
        yield {"name": name, "target": "target", "ignore": []}, table, fifths(data.target)


def shared(folder):
    """The data sets of the shared folder, on their committed split."""
    for entry in json.loads((folder / "manifest.json").read_text())["datasets"]:
        about = {"name": entry["name"], "target": entry["target"], "ignore": entry["ignore_columns"]}
        test = pq.read_table(folder / entry["split"])["is_test"].to_numpy(zero_copy_only=False)
        yield about, pq.read_table(folder / entry["file"]), [test]


def thinned(table, test, target, rows):
    """Row numbers of the training part, at most `rows`."""
    train = np.flatnonzero(~test)
    if len(train) <= rows:
        return train
    y = table[target].to_pandas().astype(str).to_numpy()
    return np.sort(train_test_split(train, train_size=rows, random_state=42, stratify=y[train])[0])


def encoded(train, test, features):
    """Both parts as float32 matrices."""
    parts = ([], [])
    for name in features:
        kind = train[name].type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind):
            texts = [part[name].cast(pa.string()).to_pandas() for part in (train, test)]
            codes = {value: code for code, value in enumerate(sorted(texts[0].dropna().unique()))}
            columns = [text.map(codes).fillna(-1).to_numpy(np.float32) for text in texts]
        else:
            columns = [part[name].to_pandas().astype("float64").to_numpy(np.float32) for part in (train, test)]
        parts[0].append(columns[0]), parts[1].append(columns[1])
    return np.column_stack(parts[0]), np.column_stack(parts[1])


def seeds(test_rows):
    """The seeds that a data set with so many test rows, of all parts together, is fitted with."""
    return list(range(1, 1 + min(max(SEED_ROWS // test_rows, SEEDS_AT_LEAST), SEEDS_AT_MOST)))


def scores(train, test, about):
    """Accuracy and ROC AUC (one against the rest, macro) of each seed."""
    features = [name for name in train.column_names if name != about["target"] and name not in about["ignore"]]
    x, x_test = encoded(train, test, features)
    y, y_test = (part[about["target"]].to_pandas().astype(str).to_numpy() for part in (train, test))
    accuracies, aucs = [], []
    for seed in about["seeds"]:
        model = RandomForestClassifier(**PARAMS, random_state=seed, n_jobs=os.cpu_count()).fit(x, y)
        proba = model.predict_proba(x_test)
        accuracies.append(accuracy_score(y_test, model.classes_[proba.argmax(1)]))
        many = proba if proba.shape[1] > 2 else proba[:, 1]
        aucs.append(roc_auc_score(y_test, many, multi_class="ovr", labels=model.classes_ if proba.shape[1] > 2 else None))
    return {"accuracy": accuracies, "roc_auc": aucs}


def replaced(path, text):
    """Writes a text, so that a reader sees either all of it or what was there before."""
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(text)
    aside.replace(path)


def written(table, path):
    """Writes a table in the same way; returns its bytes."""
    aside = path.with_suffix(f".{os.getpid()}")
    pq.write_table(table, aside)
    aside.replace(path)
    return path.read_bytes()


def one(about, table, tests, args):
    """Writes the parts of one data set, and finds or computes what is expected of them."""
    about["seeds"] = seeds(int(sum(test.sum() for test in tests)))
    key = hashlib.sha256(json.dumps([sklearn.__version__, np.__version__, pd.__version__, PARAMS, about]).encode())
    parts = []
    for number, test in enumerate(tests):
        folder = args.out / about["name"] / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        train = table.take(thinned(table, test, about["target"], args.rows))
        parts.append((train, table.take(np.flatnonzero(test))))
        for name, part in zip(("train", "test"), parts[-1]):
            key.update(written(part, folder / f"{name}.parquet"))
    cache = args.out / about["name"] / "expected.json"
    found = json.loads(cache.read_text()) if cache.exists() else {}
    if found.get("key") != key.hexdigest():
        found = {"key": key.hexdigest(), **about, "scores": [scores(*part, about) for part in parts]}
        replaced(cache, json.dumps(found))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--rows", type=int, default=20_000)
    args = parser.parse_args()
    every = shared(args.shared) if args.shared else bundled()
    expected = [one(about, table, tests, args) for about, table, tests in every]
    args.out.mkdir(parents=True, exist_ok=True)
    replaced(args.out / "expected.json", json.dumps({"params": PARAMS, "sets": expected}, indent=1))


if __name__ == "__main__":
    main()
