"""A config of features on Spark: what `trainer features run --engine spark://...` hands to `spark-submit`.

    spark-submit --master spark://host:7077 .../trainer_features/spark/run.py CONFIG.json

CONFIG.json is the config as `trainer` understood it: variables put in, defaults filled. Only what Spark and the wheel do
exactly as one machine does is run; everything else is refused before anything starts, all of it at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_features.fault import fault
from trainer_features.spark.columns import Told, fit, transform

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Row steps of the local engine. Spark's SQL divides, compares and groups by other rules: its result would not be ours.
_LOCAL_ROWS = ("filter", "derive", "dedupe", "join", "group", "sql")


def refusals(config: dict) -> list[str]:
    """What only the local engine does, each with its place in the config."""
    extract, store = config["extract"], config["store"]
    validate = config.get("validate") or {}
    found = []
    for name, part in (("extract", extract), ("store", store)):
        if (part.get("format") or _extension(part["path"])) not in ("parquet", "pq"):
            found.append(f"{name}: files other than Parquet")
    for name in ("types", "header"):
        if extract.get(name):
            found.append(f"extract.{name}")
    if validate.get("expectations"):
        found.append("validate.expectations")
    if validate.get("quarantine"):
        found.append("validate.quarantine")
    if config.get("inputs"):
        found.append("inputs")
    if store.get("partition_by"):
        found.append("store.partition_by")
    if config.get("device", "auto") not in ("auto", "cpu"):
        found.append(f"device: {config['device']}")
    names = [_name(step) for step in config.get("build") or []]
    found.extend(f"build[{at}]: {name}" for at, name in enumerate(names) if name in _LOCAL_ROWS)
    return found


def run(spark: SparkSession, config: dict) -> dict:
    """Reads, builds and stores; what was done, as `summary.json` tells it, with the states that were learned."""
    found = refusals(config)
    if found:
        message = f"expected what Spark does as one machine does, found {'; '.join(found)}"
        raise fault("local_engine_only", message, "use `--engine local`, or leave these out")
    df = spark.read.parquet(_url(config["extract"]["path"]))
    states, told = [], []
    for steps in _sections(config.get("build") or []):
        if _name(steps[0]) == "select":
            df = _selected(df, steps[0]["select"])
            continue
        state = fit(df, json.dumps({"steps": steps, "pii": config.get("pii") or []}))
        told.append(Told(spark))
        df = transform(df, state, told[-1])
        states.append(state)
    path = _url(config["store"]["path"])
    df.write.mode("overwrite").parquet(path)
    return {
        "project": (config.get("project") or {}).get("name"),
        "path": path,
        "columns": df.columns,
        "warnings": [warning for state in states for warning in state.warnings]
        + [warning for found in told for warning in found.warnings],
        "states": [state.to_bytes().decode() for state in states],
    }


def _sections(build: list[dict]) -> Iterator[list[dict]]:
    """Steps of columns that stand side by side are one plan; a step of rows stands alone."""
    columns: list[dict] = []
    for step in build:
        if _name(step) == "select":
            if columns:
                yield columns
            yield [step]
            columns = []
        else:
            columns.append(step)
    if columns:
        yield columns


def _selected(df: DataFrame, names: list[str] | dict[str, str]) -> DataFrame:
    pairs = names.items() if isinstance(names, dict) else ((name, name) for name in names)
    return df.select(*(df[f"`{old}`"].alias(new) for new, old in pairs))


def _name(step: dict) -> str:
    return next(iter(step))


def _extension(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2].rpartition(".")[2].lower()


def _url(path: str) -> str:
    """Hadoop's name for S3."""
    return "s3a://" + path.removeprefix("s3://") if path.startswith("s3://") else path


def main() -> None:
    from pyspark.sql import SparkSession

    config = json.loads(Path(sys.argv[1]).read_text())
    spark = SparkSession.builder.appName((config.get("project") or {}).get("name") or "trainer features").getOrCreate()
    try:
        print(json.dumps(run(spark, config)))
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
