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
    """A fit at any moment: before a pass, with the statistics of some rows, or done.

    Its bytes are the file that `trainer features fit` writes and reads, and what it pickles as; the keys of `mask` steps are
    in no file, and go along when it pickles.
    """

    def __new__(cls, state: bytes, keys: Sequence[str] = ()) -> State: ...
    @staticmethod
    def begin(spec: str, schema: pa.Schema) -> State:
        """Before the first pass over rows of that schema; `spec`: JSON with `steps`, and optionally `select`, `exclude`
        and `pii`."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds what this pass has to find out of a batch."""

    def merge(self, other: State) -> None:
        """Adds what another state has found out in this pass. The order of merging does not matter."""

    def advance(self) -> State:
        """The state after this pass, all of whose rows were added: before the next one, or done."""

    @property
    def is_done(self) -> bool:
        """Whether there is nothing more to learn."""

    @property
    def warnings(self) -> list[Warning]:
        """What was odd about the rows that a state which is done learned from."""

    def to_bytes(self) -> bytes:
        """The state's bytes: the same for the same rows, however they were cut and whoever added them."""

    def inspect(self) -> str:
        """What there is to see of it, as JSON: no statistic, and of personal data nothing but the columns' names."""

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
