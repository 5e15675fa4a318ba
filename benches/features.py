"""Batches of features: ours beside polars and DuckDB, the same files, the same cores, a fresh process each.

1. row_sum: a CSV of 2,000,000 event lines, half a percent of them broken, half a percent of its numbers none: broken
   lines out, the rest zero, and the sum of each row, to Parquet.
2. aggregates: what each of 200,000 users did in 10,000,000 events, over windows of 7 and 30 days too, to Parquet.
3. matrix: the same 10,000,000 events as numbers: three scaled and cut into 32 bins, two ids hashed, 42 columns of levels.

Data, and what the peers do, are the shared baselines (TRAINER_TEST_SHARED/reference/baselines). Ours is what
`trainer features run` does with benches/features/*.yaml. A peer's clock starts after its imports; ours is the process.
What is written is compared: rows, sums and counts must be the peers'.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import machine

PACKAGES = ("polars", "duckdb", "pyarrow", "numpy")
BASELINES = Path(os.environ.get("TRAINER_TEST_SHARED", machine.ROOT.parent / "shared")) / "reference" / "baselines"
RACES = {"op1": "row_sum", "op2": "aggregates", "op3": "matrix"}


def data(rows, csv_rows):
    """Makes the event log once; returns its folder."""
    folder = machine.WORK / f"features-{rows}"
    if not (folder / "truth.json").exists():
        command = [sys.executable, BASELINES / "features_gen.py", "--out", folder, "--rows", rows, "--csv-rows", csv_rows]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    return str(folder)


def large(folder, gib):
    """Makes a CSV of about so many GiB of the events' lines, again and again; returns its length."""
    path, source = Path(folder) / "large.csv", Path(folder) / "events.csv"
    if not path.exists() or path.stat().st_size < gib * 2**30:
        header, _, lines = source.read_bytes().partition(b"\n")
        with open(path, "wb") as file:
            file.write(header + b"\n")
            while file.tell() < gib * 2**30:
                file.write(lines)
    return path.stat().st_size


def check(race, path):
    """What our output holds, under the peers' names."""
    import polars as pl

    frame = pl.read_parquet(path)
    if race == "op1":
        return {"rows": frame.height, "row_sum": frame["row_sum"].sum()}
    if race == "op2":
        sums = {"n": "n", "amt": "amount_sum", "sessions": "sessions", "n7": "n7"}
        return {"rows": frame.height} | {name: frame[column].sum() for name, column in sums.items()}
    bins = int(frame["session_length_sec"].n_unique())
    return {"rows": frame.height, "cols": frame.width, "z": abs(frame["event_value_z"].mean()), "bins": bins}


def compare(race, ours, peer):
    """Stops the race when the two did not do the same."""
    for name, value in ours.items():
        other = peer[name]
        near = abs(value - other) <= 1e-9 * max(1.0, abs(other)) or (name == "z" and max(value, other) < 1e-6)
        # A bin more or less is how equal edges are told apart; DuckDB and polars differ there as well.
        if not near and name != "bins":
            sys.exit(f"{race}: {name} is {value}, and the peer's is {other}")


def ours(config, folder, threads, *more):
    command = [os.environ["TRAINER"], "features", "run", "--config", f"benches/features/{config}.yaml"]
    os.environ["DATA"] = str(folder)
    child = machine.timed(command + ["--threads", threads, "--quiet", *more], threads)
    return {key: child[key] for key in ("wall_s", "cpu_s", "peak_rss_mib")}


def theirs(library, race, folder, threads):
    command = [sys.executable, BASELINES / "features_bench.py", "--data", folder, "--threads", threads]
    child = machine.timed(command + ["--child", f"{library}:{race}"], threads)
    line = next(line for line in child["stdout"].splitlines() if line.startswith("RESULT "))
    told = json.loads(line.removeprefix("RESULT "))
    row = {"wall_s": told["wall_s"], "cpu_s": told["cpu_s"], "peak_rss_mib": child["peak_rss_mib"]}
    return row, told["check"]


def main():
    parser = argparse.ArgumentParser(prog="benches/run features", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--csv-rows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="*", default=list(RACES), choices=list(RACES))
    parser.add_argument("--large-gib", type=int, default=8, help="of a CSV that is read with --memory 1GiB; 0: none")
    parser.add_argument("--name", default="features", help="of the result file")
    args = parser.parse_args()
    if not BASELINES.is_dir():
        sys.exit(f"benches/run features: the shared baselines are not at {BASELINES}")
    folder = Path(machine.apart(data, args.rows, args.csv_rows))
    description = machine.describe(args.threads, PACKAGES)
    result = {}
    for race in args.only:
        runs = {"trainer": [], "polars": [], "duckdb": []}
        for _ in range(args.repeats):
            runs["trainer"].append(ours(RACES[race], folder, args.threads))
            found = machine.apart(check, race, folder / f"out_trainer_{race}.parquet")
            for library in ("polars", "duckdb"):
                row, told = theirs(library, race, folder, args.threads)
                runs[library].append(row)
                compare(race, found, told)
        rows = {contestant: machine.medians(done) for contestant, done in runs.items()}
        for row in rows.values():
            row["cpu_ratio"] = row["cpu_s"] / rows["trainer"]["cpu_s"]
            row["memory_ratio"] = row["peak_rss_mib"] / rows["trainer"]["peak_rss_mib"]
        result[RACES[race]] = rows
        keys = ("wall_s", "cpu_s", "cpu_ratio", "peak_rss_mib", "memory_ratio")
        lines = [(contestant, *(row[key] for key in keys)) for contestant, row in rows.items()]
        columns = ("contestant", "wall s", "CPU s", "x ours", "peak MiB", "x ours")
        machine.table(f"{RACES[race]}, {args.threads} threads", columns, lines)
    beyond = {}
    if args.large_gib:
        size = machine.apart(large, folder, args.large_gib)
        beyond = {"bytes": size, "memory": "1GiB"} | ours("large", folder, args.threads, "--memory", "1GiB", "--spill-dir", folder)
        (folder / "large.csv").unlink()
        line = (f"{size / 2**30:.1f} GiB", *(beyond[key] for key in ("wall_s", "cpu_s", "peak_rss_mib")))
        machine.table("sorted with --memory 1GiB", ("CSV", "wall s", "CPU s", "peak MiB"), [line])
    machine.write(args.name, {"large": beyond, "machine": description, "rows": args.rows, "csv_rows": args.csv_rows, "races": result})


if __name__ == "__main__":
    main()
