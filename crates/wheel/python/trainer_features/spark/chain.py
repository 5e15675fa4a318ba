"""The steps of a config that are settled, over batches: plans of columns, and columns chosen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from .._native import State
from ..fault import fault


class Chain:
    """Steps, one after the other."""

    def __init__(self) -> None:
        self._steps: list[tuple[State, bool] | dict[str, str]] = []

    def plan(self, state: State, learned: bool) -> None:
        """What a state makes; `learned`: whether it was learned from rows."""
        self._steps.append((state, learned))

    def select(self, names: list[str] | dict[str, str]) -> None:
        """Columns by name; of a dict, under its keys."""
        self._steps.append(names if isinstance(names, dict) else {name: name for name in names})

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """Names and types of what comes out."""
        for step in self._steps:
            if isinstance(step, dict):
                schema = pa.schema([_field(schema, old).with_name(new) for new, old in step.items()])
            else:
                schema = step[0].schema(schema)
        return schema

    def run(self, batches: Iterable[pa.RecordBatch], odd: dict) -> Iterator[pa.RecordBatch]:
        """The batches; `odd` takes counts and a message by step, code and column."""
        for batch in batches:
            for number, step in enumerate(self._steps):
                if isinstance(step, dict):
                    columns = [batch.column(name) for name in step.values()]
                    fields = [_field(batch.schema, old).with_name(new) for new, old in step.items()]
                    batch = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
                    continue
                state, learned = step
                batch, warnings = state.transform(batch)
                for warning in warnings:
                    # Cells are only new where some were seen before.
                    if learned or warning["code"] != "new_missing":
                        _add(odd, (number, warning["code"], warning["column"]), warning["count"], warning["message"])
            yield batch


def total(odds: Iterable[dict]) -> list[dict]:
    """What was odd in all shares, as warnings."""
    all_odd: dict = {}
    for odd in odds:
        for key, (count, message) in odd.items():
            _add(all_odd, key, count, message)
    ordered = sorted(all_odd.items(), key=lambda item: (item[0][0], item[0][1], item[0][2] or ""))
    return [
        {"code": code, "column": column, "count": count, "message": message}
        for (_, code, column), (count, message) in ordered
    ]


def _add(odd: dict, key: tuple, count: int, message: str) -> None:
    known = odd.get(key)
    odd[key] = (count, message) if known is None else (known[0] + count, known[1])


def _field(schema: pa.Schema, name: str) -> pa.Field:
    if name not in schema.names:
        raise fault("unknown_column", f"expected a column of the rows, found {', '.join(schema.names)}", column=name)
    return schema.field(name)
