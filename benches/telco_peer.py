"""The project of `benches/telco.py` as a scikit-learn script: what a user of scikit-learn would write.

usage: telco_peer.py FOLDER TARGET POSITIVE IGNORED,... TREES FOLDS whole|bare

Reads FOLDER/train.parquet and FOLDER/test.parquet, holds a fifth of the training rows out, fits a baseline and a
forest, cross-validates, scores all parts, judges gates, and writes predictions and metrics; `whole` also permutes each
feature five times on a thousand test rows and writes a report of one HTML file, as ours does. Prints the metrics; ends
with 4 when a gate fails.
"""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import (
    accuracy_score, average_precision_score, brier_score_loss, confusion_matrix, f1_score, log_loss,
    matthews_corrcoef, precision_score, recall_score, roc_auc_score,
)
from sklearn.model_selection import cross_validate, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

FOLDER, TARGET, POSITIVE, IGNORED, TREES, FOLDS, EXTENT = sys.argv[1:]
FOLDER = Path(FOLDER)
GATES = {"accuracy": 0.85, "precision": 0.80, "recall": 0.75}


def rows(file):
    frame = pd.read_parquet(FOLDER / file)
    y = (frame[TARGET].astype(str) == POSITIVE).to_numpy().astype(int)
    return frame.drop(columns=[TARGET, *filter(None, IGNORED.split(","))]), y


def scores(y, proba):
    hard = (proba >= 0.5).astype(int)
    macro = {"average": "macro", "zero_division": 0}
    return {
        "accuracy": accuracy_score(y, hard),
        "precision": precision_score(y, hard, **macro),
        "recall": recall_score(y, hard, **macro),
        "f1_score": f1_score(y, hard, **macro),
        "roc_auc": roc_auc_score(y, proba),
        "pr_auc": average_precision_score(y, proba),
        "log_loss": log_loss(y, np.column_stack([1 - proba, proba])),
        "brier": brier_score_loss(y, proba),
        "mcc": matthews_corrcoef(y, hard),
    }


def report(path, model, x, y, proba, metrics):
    """ROC, precision and recall, calibration, confusion and importances as one picture in one file."""
    import matplotlib
    from sklearn.inspection import permutation_importance

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    from sklearn.calibration import CalibrationDisplay
    from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, RocCurveDisplay

    figure, axes = plt.subplots(2, 3, figsize=(15, 9))
    RocCurveDisplay.from_predictions(y, proba, ax=axes[0, 0])
    PrecisionRecallDisplay.from_predictions(y, proba, ax=axes[0, 1])
    CalibrationDisplay.from_predictions(y, proba, n_bins=10, ax=axes[0, 2])
    ConfusionMatrixDisplay(confusion_matrix(y, (proba >= 0.5).astype(int))).plot(ax=axes[1, 0])
    importances = model[-1].feature_importances_
    axes[1, 1].barh([str(name) for name in x.columns], importances)
    some = np.arange(min(len(y), 1_000)) * len(y) // min(len(y), 1_000)
    permuted = permutation_importance(model, x.iloc[some], y[some], scoring="roc_auc", n_repeats=5, random_state=42)
    axes[1, 2].barh([str(name) for name in x.columns], permuted.importances_mean, xerr=permuted.importances_std)
    svg = io.StringIO()
    figure.savefig(svg, format="svg")
    table = pd.Series(metrics).to_frame("value").to_html()
    profile = x.describe(include="all").to_html()
    path.write_text(f"<html><body>{table}{svg.getvalue()}{profile}</body></html>")


def main():
    x, y = rows("train.parquet")
    x_test, y_test = rows("test.parquet")
    x_fit, x_valid, y_fit, y_valid = train_test_split(x, y, test_size=0.2, random_state=42, stratify=y)
    text = [name for name in x.columns if not pd.api.types.is_numeric_dtype(x[name])]
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    columns = ColumnTransformer([("text", encode, text)], remainder="passthrough")
    forest = RandomForestClassifier(int(TREES), max_depth=10, random_state=42, n_jobs=-1)
    model = make_pipeline(columns, forest).fit(x_fit, y_fit)
    baseline = DummyClassifier().fit(x_fit, y_fit)

    parts = {"training_": (x_fit, y_fit), "validation_": (x_valid, y_valid), "": (x_test, y_test)}
    metrics = {}
    for name, (x_part, y_part) in parts.items():
        proba = model.predict_proba(x_part)[:, 1]
        metrics |= {name + key: value for key, value in scores(y_part, proba).items()}
    base = scores(y_test, baseline.predict_proba(x_test)[:, 1])
    metrics |= {f"baseline_{key}": value for key, value in base.items()}
    if int(FOLDS):
        names = ("accuracy", "precision_macro", "recall_macro", "f1_macro", "roc_auc", "average_precision", "neg_log_loss")
        folds = cross_validate(make_pipeline(columns, forest), x_fit, y_fit, cv=int(FOLDS), scoring=names)
        for name in names:
            metrics[f"cv_mean_{name}"], metrics[f"cv_std_{name}"] = folds[f"test_{name}"].mean(), folds[f"test_{name}"].std()

    out = FOLDER / "peer"
    out.mkdir(exist_ok=True)
    pd.DataFrame({"proba": proba, "predicted": (proba >= 0.5).astype(int), "y": y_test}).to_parquet(out / "predictions.parquet")
    metrics = {key: float(value) for key, value in metrics.items()}
    (out / "metrics.json").write_text(json.dumps(metrics))
    if EXTENT == "whole":
        report(out / "report.html", model, x_test, y_test, proba, metrics)
    passed = all(metrics[name] >= least for name, least in GATES.items())
    print(json.dumps({"metrics": metrics, "passed": passed}))
    sys.exit(0 if passed else 4)


main()
