"""What the native library has. Batches and schemas are pyarrow's, or speak Arrow's C data interface."""

from collections.abc import Iterator, Sequence
from typing import TypedDict

import pyarrow as pa

class FeatureError(Exception):
    """What was asked cannot be done. `str()` has place, message and hint together."""

    code: str
    message: str
    hint: str | None
    column: str | None
    row: int | None
    exit_code: int

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

    @staticmethod
    def of_columns(spec: str, schema: pa.Schema, is_first: bool, numbers_are_read: bool) -> State | None:
        """A plan whose columns are all that there is to know. With `is_first` it sees the rows as they were read, and which
        columns are `numeric` must follow from their types: None where it does not."""

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

class Files:
    """The files of a path (a file, a folder or a pattern; local or S3), whose columns are settled."""

    def __new__(cls, path: str, options: str) -> Files: ...
    @property
    def schema(self) -> pa.Schema: ...
    @property
    def numbers_are_read(self) -> bool:
        """Whether text that says numbers becomes numbers while it is read: Parquet says itself what its cells are."""

    @property
    def size(self) -> tuple[int, int]:
        """How many files there are, and their bytes."""

    def shares(self, most: int) -> list[Share]:
        """The files in their order, cut into at most so many shares."""

    def retyped(self, looked: Sequence[bytes]) -> Files:
        """The same files with types that hold every cell, from what `Share.look` found, in the order of the shares."""

    def report(self, shares: Sequence[str]) -> str:
        """What was found of all shares, as JSON."""

class Share:
    """Some of the files; pickles, and opens wherever they can be reached."""

    def __new__(cls, share: bytes, schema: pa.Schema) -> Share: ...
    def open(self) -> Reading:
        """Starts reading."""

    def look(self) -> bytes:
        """Looks at all cells, for `Files.retyped`."""

class Reading(Iterator[pa.RecordBatch]):
    """The batches of a share, one after the other."""

    def report(self) -> str:
        """What was found so far, as JSON; whole once the batches have ended."""

class Checks:
    """Expectations on the way over rows."""

    def __new__(cls, suite: str, schema: pa.Schema, pii: Sequence[str] = ()) -> Checks: ...
    def add(self, batch: pa.RecordBatch) -> None:
        """Looks at the next rows."""

    def to_bytes(self) -> bytes:
        """What is known of the rows so far, for `merge` elsewhere."""

    def merge(self, bytes: bytes) -> None:
        """Takes in what is known of the next rows."""

    def finish(self) -> tuple[str, str | None]:
        """The verdict as JSON, and why nothing is done with the rows, if so."""

class Folder:
    """A folder of files that several tasks write; pickles."""

    def __new__(cls, folder: bytes) -> Folder: ...
    @staticmethod
    def begin(path: str, store: str) -> Folder:
        """Begins a folder; `store`: JSON with `format` and `compression`."""

    def part(self, number: int, schema: pa.Schema) -> Part:
        """Opens a part, counted from 0, for batches of a schema."""

    def settle(self, parts: Sequence[str]) -> str:
        """Makes the parts (what each told when it was finished) the files of the folder: what is told of them then."""

    def abandon(self) -> None:
        """Takes back what was written beside the folder."""

class Part:
    """A file of the folder that is being written."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows."""

    def finish(self) -> str:
        """Ends the file: what there is to tell of it, as JSON."""

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
