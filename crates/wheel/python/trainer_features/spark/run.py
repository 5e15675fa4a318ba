"""A config of features on Spark: what `trainer features run --engine spark://...` hands to `spark-submit`.

    spark-submit --master spark://host:7077 .../trainer_features/spark/run.py JOB.json

JOB.json is the config as `trainer` understood it, with how its files are read (`scan`), its expectations (`suite`) and its
steps, those that are one plan together (`sections`). The last line of the output is what was done, as JSON.

Spark parses nothing: each task reads a share of the files with the reader of `trainer`. All is read once to find types,
rows that are not well formed and what the expectations say; once for each pass of what learns; and once to build and store.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_features import Checks, FeatureError, Files, Folder, State
from trainer_features.fault import fault
from trainer_features.spark.chain import Chain, total
from trainer_features.spark.shares import Shares, merged

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

    from trainer_features.spark.shares import Passed


class Run:
    """One run: what was done so far, and the step that is on its way."""

    def __init__(self, spark: SparkSession, job: dict, passed: Passed = iter) -> None:
        self._spark, self._job, self._passed = spark, job, passed
        self._config = job["config"]
        self._step, self._since = "extract", time.monotonic()
        self.done: dict = {"seconds": {}, "notes": [], "shares": 0}

    def __call__(self) -> dict:
        """Does all steps; one that fails is told as `failed`, and ends them."""
        folder = None
        try:
            files = Files(self._config["extract"]["path"], json.dumps(self._job["scan"]))
            files = self._validate(files)
            self._enter("build")
            chain = self._build(files)
            schema = chain.schema(files.schema)
            self._enter("store")
            store = self._config["store"]
            how = {name: store[name] for name in ("format", "compression") if store.get(name)}
            folder = Folder.begin(store["path"], json.dumps(how))
            parts = self._shares(files).stored(chain, folder, schema)
            self.done["files"] = json.loads(folder.settle([part for part, _ in parts]))
            folder = None
            self.done["stored"] = schema.names
            self.done["warnings"] += total(odd for _, odd in parts)
            self._enter("done")
        except FeatureError as error:
            self.done["failed"] = {"step": self._step, "exit_code": getattr(error, "exit_code", 3), "error": str(error)}
        finally:
            if folder is not None:
                folder.abandon()
        return self.done

    def _enter(self, step: str) -> None:
        now = time.monotonic()
        self.done["seconds"][self._step] = now - self._since
        self._step, self._since = step, now

    def _shares(self, files: Files) -> Shares:
        shares = Shares(self._spark, files, self._passed)
        self.done["shares"] = len(shares.shares)
        return shares

    def _validate(self, files: Files) -> Files:
        """Reads all rows once: the files with types that hold every cell. What was left out is counted, and critical
        expectations hold."""
        try:
            found = self._judged(files)
        except FeatureError as error:
            if error.code != "type_changed":
                raise
            self.done["notes"].append(f"{error}: all is read again with that type")
            files = files.retyped(self._shares(files).looked())
            found = self._judged(files)
        self.done["extracted"] = files.schema.names
        self.done["report"] = json.loads(files.report([report for report, _ in found]))
        self._enter("validate")
        suite = self._suite()
        if suite:
            checks = Checks(suite, files.schema, self._config.get("pii") or [])
            for _, part in found:
                checks.merge(part)
            result, refusal = checks.finish()
            self.done["validation"] = json.loads(result)
            if refusal:
                error = fault("expectations", refusal)
                error.exit_code = 3
                raise error
        return files

    def _judged(self, files: Files) -> list[tuple[str, bytes | None]]:
        suite, pii, schema = self._suite(), self._config.get("pii") or [], files.schema
        return self._shares(files).judged((lambda: Checks(suite, schema, pii)) if suite else None)

    def _suite(self) -> str | None:
        suite = self._job.get("suite")
        return json.dumps(suite) if suite else None

    def _build(self, files: Files) -> Chain:
        """Learns what there is to learn."""
        chain = Chain()
        self.done.update({"warnings": [], "states": [], "parts": []})
        for number, section in enumerate(self._job["sections"]):
            schema = chain.schema(files.schema)
            if "select" in section:
                chain.select(section["select"])
                self.done["parts"].append("select")
                continue
            spec = json.dumps({"steps": section["steps"], "pii": section.get("pii") or []})
            state = None
            if not section["learns"]:
                state = State.of_columns(spec, schema, number == 0, files.numbers_are_read)
            learned = state is None
            if state is None:
                state = self._learned(files, chain, State.begin(spec, schema), schema)
                self.done["warnings"] += state.warnings
                self.done["states"].append(state.to_bytes().decode())
            chain.plan(state, learned)
        return chain

    def _learned(self, files: Files, chain: Chain, state: State, schema: pa.Schema) -> State:
        while not state.is_done:
            state = merged(state, self._shares(files).learned(chain, state), schema)
        return state


def main() -> None:
    from pyspark.sql import SparkSession

    job = json.loads(Path(sys.argv[1]).read_text())
    name = (job["config"].get("project") or {}).get("name") or "trainer features"
    spark = SparkSession.builder.appName(name).getOrCreate()
    try:
        done = Run(spark, job)()
        print(json.dumps(done), flush=True)
    finally:
        spark.stop()
    sys.exit(done.get("failed", {}).get("exit_code", 0))


if __name__ == "__main__":
    main()
