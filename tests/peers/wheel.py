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

from trainer_features import FeatureError, PointInTime, State, advance, begin, fit_state, inspect, merge, schema, transform

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


def masked(table: pa.Table) -> dict:
    """A key goes along with an object, and stands in no file."""
    key = "a key that nobody may see"
    spec = json.dumps({"steps": [{"mask": {"columns": ["user"], "key": key}}]})
    state = State.begin(spec, table.schema)
    batch = table.to_batches()[0]
    while not state.is_done:
        state.add(batch)
        state = state.advance()
    made, _ = state.transform(batch)
    again, _ = pickle.loads(pickle.dumps(state)).transform(batch)
    with_key, _ = State(state.to_bytes(), [key]).transform(batch)
    without = refused(lambda: State(state.to_bytes()).transform(batch))
    return {
        "same": made == again == with_key and made["user"] != batch["user"],
        "key_saved": key.encode() in state.to_bytes(),
        "without": without["code"],
    }


def main() -> None:
    table = pq.read_table(FOLDER / "rows.parquet")
    spec = (FOLDER / "spec.json").read_text()
    batches = table.to_batches(max_chunksize=700)
    done = begin(spec, table.schema)
    passes = 0
    while not State(done).is_done:
        # The last first, and two for a shard.
        parts = [fit_state(batches[at : at + 2], done) for at in range(0, len(batches), 2)]
        done = advance(merge(reversed(parts)))
        passes += 1
    (FOLDER / "state.json").write_bytes(done)
    state = State(done)
    made = [state.transform(batch)[0] for batch in batches]
    assert made[0].schema == schema(done, table.schema), (made[0].schema, schema(done, table.schema))
    assert made[0] == transform(batches[0], done)[0]
    pq.write_table(pa.Table.from_batches(made), FOLDER / "columns.parquet")

    sides = pa.schema([("user", pa.int64()), ("at", pa.timestamp("us")), ("side", pa.bool_())])
    unsorted = pa.record_batch({"user": [2, 1], "at": [0, 0], "side": [False, True]}, schema=sides)
    scan = PointInTime(sides, keys=["user"], time="at", is_label="side", features=[])
    misspelt = '{"steps": [{"standardize": {"columns": ["lenght"]}}]}'
    large = pa.Table.from_batches(batches * 40).combine_chunks().to_batches()[0]
    noticed = {
        "passes": passes,
        "inspected": json.loads(inspect(done)),
        "warnings": state.warnings,
        "spec": refused(lambda: begin('{"stepz": []}', table.schema)),
        "state": refused(lambda: State(b"{}")),
        "column": refused(lambda: begin(misspelt, table.schema)),
        "early": refused(lambda: State.begin(spec, table.schema).transform(batches[0])),
        "late": refused(lambda: state.add(batches[0])),
        "other": refused(lambda: merge([begin(spec, table.schema), begin('{"steps": []}', table.schema), done])),
        "masked": masked(table),
        "unsorted": refused(lambda: scan.push(unsorted)),
        "pickled": pickle.loads(pickle.dumps(state)).to_bytes() == state.to_bytes(),
        "other_threads_ran": runs_beside(lambda: state.transform(large)),
    }
    (FOLDER / "noticed.json").write_text(json.dumps(noticed))


if __name__ == "__main__":
    main()
