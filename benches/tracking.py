"""Logging a run with 100,000 metric points: ours beside MLflow's own Python client, the same server, the same points.

The server is `mlflow server` on SQLite on this machine, as anybody starts it. Ours publishes a whole run (experiment, run,
parameters, points in batches, the end, everything read back) through a proxy that adds up how long the server takes for
its answers: `server_s` counts each call from its last byte to the last byte of the answer, `beyond_s` is all the rest,
the proxy's own copying among it. MLflow's client logs the points one by one, as `log_metric` in a loop does: some of
them, scaled to all (its `wall_s`), and in batches of 1,000, all of them. Beside it the store without a server: ours
writes the SQLite file itself, MLflow's client does too.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import machine

START_MS = 1_795_147_307_745
ONE_BY_ONE = 1_000
BATCH = 1_000


def peer(uri, how, metrics, steps):
    """MLflow's client in this process; prints one line of JSON."""
    import mlflow
    from mlflow.entities import Metric

    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("logging")
    experiment_id = experiment.experiment_id if experiment else client.create_experiment("logging")
    points = [
        (f"metric_{metric}", 1.0 / (metric + 1.0 + step), START_MS + step, step)
        for step in range(steps)
        for metric in range(metrics)
    ]
    logged = points[:ONE_BY_ONE] if how == "one by one" else points
    start = time.perf_counter()
    run_id = client.create_run(experiment_id, run_name=how).info.run_id
    if how == "one by one":
        for key, value, timestamp, step in logged:
            client.log_metric(run_id, key, value, timestamp, step)
    else:
        for at in range(0, len(logged), BATCH):
            client.log_batch(run_id, [Metric(*point) for point in logged[at : at + BATCH]])
    client.set_terminated(run_id)
    seconds = time.perf_counter() - start
    told = {"run_id": run_id, "points": len(logged), "measured_s": seconds, "wall_s": seconds * len(points) / len(logged)}
    print(json.dumps(told | {"mlflow": mlflow.__version__}))


@contextlib.contextmanager
def server(python, folder):
    """A fresh server; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"]
    with open(folder / "server.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health"):
                break
            time.sleep(0.1)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def stored(database, run_id):
    with sqlite3.connect(database) as file:
        return file.execute("SELECT count(*) FROM metrics WHERE run_uuid = ?", (run_id,)).fetchone()[0]


def main():
    parser = argparse.ArgumentParser(prog="benches/run tracking", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metrics", type=int, default=100)
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--name", default="tracking", help="of the result file")
    parser.add_argument("--peer", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(*args.peer, args.metrics, args.steps)
    python = Path(os.environ.get("TRAINER_TEST_PYTHON", machine.ROOT / "target/python-tests/bin/python"))
    if not python.exists():
        sys.exit(f"no Python with MLflow at {python}: run ./tests/run once, it makes one")
    shape = [args.metrics, args.steps]
    points = args.metrics * args.steps

    def theirs(uri, how):
        return [python, __file__, "--peer", uri, how, "--metrics", args.metrics, "--steps", args.steps]

    description = machine.describe(os.cpu_count())
    with tempfile.TemporaryDirectory(prefix="trainer-bench-") as folder:
        places = {name: Path(folder, name) for name in ("server", "ours", "theirs")}
        for place in places.values():
            place.mkdir()
        with server(python, places["server"]) as port:
            uri, beside = f"http://127.0.0.1:{port}", f"sqlite:///{places['theirs']}/mlflow.db"
            commands = {
                "trainer": ([os.environ["TRAINER_BENCH_TRACKING"], "server", port, *shape], "server", points),
                "mlflow log_batch": (theirs(uri, "in batches"), "server", points),
                "mlflow log_metric": (theirs(uri, "one by one"), "server", min(points, ONE_BY_ONE)),
                "trainer, no server": ([os.environ["TRAINER_BENCH_TRACKING"], "embedded", places["ours"], *shape], "ours", points),
                "mlflow log_metric, no server": (theirs(beside, "one by one"), "theirs", min(points, ONE_BY_ONE)),
            }
            # The first calls of all to a server are slow: it reads its own code.
            machine.timed([os.environ["TRAINER_BENCH_TRACKING"], "server", port, 2, 10], os.cpu_count())
            runs = {contestant: [] for contestant in commands}
            for _ in range(args.repeats):
                for contestant, (command, place, expected) in commands.items():
                    child = machine.timed(command, os.cpu_count())
                    told = machine.told_json(child["stdout"])
                    found = stored(places[place] / "mlflow.db", told.pop("run_id"))
                    if found != expected:
                        sys.exit(f"{contestant}: expected {expected} points in the store, found {found}")
                    if "mlflow" in told:
                        description["versions"]["mlflow"] = told.pop("mlflow")
                    runs[contestant].append(told | {"cpu_s": child["cpu_s"], "peak_rss_mib": child["peak_rss_mib"]})
    rows = {contestant: machine.medians(done) for contestant, done in runs.items()}
    for row in rows.values():
        row["ratio"] = row["wall_s"] / rows["trainer"]["wall_s"]
    keys = ("wall_s", "ratio", "server_s", "beyond_s", "calls", "cpu_s", "peak_rss_mib")
    lines = [(contestant, *(row.get(key, "") for key in keys)) for contestant, row in rows.items()]
    title = f"{points:,} points, {os.cpu_count()} cores; log_metric: {ONE_BY_ONE:,} of them, scaled"
    machine.table(title, ("contestant", "s", "x ours", "server s", "beyond s", "calls", "CPU s", "peak MiB"), lines)
    machine.write(args.name, {"machine": description, "points": points, "contestants": rows})


if __name__ == "__main__":
    main()
