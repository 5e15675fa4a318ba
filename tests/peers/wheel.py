"""The wheel's functions, called from Python alone.

    wheel.py FOLDER

Reads `rows.parquet` and `spec.json`; writes `state.json`, `columns.parquet`, and what it noticed to `noticed.json`.
"""

import json
import pickle
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from trainer_features import FeatureError, PointInTime, State, fit

FOLDER = Path(sys.argv[1])


def refused(action) -> dict:
    try:
        action()
    except FeatureError as error:
        assert error.message in str(error)
        return {"code": error.code, "column": error.column, "hint": error.hint, "row": error.row}
    raise AssertionError("it was not refused")


def runs_beside(action) -> bool:
    """Whether another thread of Python gets to run while this one is in the library."""
    turns, done = [0], threading.Event()

    def count() -> None:
        while not done.is_set():
            turns[0] += 1
            # Gives the lock back, which nobody takes away within the interval.
            time.sleep(0.0001)

    thread = threading.Thread(target=count)
    thread.start()
    sys.setswitchinterval(100.0)
    before = turns[0]
    action()
    after = turns[0]
    sys.setswitchinterval(0.005)
    done.set()
    thread.join()
    return after > before


def main() -> None:
    table = pq.read_table(FOLDER / "rows.parquet")
    spec = (FOLDER / "spec.json").read_text()
    batches = table.to_batches(max_chunksize=700)
    state, _ = fit(batches, spec)
    (FOLDER / "state.json").write_bytes(state.to_bytes())
    made = [state.transform(batch)[0] for batch in batches]
    assert made[0].schema == state.schema(table.schema), (made[0].schema, state.schema(table.schema))
    pq.write_table(pa.Table.from_batches(made), FOLDER / "columns.parquet")

    schema = pa.schema([("user", pa.int64()), ("at", pa.timestamp("us")), ("side", pa.bool_())])
    unsorted = pa.record_batch({"user": [2, 1], "at": [0, 0], "side": [False, True]}, schema=schema)
    scan = PointInTime(schema, keys=["user"], time="at", is_label="side", features=[])
    misspelt = '{"steps": [{"standardize": {"columns": ["lenght"]}}]}'
    large = pa.Table.from_batches(batches * 40).combine_chunks().to_batches()[0]
    noticed = {
        "spec": refused(lambda: fit(batches, '{"stepz": []}')),
        "state": refused(lambda: State(b"{}")),
        "column": refused(lambda: fit(batches, misspelt)),
        "unsorted": refused(lambda: scan.push(unsorted)),
        "pickled": pickle.loads(pickle.dumps(state)).to_bytes() == state.to_bytes(),
        "other_threads_ran": runs_beside(lambda: state.transform(large)),
    }
    (FOLDER / "noticed.json").write_text(json.dumps(noticed))


if __name__ == "__main__":
    main()
