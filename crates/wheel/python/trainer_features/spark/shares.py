"""Work on shares of the files: a task a share, what it found comes back as data, in the order of the shares.

Nothing is counted beside the data: a task that runs twice counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .._native import FeatureError, Files, Folder, Share, State
from ..fault import fault_of, told
from .chain import Chain

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    # What batches go through on the executors before anything else sees them.
    Passed = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]

# A share is about this much, where there are files enough and tasks enough to keep all cores busy.
_SHARE_BYTES = 256 << 20


class Shares:
    """The shares of files on a cluster."""

    def __init__(self, spark: SparkSession, files: Files, passed: Passed = iter) -> None:
        self._context = spark.sparkContext
        self._passed = passed
        count, size = files.size
        self.shares: list[Share] = files.shares(min(count, max(self._context.defaultParallelism, size // _SHARE_BYTES)))

    def _each(self, task: Callable[[int, Share], Any]) -> list:
        """What a task found of each share. A fault comes back as data: Spark would try again what cannot succeed."""

        def tried(numbered: tuple[int, Share]) -> tuple[dict | None, Any]:
            try:
                return None, task(*numbered)
            except FeatureError as error:
                return told(error), None

        numbered = list(enumerate(self.shares))
        found = self._context.parallelize(numbered, len(numbered)).map(tried).collect()
        for fault, _ in found:
            if fault is not None:
                raise fault_of(fault)
        return [value for _, value in found]

    def looked(self) -> list[bytes]:
        """All cells looked at, for their types."""
        return self._each(lambda _, share: share.look())

    def judged(self, begin: Callable[[], Any] | None) -> list[tuple[str, bytes | None]]:
        """The report of each share, and what the checks that `begin` makes found."""
        passed = self._passed

        def judged_share(_: int, share: Share) -> tuple[str, bytes | None]:
            reading, checks = share.open(), begin() if begin else None
            for batch in passed(reading):
                if checks is not None:
                    checks.add(batch)
            return reading.report(), checks.to_bytes() if checks is not None else None

        return self._each(judged_share)

    def learned(self, chain: Chain, state: State) -> list[bytes]:
        """What each share yields for a pass of a state that learns."""
        passed = self._passed

        def learned_share(_: int, share: Share) -> bytes:
            for batch in chain.run(passed(share.open()), {}):
                state.add(batch)
            return state.to_bytes()

        return self._each(learned_share)

    def stored(self, chain: Chain, folder: Folder, schema: pa.Schema) -> list[tuple[str, dict]]:
        """The part that each share wrote, and what was odd."""
        passed = self._passed

        def stored_share(number: int, share: Share) -> tuple[str, dict]:
            part, odd = folder.part(number, schema), {}
            for batch in chain.run(passed(share.open()), odd):
                part.write(batch)
            return part.finish(), odd

        return self._each(stored_share)


def merged(state: State, parts: Sequence[bytes], schema: pa.Schema) -> State:
    """The state after a pass whose parts these are."""
    state.add(pa.RecordBatch.from_pylist([], schema=schema))
    for part in parts:
        state.merge(State(part))
    return state.advance()
