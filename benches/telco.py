"""A whole small project: ours beside the same project as a scikit-learn script, each in a fresh process.

Telco churn (7,043 rows, 19 columns, its committed split), 200 trees of depth 10, 5-fold cross-validation, gates,
permutation importances and a report; beside it the script without those two. Without the shared data it is scikit-learn's breast cancer set. Both sides end with 4 where a gate fails.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

import machine

PACKAGES = ("scikit-learn", "pandas", "pyarrow", "numpy", "matplotlib")
SHARED = Path(os.environ.get("TRAINER_TEST_SHARED", machine.ROOT.parent / "shared")) / "data"


def data():
    """Writes train.parquet and test.parquet; returns the folder, the set's name, target, positive label, ignored."""
    import pyarrow.parquet as pq

    manifest = SHARED / "manifest.json"
    if manifest.exists():
        entry = next(it for it in json.loads(manifest.read_text())["datasets"] if it["name"] == "telco_churn")
        table = pq.read_table(SHARED / entry["file"])
        test = pq.read_table(SHARED / entry["split"])["is_test"].to_numpy(zero_copy_only=False)
        about = ("telco_churn", entry["target"], str(entry["positive_label"]), entry["ignore_columns"])
    else:
        print("shared data absent: scikit-learn's breast cancer set instead of telco_churn")
        import numpy as np
        import pyarrow as pa
        from sklearn.datasets import load_breast_cancer

        frame = load_breast_cancer(as_frame=True).frame
        frame.columns = [name.replace(" ", "_") for name in frame.columns]
        table, test = pa.Table.from_pandas(frame, preserve_index=False), np.arange(len(frame)) % 5 == 0
        about = ("breast_cancer", "target", "1", [])
    folder = machine.WORK / "telco"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.filter(~test), folder / "train.parquet")
    pq.write_table(table.filter(test), folder / "test.parquet")
    return str(folder), *about


def config(folder, target, positive, ignored, args):
    path = folder / "config.yaml"
    path.write_text(f"""project: {{name: telco}}
data:
  source: {folder}
  train_path: train.parquet
  test_path: test.parquet
  validation_split: 0.2
  target: {target}
  ignore: {json.dumps(ignored)}
model:
  type: random_forest
  params: {{n_estimators: {args.trees}, max_depth: 10, random_state: 42}}
training: {{cv_folds: {args.folds}, positive_label: {json.dumps(positive)}}}
quality_gates: {{accuracy: 0.85, precision: 0.80, recall: 0.75}}
""")
    return path


def main():
    parser = argparse.ArgumentParser(prog="benches/run telco", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--name", default="telco", help="of the result file")
    args = parser.parse_args()
    folder, name, target, positive, ignored = machine.apart(data)
    folder = Path(folder)
    path = config(folder, target, positive, ignored, args)
    ours = [os.environ["TRAINER"], "fit", "--config", path, "--runs", folder / "runs", "--output", "json", "--quiet"]
    ours += ["--threads", args.threads]
    peer = [sys.executable, machine.ROOT / "benches" / "telco_peer.py", folder, target, positive, ",".join(ignored)]
    peer += [args.trees, args.folds]
    commands = {"trainer": ours, "sklearn": [*peer, "whole"], "sklearn, no report": [*peer, "bare"]}
    runs = {contestant: [] for contestant in commands}
    description = machine.describe(args.threads, PACKAGES)
    for _ in range(args.repeats):
        for contestant, command in commands.items():
            child = machine.timed(command, args.threads, accept=(0, 4))
            told = machine.told_json(child.pop("stdout"))
            runs[contestant].append(child | {key: told["metrics"][key] for key in ("accuracy", "roc_auc")})
        shutil.rmtree(folder / "runs", ignore_errors=True)
    result = {contestant: machine.medians(done) for contestant, done in runs.items()}
    for row in result.values():
        row["ratio"] = row["wall_s"] / result["trainer"]["wall_s"]
    keys = ("wall_s", "ratio", "cpu_s", "peak_rss_mib", "accuracy", "roc_auc")
    lines = [(contestant, *(row[key] for key in keys)) for contestant, row in result.items()]
    title = f"{name}, {args.trees} trees, {args.folds} folds, gates, report, {args.threads} threads, fresh processes"
    machine.table(title, ("contestant", "wall s", "x ours", "CPU s", "peak MiB", "accuracy", "AUC"), lines)
    machine.write(args.name, {"machine": description, "set": name, "trees": args.trees, "folds": args.folds, "contestants": result})


if __name__ == "__main__":
    main()
