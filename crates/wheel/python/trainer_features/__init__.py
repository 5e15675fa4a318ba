"""Feature functions over Arrow batches: the same code as `trainer features`, for engines that speak Python.

Everything takes and gives pyarrow's objects, or any that speak Arrow's C data interface, without a copy. What cannot be
done raises `FeatureError`, with `code`, `message` and `hint`.

A plan is learned in passes over the rows. In each, whoever has some of the rows calls `fit_state`; the states are merged,
in any order, and advanced:

    state = begin(spec, schema)
    while not State(state).is_done:
        state = advance(merge([fit_state(part, state) for part in parts]))
    features, warnings = transform(batch, state)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from ._native import Checks, FeatureError, Files, Folder, Part, PointInTime, Reading, Share, State

__all__ = [
    "Checks",
    "FeatureError",
    "Files",
    "Folder",
    "Part",
    "PointInTime",
    "Reading",
    "Share",
    "State",
    "advance",
    "begin",
    "fit_state",
    "inspect",
    "merge",
    "schema",
    "transform",
]


def begin(spec: str, schema: pa.Schema) -> bytes:
    """The state before the first pass over rows of that schema; `spec`: JSON with `steps`, and if wanted `select`,
    `exclude` and `pii`."""
    return State.begin(spec, schema).to_bytes()


def fit_state(batches: Iterable[pa.RecordBatch], state: bytes, keys: Sequence[str] = ()) -> bytes:
    """The state with what this pass has to find out of some rows. `keys`: those of `mask` steps, which no state holds."""
    learning = State(state, list(keys))
    for batch in batches:
        learning.add(batch)
    return learning.to_bytes()


def merge(states: Iterable[bytes]) -> bytes:
    """One state of all rows; the order of the states does not matter."""
    first, *others = map(State, states)
    for other in others:
        first.merge(other)
    return first.to_bytes()


def advance(state: bytes) -> bytes:
    """The state after a pass, all of whose rows are in it: before the next pass, or done."""
    return State(state).advance().to_bytes()


def schema(state: State | bytes, of: pa.Schema) -> pa.Schema:
    """The schema of what `transform` makes of batches of a schema."""
    return _read(state).schema(of)


def transform(batch: pa.RecordBatch, state: State | bytes) -> tuple[pa.RecordBatch, list[dict]]:
    """All columns of a batch, those that the state replaces or adds computed, and what was odd about it.

    Reading a state takes longer than a small batch: make a `State` of its bytes once for many batches.
    """
    return _read(state).transform(batch)


def inspect(state: State | bytes) -> str:
    """What there is to see of a state, as JSON: no statistic, and of personal data nothing but the columns' names."""
    return _read(state).inspect()


def _read(state: State | bytes) -> State:
    return state if isinstance(state, State) else State(state)
