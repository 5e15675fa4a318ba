"""Arrow's types as Spark has them."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from ..fault import fault

# Spark has no numbers without a sign: the next wider type holds the same numbers.
_WIDER = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.float16(): pa.float32(),
    pa.large_string(): pa.string(),
}


def arrow_schema(schema: StructType) -> pa.Schema:
    """The Arrow schema of a DataFrame's columns."""
    return to_arrow_schema(schema, timezone="UTC")


def declared(schema: pa.Schema) -> tuple[StructType, pa.Schema]:
    """The columns that Spark is told of, and the very Arrow types that batches must then have: it does not cast."""
    fields = [field.with_type(_WIDER.get(field.type, field.type)).with_nullable(True) for field in schema]
    for field in fields:
        if field.type == pa.uint64():
            message = "expected a type that Spark has, found whole numbers of 64 bits without sign"
            raise fault("spark_type", message, column=field.name)
    spark_schema = from_arrow_schema(pa.schema(fields), prefer_timestamp_ntz=True)
    return spark_schema, arrow_schema(spark_schema)
