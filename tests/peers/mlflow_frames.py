"""Loads a model directory with MLflow and predicts the same rows as frames of many kinds.

usage: mlflow_frames.py MODEL ROWS NATIVE

`ROWS` are Parquet rows, `NATIVE` what `trainer predict` says of them. Exits 1 with what differs.
"""

import json
import logging
import sys

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.scoring_server import infer_and_parse_data

logging.disable(logging.WARNING)
folder, rows_path, native_path = sys.argv[1:]
model = mlflow.pyfunc.load_model(folder)
schema = model.metadata.get_input_schema()
names = schema.input_names()
rows = pd.read_parquet(rows_path)
native = pd.read_parquet(native_path)
expected = native[[name for name in native.columns if name.startswith("probability_")]].to_numpy()
texts = [name for name in names if not pd.api.types.is_numeric_dtype(rows[name])]
numbers = [name for name in names if name not in texts]
assert texts and rows[texts].isna().any().any() and rows[numbers].isna().any().any(), "rows that are not hard"
failures = []


def check(name, data, among=slice(None)):
    try:
        found = model.predict(data() if callable(data) else data)
    except Exception as error:
        failures.append(f"{name}: {type(error).__name__}: {str(error)[-300:]}")
        return
    probabilities, labels = np.asarray(found["probabilities"]), np.asarray(found["label"])
    if not np.array_equal(probabilities, expected[among]):
        apart = np.abs(probabilities - expected[among]).max() if probabilities.shape == expected[among].shape else "shape"
        failures.append(f"{name}: probabilities differ: {apart}")
    if not np.array_equal(labels.astype(str), native["prediction"][among].astype(str)):
        failures.append(f"{name}: labels differ")


def changed(columns, dtype, missing=None):
    frame = rows.copy()
    for column in columns:
        frame[column] = frame[column].astype(dtype)
        if dtype is object:
            frame[column] = frame[column].where(rows[column].notna(), missing)
    return frame


check("as read, with more columns than the model has", rows)
check("reordered", rows[rows.columns[::-1]])
check("one row", rows.head(1), slice(0, 1))
check("text as objects with None", changed(texts, object, None))
check("text as objects with NaN", changed(texts, object, np.nan))
check("text as objects with pandas.NA", changed(texts, object, pd.NA))
check("text as nullable strings", lambda: changed(texts, "string"))
check("text as categories", changed(texts, "category"))
check("numbers as objects with None", changed(numbers, object, None))
check("numbers as nullable floats", lambda: changed(numbers, "Float64"))
# A tensor of text has no None: `nan` is what the others become.
tensors = {name: rows[name].to_numpy(dtype=np.float64) for name in numbers}
check("tensors", tensors | {name: rows[name].astype(object).fillna("nan").to_numpy().astype(str) for name in texts})

# As a server parses them: nulls too are in the first row.
for count in (len(rows), 1):
    some = rows[names].iloc[1 : 1 + count]
    records = json.loads(some.to_json(orient="records"))
    assert any(records[0][name] is None for name in texts), "a null in the first row"
    among = slice(1, 1 + len(some))
    for name, body in {
        "dataframe_records": records,
        "dataframe_split": {"columns": names, "data": [[record[name] for name in names] for record in records]},
        "inputs": {name: [record[name] for record in records] for name in names},
        "instances": records,
    }.items():
        check(f"served, {name}, {len(some)} rows", lambda body={name: body}: infer_and_parse_data(body, schema), among)

example = model.metadata.load_input_example(folder)
assert len(example) == 5, example
assert len(model.predict(example)["label"]) == 5
if hasattr(mlflow.models, "validate_serving_input"):
    with open(f"{folder}/serving_input_example.json", encoding="utf-8") as file:
        mlflow.models.validate_serving_input(folder, file.read())
print("\n".join(failures))
sys.exit(1 if failures else 0)
