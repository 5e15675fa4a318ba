"""What the native library has. Batches and schemas are pyarrow's, or speak Arrow's C data interface."""

from collections.abc import Sequence
from typing import TypedDict

import pyarrow as pa

class FeatureError(Exception):
    """What was asked cannot be done. `str()` has place, message and hint together."""

    code: str
    message: str
    hint: str | None
    column: str | None
    row: int | None

class Warning(TypedDict):
    """Something odd that did not stop the work. Counts of batches add up."""

    code: str
    column: str | None
    count: int
    message: str

class State:
    """A feature plan with everything that was learned: read once, used for any number of batches."""

    def __new__(cls, state: bytes) -> State: ...
    def to_bytes(self) -> bytes:
        """The state's bytes: the same for the same plan, whoever made it."""

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """The schema of what `transform` makes of batches of that schema."""

    def transform(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, list[Warning]]:
        """All columns of a batch, those that the plan replaces or adds computed; and what was odd about it."""

class PointInTime:
    """The point-in-time join as one pass over feature rows and labels together.

    Rows must come sorted by the keys (ascending, nulls first), then by time, then by side, features before labels. Rows in
    any other order are refused with their number.
    """

    def __new__(
        cls,
        schema: pa.Schema,
        *,
        keys: Sequence[str],
        time: str,
        is_label: str,
        features: Sequence[str],
        created: str | None = None,
        ttl_seconds: float | None = None,
        created_cutoff: bool = False,
    ) -> PointInTime: ...
    @property
    def schema(self) -> pa.Schema:
        """The schema of what comes out: that of the rows without side and created time."""

    def push(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The labels of a batch, in its order, with the features that each takes."""

def fit(batches: Sequence[pa.RecordBatch], spec: str) -> tuple[State, list[Warning]]:
    """Learns a plan from batches that one process holds. `spec`: JSON with `steps`, and optionally `select` and `exclude`."""
