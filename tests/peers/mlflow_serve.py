"""Loads and serves a registered model with MLflow, and compares its probabilities with ours.

    python mlflow_serve.py --tracking-uri URI --model NAME --data FILE --predictions FILE

`--predictions` is the `predictions.parquet` of the run, `--data` the rows that it judged. Exits 1 with what differs.
"""
import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

parser = argparse.ArgumentParser()
for name in ("--tracking-uri", "--model", "--data", "--predictions"):
    parser.add_argument(name, required=True)
args = parser.parse_args()
os.environ["MLFLOW_TRACKING_URI"] = args.tracking_uri
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"

import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

frame = pd.read_parquet(args.data)
ours = pd.read_parquet(args.predictions)
expected = ours[[c for c in ours.columns if c.startswith("probability_")]].to_numpy()
uri = f"models:/{args.model}@champion"
model = mlflow.pyfunc.load_model(uri)


def check(name, got, want):
    got = np.asarray(got, dtype=float)
    assert got.shape == want.shape, f"{name}: shape {got.shape}, expected {want.shape}"
    difference = np.abs(got - want).max()
    assert difference <= 1e-6, f"{name}: differs by {difference}"
    print(f"{name}: largest difference {difference}")


raw = frame.drop(columns=["target"])
texts = [c for c in raw.columns if not pd.api.types.is_numeric_dtype(raw[c]) and c != "event_timestamp"]
numbers = [c for c in model.metadata.get_input_schema().input_names() if c not in texts]
check("as read, with columns that are not asked for", model.predict(raw)["probabilities"], expected)
check("reordered", model.predict(raw[raw.columns[::-1]])["probabilities"], expected)
check("one row", model.predict(raw.head(1))["probabilities"], expected[:1])
objects = raw.copy()
for column in texts:
    objects[column] = objects[column].astype(object).where(objects[column].notna(), None)
check("text as objects with None", model.predict(objects)["probabilities"], expected)
for column in numbers:
    objects[column] = objects[column].astype("Float64")
check("nullable numbers", model.predict(objects)["probabilities"], expected)
labels = np.asarray(model.predict(raw)["label"]).astype(str)
assert (labels == ours["prediction"].astype(str).to_numpy()).all(), "labels differ"

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", uri, "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port)]
# It starts uvicorn by name.
path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
server = subprocess.Popen(command, env={**os.environ, "PATH": path}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    for _ in range(240):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2)
            break
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert server.poll() is None, "the model server ended"
            time.sleep(0.5)
    asked = raw[numbers + texts].head(50)
    split = json.loads(asked.to_json(orient="split", index=False))
    records = json.loads(asked.to_json(orient="records"))
    for name, body in (("dataframe_split", {"dataframe_split": split}), ("dataframe_records", {"dataframe_records": records})):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        answer = json.load(urllib.request.urlopen(request, timeout=60))["predictions"]
        check(f"served, {name}", answer["probabilities"], expected[:50])
finally:
    server.terminate()
    server.wait(30)
