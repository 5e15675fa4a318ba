"""scikit-learn's numbers for each case of a JSON file: prints one object a case, null where it has none.

usage: metrics.py cases.json
"""
import json
import sys
import warnings

import numpy as np
from sklearn import metrics as sk

warnings.simplefilter("ignore")


def defined(number):
    number = float(number)
    return number if np.isfinite(number) else None


def numbers(case):
    y, predicted = np.array(case["y"]), np.array(case["predicted"])
    proba = np.array(case["proba"], dtype=np.float32)
    weight = None if case["weight"] is None else np.array(case["weight"], dtype=np.float64)
    labels = list(range(proba.shape[1]))
    binary = len(labels) == 2
    average = {"average": case["average"], "sample_weight": weight, "zero_division": np.nan}
    if case["average"] != "binary":
        average["zero_division"] = 0.0
    decided = {"y_true": y, "y_pred": predicted, "sample_weight": weight}
    # float64 keeps the same values; float32 alone sets where log_loss clips.
    wide = proba.astype(np.float64)
    if binary:
        roc_auc = sk.roc_auc_score(y, wide[:, 1], sample_weight=weight)
        pr_auc = sk.average_precision_score(y, wide[:, 1], sample_weight=weight)
        brier = sk.brier_score_loss(y, wide[:, 1], sample_weight=weight, pos_label=1)
    else:
        roc_auc = sk.roc_auc_score(y, wide, multi_class="ovr", labels=labels, sample_weight=weight)
        pr_auc = sk.average_precision_score(np.eye(len(labels))[y], wide, average="macro", sample_weight=weight)
        brier = sk.brier_score_loss(y, wide, labels=labels, sample_weight=weight)
    return {
        "accuracy": defined(sk.accuracy_score(**decided)),
        "balanced_accuracy": defined(sk.balanced_accuracy_score(**decided)),
        "precision": defined(sk.precision_score(y, predicted, **average)),
        "recall": defined(sk.recall_score(y, predicted, **average)),
        "f1_score": defined(sk.f1_score(y, predicted, **average)),
        "roc_auc": defined(roc_auc),
        "pr_auc": defined(pr_auc),
        "log_loss": defined(sk.log_loss(y, proba, labels=labels, sample_weight=weight)),
        "brier": defined(brier),
        "mcc": defined(sk.matthews_corrcoef(**decided)),
    }


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(json.dumps([numbers(case) for case in json.load(file)], allow_nan=False))
