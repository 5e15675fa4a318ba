"""Reading a table: ours beside polars, the same file, the same cores, a fresh process each.

The file is an event log of 2,000,000 rows and 8 columns, made here: ids, times, amounts with gaps, texts of few and of
many values, flags; as CSV and as Parquet (zstd). Both sides read all columns into memory and type them. The clock of
`read` holds the call alone; `process` is the whole process.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import machine

PACKAGES = ("polars", "pyarrow", "numpy")


def data(rows):
    """Makes both files once; returns their folder."""
    folder = machine.WORK / f"read-{rows}"
    if (folder / "events.csv").exists():
        return str(folder)
    import numpy as np
    import polars as pl

    random = np.random.default_rng(42)
    amount = np.round(random.gamma(2.0, 30.0, rows), 2)
    types = np.array(["view", "view", "view", "cart", "purchase", "refund"])
    countries = np.array(["AT", "CH", "DE", "DK", "ES", "FR", "IT", "NL", "PL", "SE"])
    agents = np.array([f"Client/{i}.{j} (kind {i % 7}; \"quoted\", with comma)" for i in range(20) for j in range(20)])
    start = np.datetime64("2026-01-01T00:00:00", "ms")
    frame = pl.DataFrame({
        "event_id": np.arange(rows),
        "user_id": random.integers(1, 100_000, rows),
        "event_time": np.sort(start + random.integers(0, 90 * 86_400_000, rows).astype("timedelta64[ms]")),
        "event_type": types[random.integers(0, len(types), rows)],
        "amount": pl.Series(amount).set(pl.Series(random.random(rows) < 0.1), None),
        "country": countries[random.integers(0, len(countries), rows)],
        "agent": agents[random.integers(0, len(agents), rows)],
        "premium": random.random(rows) < 0.2,
    })
    folder.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(folder / "events.parquet")
    frame.write_csv(folder / "events.csv")
    return str(folder)


def peer(path):
    """Polars in this process; prints one line of JSON."""
    import time

    import polars as pl

    start = time.perf_counter()
    frame = pl.read_parquet(path) if path.endswith(".parquet") else pl.read_csv(path, try_parse_dates=True)
    print(json.dumps({"read_s": time.perf_counter() - start, "rows": frame.height, "columns": frame.width}))


def main():
    parser = argparse.ArgumentParser(prog="benches/run read", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--name", default="read", help="of the result file")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(args.peer)
    folder = Path(machine.apart(data, args.rows))
    description = machine.describe(args.threads, PACKAGES)
    result = {}
    for file in ("events.csv", "events.parquet"):
        path = folder / file
        machine.apart(lambda: len(path.read_bytes()))  # both read from the page cache
        commands = {
            "trainer": [os.environ["TRAINER_BENCH"], "read", path, "--threads", args.threads],
            "polars": [sys.executable, __file__, "--peer", path],
        }
        runs = {contestant: [] for contestant in commands}
        for _ in range(args.repeats):
            for contestant, command in commands.items():
                child = machine.timed(command, args.threads)
                told = machine.told_json(child.pop("stdout"))
                if (told["rows"], told["columns"]) != (args.rows, 8):
                    sys.exit(f"{contestant} read {told} of {file}")
                runs[contestant].append(told | {"process_s": child["wall_s"]} | child)
        rows = {contestant: machine.medians(done) for contestant, done in runs.items()}
        for row in rows.values():
            row["ratio"] = row["read_s"] / rows["trainer"]["read_s"]
            row["mib_per_s"] = path.stat().st_size / 2**20 / row["read_s"]
        result[file] = {"bytes": path.stat().st_size, "contestants": rows}
        keys = ("read_s", "ratio", "mib_per_s", "process_s", "cpu_s", "peak_rss_mib")
        lines = [(contestant, *(row[key] for key in keys)) for contestant, row in rows.items()]
        title = f"{file}, {args.rows:,} rows x 8, {path.stat().st_size / 2**20:.0f} MiB, {args.threads} threads"
        machine.table(title, ("contestant", "read s", "x ours", "MiB/s", "process s", "CPU s", "peak MiB"), lines)
    machine.write(args.name, {"machine": description, "rows": args.rows, "files": result})


if __name__ == "__main__":
    main()
