"""What a race needs: the machine, versions, and child processes that are timed."""

import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "benches"


def describe(threads, packages=()):
    """Model and size of the machine, and the versions that ran; no name that tells whose machine it is."""
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory_kib = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    ours = subprocess.run([os.environ["TRAINER"], "--version"], capture_output=True, text=True, check=True)
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kib / 2**20),
        "threads": threads,
        "load_1min": round(os.getloadavg()[0], 2),
        "versions": {"trainer": ours.stdout.split()[-1], "python": sys.version.split()[0], **versions},
    }


def apart(function, *args):
    """Calls a function in a child of this process and returns what it returns, by way of JSON.

    A process's peak memory counts from that of the process that started it: this one must stay small, so what makes
    data does so apart.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(writer, json.dumps(function(*args)).encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as told:
        text = told.read()
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(f"{function.__name__} failed")
    return json.loads(text)


def timed(command, threads, accept=(0,)):
    """Runs a fresh process to its end.

    Wall seconds from start to end, CPU seconds and peak resident MiB of it and its children, and its standard output.
    """
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), RAYON_NUM_THREADS=str(threads), POLARS_MAX_THREADS=str(threads))
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        child = subprocess.Popen([str(part) for part in command], stdout=out, stderr=err, env=env, cwd=ROOT)
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        if child.returncode not in accept:
            sys.exit(f"{command} ended with {child.returncode}:\n{err.read().decode()[-4000:]}")
        return {
            "wall_s": wall_s,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_rss_mib": usage.ru_maxrss / 1024,
            "stdout": out.read().decode(),
        }


def told_json(stdout):
    """What a child told as JSON: all of its output, or the last line where a library spoke before."""
    try:
        return json.loads(stdout)
    except json.JSONDecodeError:
        return json.loads(stdout.strip().splitlines()[-1])


def medians(rows):
    """Median of every number over the repeats of one contestant."""
    numbers = [key for key, value in rows[0].items() if isinstance(value, (int, float))]
    return {key: statistics.median(row[key] for row in rows) for key in numbers} | {"repeats": len(rows)}


def write(name, result):
    """Writes benches/results/NAME.json."""
    folder = ROOT / "benches" / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nwrote benches/results/{name}.json")


def table(title, columns, rows):
    """Prints rows of text and numbers, right-aligned."""
    def cell(value):
        return f"{value:,.4g}" if isinstance(value, float) else str(value)

    texts = [list(columns)] + [[cell(value) for value in row] for row in rows]
    widths = [max(len(text[i]) for text in texts) for i in range(len(columns))]
    print(f"\n{title}")
    for text in texts:
        print("  " + "  ".join(value.rjust(width) for value, width in zip(text, widths)), flush=True)
