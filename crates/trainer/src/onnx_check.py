"""Runs a model directory's ONNX model on rows and compares what it says with what the native model said.

usage: onnx_check.py LIMIT FOLDER...      prints one JSON object a folder; LIMIT is how far probabilities may be apart
A folder holds rows.json (names, types and files of the columns, names of the outputs, labels of the classes), the
columns, model.onnx, and the native answers. Needs numpy and onnxruntime, and nothing else.
"""

import json
import os
import sys


def inputs_of(folder, rows):
    """The columns as onnxruntime takes them: missing numbers are NaN, missing texts None."""
    import numpy as np

    columns = {}
    for column in rows["columns"]:
        path = os.path.join(folder, column["file"])
        if column["type"] == "text":
            with open(path, encoding="utf-8") as file:
                cells = json.load(file)
            values = np.empty(len(cells), dtype=object)
            values[:] = cells
        else:
            values = np.fromfile(path, dtype="<f8").astype(np.float64)
        columns[column["name"]] = values
    return columns


def expected_of(folder, rows):
    import numpy as np

    classes = np.fromfile(os.path.join(folder, rows["classes"]), dtype="<u4")
    labels = np.empty(len(rows["labels"]), dtype=object)
    labels[:] = rows["labels"]
    probabilities = np.fromfile(os.path.join(folder, rows["native"]), dtype="<f4")
    return labels[classes], probabilities.reshape(len(classes), len(labels)).astype(np.float64)


def open_model(folder):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Threads that spin cost their neighbours a multiple of the time on a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = os.path.join(folder, "model.onnx")
    return onnxruntime.InferenceSession(path, sess_options=options, providers=["CPUExecutionProvider"])


def compare(found, expected, limit):
    """(largest difference, rows whose label differs, first row that is not as it should be)"""
    import numpy as np

    (labels, probabilities), (native_labels, native) = found, expected
    if probabilities.shape != native.shape or len(labels) != len(native_labels):
        raise SystemExit(f"expected probabilities {native.shape}, found {probabilities.shape}")
    apart = np.abs(probabilities.astype(np.float64) - native)
    apart = np.where(np.isnan(apart), np.inf, apart).max(axis=1) if len(native) else np.zeros(0)
    other = labels.astype(object) != native_labels
    odd = np.flatnonzero((apart > limit) | other)
    # JSON has no infinity: a difference that is no number is the largest there is.
    largest = min(float(apart.max()), sys.float_info.max) if len(native) else 0.0
    return largest, int(other.sum()), int(odd[0]) if len(odd) else None


def check(folder, limit):
    import numpy as np
    import onnxruntime

    with open(os.path.join(folder, "rows.json"), encoding="utf-8") as file:
        rows = json.load(file)
    expected = expected_of(folder, rows)
    found = open_model(folder).run([rows["label"], rows["probabilities"]], inputs_of(folder, rows))
    largest, other, first = compare(found, expected, limit)
    answer = {"rows": len(expected[0]), "largest_difference": largest, "different_labels": other, "first": first}
    answer["onnxruntime"] = onnxruntime.__version__
    if first is not None:
        answer["native"] = {"label": expected[0][first], "probabilities": expected[1][first].tolist()}
        label = found[0][first]
        label = label.item() if hasattr(label, "item") else label
        numbers = [float(value) if np.isfinite(value) else str(value) for value in found[1][first]]
        answer["onnx"] = {"label": label, "probabilities": numbers}
    return answer


def main(limit, folders):
    try:
        import numpy  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        # Either brings the other.
        print(f"missing module: {error.name}", file=sys.stderr)
        raise SystemExit(97) from None
    for folder in folders:
        print(json.dumps(check(folder, limit), allow_nan=False))


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
