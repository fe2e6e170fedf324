"""Readings a second through pull, default detectors and commit: in one process, and by two worker processes.

`python -m benchmarks.bench_workers`, with nothing else running: timings of two processes are worth nothing on cores
that others use. One sensor value is one reading; a row of the demo's historian holds eight. The historian has two
partitions of three machines each. One slot of both pulls at once, then one of both jobs that judge, as the threads of
`gatewatch run` do it: with `jobs.workers=0` all in this process, with 2 each partition in a worker. By turns, on fresh
databases and with durable commits; medians are reported. The machine states are in the store, and the workers ready,
before the clock starts. CPU time is that of all the processes, a database server's left out; memory is what each worker
has for itself and its share of what several processes map (PSS), at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from benchmarks.plants import (
    READINGS_PER_ROW,
    SHAPES,
    START,
    Databases,
    make_plant,
    postgres,
    postgres_binaries,
    sqlite_files,
)
from monitor.clock import WallClock
from monitor.jobs.pulling.pull import PullJob
from monitor.plant.file.load import load
from monitor.runtime.app import App, make_app
from monitor.scheduling.runner import SlotOutcome

PARTITIONS = {"north": ("forge-1", "forge-2", "mill-1"), "south": ("mill-2", "coat-1", "rig-1")}
WORKERS = (0, 2)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: rows judged, seconds by the clock and of CPU, and MiB of memory of each worker."""

    rows: int
    seconds: float
    cpu_seconds: float
    worker_mib: tuple[float, ...]


def opened(plant: Path, where: Databases, workers: int) -> App:
    """The plant with partitions and workers, ready to run."""
    partitions = ", ".join(f"{name}: [{', '.join(members)}]" for name, members in PARTITIONS.items())
    shared = [f"sources.historian.partitions={{{partitions}}}", f"jobs.workers={workers}"]
    live = [f"gates.{gate}.since={START.isoformat()}" for gate in SHAPES]
    return make_app(load(plant, [*where.overrides(), *live, *shared]), WallClock(), simulated=False)


def run(app: App, *names: str) -> None:
    """The slot that is due of each of these jobs, all at once; each must succeed."""
    jobs = [job for job in app.jobs if job.name in names]
    with ThreadPoolExecutor(len(jobs)) as pool:
        outcomes = list(pool.map(app.workers.catch_up, jobs))
    if outcomes != [SlotOutcome.SUCCESS] * len(names):
        raise RuntimeError(f"{names}: {outcomes}")


def measured(plant: Path, where: Databases, workers: int) -> Measured:
    """Pull and judge all of the history once."""
    app = opened(plant, where, workers)
    try:
        run(app, "pull:machine_states")
        app.workers.start()
        for pull in app.jobs:
            if isinstance(pull, PullJob) and pull.source_name == "historian":
                with app.workers.lease_of(pull):  # its worker is ready when it has answered
                    pass
        began, before = time.perf_counter(), _cpu_seconds()
        run(app, *(f"pull:historian:{name}" for name in PARTITIONS))
        run(app, *(f"detect:historian:{name}" for name in PARTITIONS))
        seconds, cpu = time.perf_counter() - began, _cpu_seconds() - before
        memory = tuple(_mib(pid) for pid in _children())
        with app.store.read() as connection:
            rows = connection.exec_driver_sql("SELECT count(*) FROM reading").scalar_one()
            judged = connection.exec_driver_sql("SELECT count(*) FROM judged").scalar_one()
        if not judged:
            raise RuntimeError(f"{rows} rows were pulled and none judged")
        return Measured(int(rows), seconds, cpu, memory)
    finally:
        app.close()


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").glob("*/children"):
        yield from map(int, task.read_text().split())


def _cpu_seconds() -> float:
    """CPU time of this process and of its workers."""
    used = time.process_time()
    for pid in _children():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += sum(map(int, fields[11:13])) / _TICKS
    return used


def _mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _round(backend: str, days: float, workers: int) -> Measured:
    binaries = postgres_binaries()
    with tempfile.TemporaryDirectory(prefix="gatewatch-bench-") as place:
        folder = Path(place)
        server: AbstractContextManager[Databases] = nullcontext(sqlite_files(folder))
        if backend == "postgresql" and binaries is not None:
            server = postgres(binaries)
        with server as where:
            return measured(make_plant(folder, where, days), where, workers)


def measure(backend: str, days: float, rounds: int) -> dict[str, object]:
    """Medians over the rounds on one kind of database."""
    found = {workers: list[Measured]() for workers in WORKERS}
    for _ in range(rounds):
        for workers in WORKERS:
            found[workers].append(_round(backend, days, workers))
    speeds = {n: statistics.median(r.rows / r.seconds for r in of) * READINGS_PER_ROW for n, of in found.items()}
    rows = found[0][0].rows
    return {
        "database": backend, "rows": rows, "readings": rows * READINGS_PER_ROW, "rounds": rounds,
        "readings_per_second": {n: round(speed) for n, speed in speeds.items()},
        "seconds": {n: [round(r.seconds, 2) for r in of] for n, of in found.items()},
        "cpu_seconds": {n: [round(r.cpu_seconds, 2) for r in of] for n, of in found.items()},
        "worker_mib": round(max(mib for r in found[2] for mib in r.worker_mib)),
        "ratio": round(speeds[2] / speeds[0], 3),
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=3.0, help="Length of the history; 138,240 readings a day.")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    backends = ["sqlite", *(["postgresql"] if postgres_binaries() else [])]
    results = [measure(backend, arguments.days, arguments.rounds) for backend in backends]
    sys.stdout.write(json.dumps({"benchmark": "workers", "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
