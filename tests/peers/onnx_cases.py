"""Runs each case in the onnxruntime that is there: all rows at once, some rows alone, and no rows at all.

usage: onnx_cases.py FOLDER...      prints one JSON object a folder; `onnx_check.py` must be on the path

A folder is what `onnx_check.py` takes, or holds a matrix in place of probabilities. Every bit must be the native one; where
a file `ulps` is there, probabilities may be so many floats away: an exponential may be rounded differently.
"""

import json
import os
import sys

import numpy as np
import onnxruntime
from onnx_check import expected_of, inputs_of, open_model

ALONE = 25


def checked(folder):
    """What the checker of the onnx package says, where it is there."""
    try:
        import onnx
    except ImportError:
        return []
    try:
        onnx.checker.check_model(os.path.join(folder, "model.onnx"), full_check=True)
        return []
    except Exception as error:
        return [f"checker: {error}"]


def bits(values):
    values = np.ascontiguousarray(values, dtype=np.float32).copy()
    # Missing is missing, and zero is zero, whatever their bits.
    values[np.isnan(values)] = np.nan
    values[values == 0] = 0
    return values.view(np.uint32)


def differences(name, found, expected, ulps=0):
    if bits(found).shape != bits(expected).shape:
        return [f"{name}: shape {found.shape}, expected {expected.shape}"]
    other = np.argwhere(np.abs(bits(found).astype(np.int64) - bits(expected).astype(np.int64)) > ulps)
    if not len(other):
        return []
    first = tuple(int(at) for at in other[0])
    return [f"{name}: {len(other)} cells, first {first}: {found[first]!r}, expected {expected[first]!r}"]


def compared(name, rows, found, expected, ulps):
    if "matrix" in rows:
        return differences(name, found[0], expected[0])
    problems = differences(f"{name}, probabilities", found[1], expected[1], ulps)
    if list(found[0]) != list(expected[0]):
        first = next(i for i, pair in enumerate(zip(found[0], expected[0])) if pair[0] != pair[1])
        problems.append(f"{name}, label of row {first}: {found[0][first]!r}, expected {expected[0][first]!r}")
    return problems


def judge(folder):
    with open(os.path.join(folder, "rows.json"), encoding="utf-8") as file:
        rows = json.load(file)
    if "matrix" in rows:
        names = [rows["matrix"]]
        cells = np.fromfile(os.path.join(folder, "matrix.f32"), dtype="<f4")
        expected = [cells.reshape(rows["rows"], rows["features"])]
    else:
        names = [rows["label"], rows["probabilities"]]
        expected = list(expected_of(folder, rows))
    inputs = inputs_of(folder, rows)
    near = os.path.join(folder, "ulps")
    ulps = int(open(near, encoding="utf-8").read()) if os.path.exists(near) else 0
    session = open_model(folder)
    problems = checked(folder)
    problems += compared("all rows", rows, session.run(names, inputs), expected, ulps)
    count = len(expected[0])
    for row in list(range(min(count, ALONE))) + [count - 1]:
        part = {name: values[row : row + 1] for name, values in inputs.items()}
        problems += compared(f"row {row} alone", rows, session.run(names, part), [it[row : row + 1] for it in expected], ulps)
    part = {name: values[:0] for name, values in inputs.items()}
    problems += compared("no rows", rows, session.run(names, part), [it[:0] for it in expected], ulps)
    answer = {"case": os.path.basename(folder), "rows": count, "problems": problems[:5]}
    return answer | {"onnxruntime": onnxruntime.__version__}


def main(folders):
    for folder in folders:
        try:
            answer = judge(folder)
        except Exception as error:
            answer = {"case": os.path.basename(folder), "rows": 0, "problems": [f"{type(error).__name__}: {error}"]}
            answer["onnxruntime"] = onnxruntime.__version__
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
