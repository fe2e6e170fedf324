"""Peak memory of pulling 100 thousand, 1 million and 5 million readings, each in a process of its own.

`python -m benchmarks.bench_memory`. The history is written by another process; the measured one opens the plant
(SQLite), runs one slot of `pull:historian` and one of `detect:historian` over all of it, and reports its peak resident
memory (ru_maxrss) when ready and at the end. Memory must not grow with history.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from benchmarks.plants import READINGS_PER_ROW, ROWS_PER_DAY, START, make_plant, opened, served, sqlite_files

_READINGS_PER_DAY = ROWS_PER_DAY * READINGS_PER_ROW


def _peak_mib() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def fill(folder: Path, days: float) -> None:
    """Write the databases."""
    make_plant(folder, sqlite_files(folder), days)


def pull(folder: Path, days: float) -> dict[str, object]:
    """Read them all; what it took."""
    end = START + timedelta(days=days + 1)
    app, _ = opened(folder / "plant.yaml", sqlite_files(folder), end)
    served(app, "pull:machine_states", end)
    ready, began = _peak_mib(), time.perf_counter()
    slot = served(app, "pull:historian", end)
    served(app, "detect:historian", end)
    seconds = time.perf_counter() - began
    app.close()
    return {
        "readings": slot.result.rows * READINGS_PER_ROW, "peak_mib": _peak_mib(), "ready_mib": ready,
        "seconds": round(seconds, 1),
    }  # fmt: skip


def measure(readings: int) -> dict[str, object]:
    """One size, in two processes of their own: one writes, one reads."""
    days = readings / _READINGS_PER_DAY
    with tempfile.TemporaryDirectory(prefix="gatewatch-bench-") as place:
        told = ""
        for task in ("fill", "pull"):
            command = [sys.executable, "-m", "benchmarks.bench_memory", "--task", task, "--in", place]
            told = subprocess.run(
                [*command, "--days", repr(days)], check=True, stdout=subprocess.PIPE, text=True
            ).stdout  # fmt: skip
    found: dict[str, object] = json.loads(told)
    return found


def main() -> None:
    """Measure and print, or do one task of a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, nargs="+", default=[100_000, 1_000_000, 5_000_000])
    parser.add_argument("--task", choices=("fill", "pull"), help=argparse.SUPPRESS)
    parser.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--days", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task == "fill":
        fill(arguments.folder, arguments.days)
    elif arguments.task == "pull":
        sys.stdout.write(json.dumps(pull(arguments.folder, arguments.days)))
    else:
        results = [measure(readings) for readings in arguments.readings]
        sys.stdout.write(json.dumps({"benchmark": "memory", "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
