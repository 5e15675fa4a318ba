"""The point-in-time join: Spark brings rows of a key together and sorts them, the wheel passes over them once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.types import ByteType, DataType, DateType, IntegerType, LongType, ShortType, StringType, TimestampType

from .._native import PointInTime
from ..fault import fault
from .arrow_types import arrow_schema, declared

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_SIDE, _CREATED, _ORDER = "__is_label", "__created", "__order"
_WHOLE = (ByteType, ShortType, IntegerType, LongType)


def point_in_time(
    labels: DataFrame,
    view: DataFrame,
    *,
    keys: Sequence[str],
    features: Sequence[str],
    time: str = "event_timestamp",
    view_time: str | None = None,
    created: str | None = None,
    ttl_seconds: float | None = None,
    created_cutoff: bool = False,
) -> DataFrame:
    """For each label one row: its columns, and the features of the newest row of `view` that it may see.

    `keys` have one name on both sides; `time` is the labels' time, `view_time` that of the view where it has another name.
    A row is seen when it is not later than the label and, with `ttl_seconds`, at most that much older. Of rows of one time
    the last written (`created`) is taken, and of those the last of the DataFrame as Spark numbers its rows.
    `created_cutoff` hides rows that were written after the label's time. Rows come out in no order.
    """
    if created_cutoff and created is None:
        raise fault("created_cutoff", "expected `created`, the column that says when a row was written, found none")
    view_time = view_time or time
    _check(labels, view, list(keys), list(features), time, view_time, created)
    side = view.select(
        *map(_column, keys),
        _column(view_time).alias(time),
        *map(_column, features),
        (_column(created) if created else F.lit(None)).cast("timestamp").alias(_CREATED),
        F.monotonically_increasing_id().alias(_ORDER),
        F.lit(False).alias(_SIDE),
    )
    united = side.unionByName(labels.withColumn(_SIDE, F.lit(True)), allowMissingColumns=True)
    at = _column(time)
    if created_cutoff:
        at = F.when(F.col(_SIDE), at).otherwise(F.greatest(at, F.col(_CREATED)))
    together = united.repartition(*map(_column, keys)) if keys else united.repartition(1)
    rows = together.sortWithinPartitions(*map(_column, keys), at, _SIDE, _CREATED, _ORDER).drop(_ORDER)
    layout = {"keys": list(keys), "time": time, "is_label": _SIDE, "features": list(features)}
    layout["created"] = _CREATED if created else None
    rule = {"ttl_seconds": ttl_seconds, "created_cutoff": created_cutoff}
    schema, types = declared(pa.schema([*arrow_schema(labels.schema), *map(arrow_schema(view.schema).field, features)]))

    def labels_of(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        scan = None
        for batch in batches:
            scan = scan or PointInTime(batch.schema, **layout, **rule)
            found = scan.push(batch)
            if found.num_rows:
                yield found.select(types.names).cast(types)

    return rows.mapInArrow(labels_of, schema)


def _column(name: str) -> Column:
    """A column of that very name, dots and all."""
    return F.col("`" + name.replace("`", "``") + "`")


def _check(
    labels: DataFrame,
    view: DataFrame,
    keys: list[str],
    features: list[str],
    time: str,
    view_time: str,
    created: str | None,
) -> None:
    """Refuses what would fail or change on the way: names that are not there or twice, and types that Spark would cast."""
    sides = (("labels", labels, [*keys, time]), ("view", view, [*keys, view_time, *features, *([created] if created else [])]))
    for side, df, names in sides:
        for name in names:
            if name not in df.columns:
                raise fault("unknown_column", f"expected a column of the {side}, found {', '.join(df.columns)}", column=name)
    for name in features:
        if name in labels.columns:
            raise fault("column_exists", "expected a name that the labels do not have, found it there", column=name)
    for name in (_SIDE, _CREATED, _ORDER):
        if name in labels.columns or name in features:
            raise fault("reserved_name", "expected another name, found one that the join uses", column=name)
    for key in keys:
        ours, theirs = labels.schema[key].dataType, view.schema[key].dataType
        if not _alike(ours, theirs):
            message = f"expected keys of the labels' type {ours.simpleString()}, found {theirs.simpleString()}"
            raise fault("key_type", message, column=key)
    if labels.schema[time].dataType != view.schema[view_time].dataType:
        theirs = view.schema[view_time].dataType.simpleString()
        message = f"expected the labels' type {labels.schema[time].dataType.simpleString()}, found {theirs}"
        raise fault("time_type", message, column=view_time)
    for df, name in ((labels, time), (view, view_time), *(((view, created),) if created else ())):
        found = df.schema[name].dataType
        if not isinstance(found, (TimestampType, DateType)):
            message = f"expected timestamps, found {found.simpleString()}"
            hint = "for timestamps without a zone: cast to timestamp in a session whose zone is UTC"
            raise fault("not_a_time", message, hint, column=name)


def _alike(ours: DataType, theirs: DataType) -> bool:
    whole = isinstance(ours, _WHOLE) and isinstance(theirs, _WHOLE)
    return whole or ours == theirs or (isinstance(ours, StringType) and isinstance(theirs, StringType))
