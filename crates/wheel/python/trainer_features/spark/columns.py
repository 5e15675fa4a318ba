"""Columns: what is learned from a DataFrame, and what is made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark import TaskContext
from pyspark.accumulators import AccumulatorParam

from .._native import State
from .arrow_types import arrow_schema, declared

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


_PART = pa.schema([("partition", pa.int32()), ("state", pa.binary())])


class _ByPartition(AccumulatorParam):
    """Counts of a partition replace those of an earlier try of it: a task that runs twice is told once."""

    def zero(self, value: dict) -> dict:
        return {}

    def addInPlace(self, value1: dict, value2: dict) -> dict:  # noqa: N802 (Spark's name)
        value1.update(value2)
        return value1


class Told:
    """What was odd about the rows of `transform`: filled when an action has run over all of them."""

    def __init__(self, spark: SparkSession) -> None:
        self._accumulator = spark.sparkContext.accumulator({}, _ByPartition())

    def _add(self, found: Counter) -> None:
        self._accumulator.add({TaskContext.get().partitionId(): dict(found)})

    @property
    def warnings(self) -> list[dict]:
        """A dict each with `code`, `column` and `count`."""
        total: Counter = Counter()
        for counts in self._accumulator.value.values():
            total.update(counts)
        ordered = sorted(total.items(), key=lambda item: (item[0][0], item[0][1] or ""))
        return [{"code": code, "column": column, "count": count} for (code, column), count in ordered]


def fit(df: DataFrame, spec: str) -> State:
    """Learns a plan from all rows of a DataFrame: each partition finds out its part, here the parts are merged, and so on
    in as many passes as the steps need. The state is that of one machine to the byte.

    A pass is an action: cache a DataFrame that is dear to compute. Its rows must be the same each time.
    """
    schema = arrow_schema(df.schema)
    nothing = pa.RecordBatch.from_pylist([], schema=schema)
    state = State.begin(spec, schema)
    while not state.is_done:
        parts = _parts(df, state)
        state.add(nothing)
        for part in parts:
            state.merge(State(part))
        state = state.advance()
    return state


def _parts(df: DataFrame, state: State) -> list[bytes]:
    """What each partition finds out in this pass, in the order of the partitions."""

    def part_of(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            state.add(batch)
        yield pa.record_batch({"partition": [TaskContext.get().partitionId()], "state": [state.to_bytes()]}, _PART)

    parts = df.mapInArrow(part_of, "partition int, state binary").collect()
    return [bytes(part.state) for part in sorted(parts, key=lambda part: part.partition)]


def transform(df: DataFrame, state: State | bytes, told: Told | None = None) -> DataFrame:
    """All columns of a DataFrame, those that the state replaces or adds computed.

    Numbers without sign come out in Spark's next wider type. `told` takes what was odd about the rows.
    """
    state = state if isinstance(state, State) else State(state)
    schema, types = declared(state.schema(arrow_schema(df.schema)))

    def batches_of(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found: Counter = Counter()
        for batch in batches:
            made, warnings = state.transform(batch)
            for warning in warnings:
                found[(warning["code"], warning["column"])] += warning["count"]
            yield made.cast(types)
        if told is not None:
            told._add(found)

    return df.mapInArrow(batches_of, schema)
