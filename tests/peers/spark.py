"""The Spark adapter on a cluster of two executors, each a process of its own.

    spark.py FOLDER

Reads `rows/*.parquet`, `spec.json`, `labels.parquet`, `view/*.parquet` and `case.json`; writes `state.json` and
`columns.parquet`, and of a job `run.parquet` with what it told in `run.json`, each also with `_killed` of a run whose
executors were killed in the middle; `joined.parquet`, and what it noticed to `noticed.json`.
"""

import json
import os
import signal
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import TaskContext
from pyspark.sql import SparkSession

from trainer_features import FeatureError, PointInTime
from trainer_features.spark import Told, fit, point_in_time, transform
from trainer_features.spark.run import Run

FOLDER = Path(sys.argv[1])
ROWS = 500


def session() -> SparkSession:
    os.environ.update({"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"})
    builder = SparkSession.builder.master("local-cluster[2,1,1200]").appName("trainer-features")
    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "600m",
        "spark.executor.memory": "1g",
        "spark.local.dir": str(FOLDER / "spark"),
        "spark.sql.adaptive.enabled": "false",
        # Small, so that keys and partitions span batches.
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(ROWS),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "3",
        "spark.sql.warehouse.dir": str(FOLDER / "warehouse"),
        # Two for executors that are killed; what is refused is refused again at once.
        "spark.task.maxFailures": "3",
        "spark.ui.enabled": "false",
    }
    for key, value in options.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def parent(pid: int) -> int:
    # The name, in brackets, may hold blanks.
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def executor() -> int:
    """The process that this task's Python was started by: a daemon of Python, and over it Java."""
    pid = os.getpid()
    while "java" not in os.readlink(f"/proc/{pid}/exe"):
        pid = parent(pid)
    return pid


def kills_once(marker: str):
    """Passes batches on; the first task that comes to its second batch takes its executor with it."""

    def passed(batches):
        for number, batch in enumerate(batches):
            if number == 1 and TaskContext.get().partitionId() == 1 and not os.path.exists(marker):
                Path(marker).write_text(str(executor()))
                os.kill(executor(), signal.SIGKILL)
            yield batch

    return passed


def kills_twice(folder: str, judging: str, storing: str):
    """Passes batches on; the task of share 1 takes its executor with it after its first batch: once in the first pass, and
    once when a part of what is stored has been begun."""

    def passed(batches):
        for batch in batches:
            yield batch
            is_storing = any(Path(folder).glob(".stored.parquet.*.partial"))
            marker = storing if is_storing else judging
            if TaskContext.get().partitionId() == 1 and not os.path.exists(marker):
                Path(marker).write_text(str(executor()))
                os.kill(executor(), signal.SIGKILL)

    return passed


def write(df, name: str) -> None:
    """One file in the order of `id`, written here: what is compared are the numbers, and not Spark's writer."""
    pq.write_table(df.toArrow().sort_by("id"), FOLDER / f"{name}.parquet")


def refused(action) -> str:
    try:
        action()
    except Exception as error:  # noqa: BLE001 (whatever Spark makes of it)
        return str(error)
    return ""


def main() -> None:
    case = json.loads((FOLDER / "case.json").read_text())
    spark = session()
    rows = spark.read.parquet(str(FOLDER / "rows"))
    spec = (FOLDER / "spec.json").read_text()

    told = Told(spark)
    state = fit(rows, spec)
    (FOLDER / "state.json").write_bytes(state.to_bytes())
    write(transform(rows, state, told), "columns")

    # A job as `trainer` writes it. An executor is killed while the rows are judged, and one while they are stored.
    stored = FOLDER / "stored.parquet"
    config = {"extract": {"path": str(FOLDER / "rows" / "*.parquet")}, "store": {"path": str(stored)}}
    scan = {"format": None, "csv": {}, "columns": None, "malformed": "error", "types": {}, "lenient": "nothing"}
    steps = json.loads(spec)["steps"]
    names = [name for name in rows.columns if name != "user"]
    last = {"steps": case["after_select"], "learns": True}
    sections = [{"steps": steps[:2], "learns": False}, {"select": names}, last]
    suite = {"inline": ["rows", [{"column_values_to_be_increasing": {"column": "id"}}]]}
    job = {"config": config, "scan": scan, "suite": suite, "sections": sections}
    done = {}
    for name, markers in (("run", []), ("run_killed", [FOLDER / "killed_judging", FOLDER / "killed_storing"])):
        done[name] = Run(spark, job, kills_twice(str(FOLDER), *map(str, markers)) if markers else iter)()
        pq.write_table(pq.read_table(stored).sort_by("id"), FOLDER / f"{name}.parquet")
        (FOLDER / f"{name}.json").write_text(json.dumps(done[name]))

    # Another order, another cut, and a task that takes its executor with it: once while it learns, once after.
    shuffled = rows.repartition(4, "id")
    learning, applying = FOLDER / "killed_learning", FOLDER / "killed_applying"
    state = fit(shuffled.mapInArrow(kills_once(str(learning)), rows.schema), spec)
    (FOLDER / "state_killed.json").write_bytes(state.to_bytes())
    told_killed = Told(spark)
    write(transform(shuffled.mapInArrow(kills_once(str(applying)), rows.schema), state, told_killed), "columns_killed")

    labels = spark.read.parquet(str(FOLDER / "labels.parquet"))
    view = spark.read.parquet(str(FOLDER / "view"))
    write(point_in_time(labels, view, **case["join"]), "joined")

    def unsorted() -> None:
        def scanned(batches):
            scan = None
            for batch in batches:
                keywords = {"keys": ["user"], "time": "event_timestamp", "is_label": "side", "features": ["user"]}
                scan = scan or PointInTime(batch.schema, **keywords)
                yield pa.record_batch({"user": scan.push(batch).column("user")})

        united = view.selectExpr("user", "event_timestamp", "false as side")
        united.coalesce(1).mapInArrow(scanned, "user bigint").collect()

    noticed = {
        "executors_killed": [
            path.exists()
            for path in (learning, applying, FOLDER / "killed_judging", FOLDER / "killed_storing")
        ],
        "told": told.warnings,
        "told_killed": told_killed.warnings,
        "unsorted": refused(unsorted),
        "refusals": {},
    }
    for name, keywords in case["refusals"].items():
        try:
            point_in_time(labels, view, **keywords)
        except FeatureError as error:
            noticed["refusals"][name] = {"code": error.code, "column": error.column}
    (FOLDER / "noticed.json").write_text(json.dumps(noticed))
    spark.stop()


if __name__ == "__main__":
    main()
