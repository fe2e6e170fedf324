"""Readings a second through pull, default detectors and commit: in one process, and by two worker processes.

`python -m benchmarks.bench_workers`, with nothing else running: timings of two processes are worth nothing on cores
that others use. One sensor value is one reading; a row of the demo's historian holds eight. The historian has two
partitions of three machines each. One slot of both pulls at once, then one of both jobs that judge, as the threads of
`gatewatch run` do it: with `jobs.workers=0` all in this process, with 2 each partition in a worker. By turns, on fresh
databases and with durable commits; medians are reported. A first slot of each job over an hour of the history is left
out: it imports libraries and learns names. CPU time is that of all the processes, a database server's left out; memory
is what each worker has for itself and its share of what several processes map (PSS), at the end. The garbage collector
runs as rarely as under the command line.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

from benchmarks.plants import READINGS_PER_ROW, START, Databases, fresh, print_rounds
from monitor.clock import WallClock
from monitor.plant.file.load import load
from monitor.runtime.app import App, make_app
from monitor.scheduling.job import Job
from monitor.scheduling.runner import SlotOutcome
from monitor.simulator.feed import Feed
from monitor.simulator.history import simulate

PARTITIONS = {"north": ("forge-1", "forge-2", "mill-1"), "south": ("mill-2", "coat-1", "rig-1")}
PULLS = tuple(f"pull:historian:{name}" for name in PARTITIONS)
JUDGES = tuple(f"detect:historian:{name}" for name in PARTITIONS)
WORKERS = (0, 2)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: rows judged, seconds by the clock and of CPU, and MiB of memory of each worker."""

    rows: int
    seconds: float
    cpu_seconds: float
    worker_mib: tuple[float, ...]


def opened(file: Path, where: Databases, workers: int) -> App:
    """The demo's plant with partitions and workers, ready to run, with a slot each second."""
    text = files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    partitions = ", ".join(f"{name}: [{', '.join(members)}]" for name, members in PARTITIONS.items())
    changes = [f"sources.historian.partitions={{{partitions}}}", f"jobs.workers={workers}"]
    changes += [f"sources.{name}.every=1s" for name in ("historian", "machine_states")]
    return make_app(load(file, [*where.overrides(), *changes]), WallClock(), simulated=False)


def run(app: App, *names: str) -> None:
    """A slot of each of these jobs, all at once, as soon as it is due."""
    jobs = [job for job in app.jobs if job.name in names]
    with ThreadPoolExecutor(len(jobs)) as pool:
        outcomes = list(pool.map(lambda job: _next_slot(app, job), jobs))
    if outcomes != [SlotOutcome.SUCCESS] * len(names):
        raise RuntimeError(f"{names}: {outcomes}")


def _next_slot(app: App, job: Job) -> SlotOutcome:
    while (outcome := app.workers.catch_up(job)) in (None, SlotOutcome.DONE_BEFORE):
        time.sleep(0.01)
    return outcome


def measured(folder: Path, where: Databases, days: float, workers: int) -> Measured:
    """Pull and judge an hour of a history, then, measured, all the rest."""
    history = simulate(3, START, days, commissioning_parts=0)
    with Feed(history, where.mes, where.historian) as feed:
        feed.create()
        feed.advance(START + timedelta(hours=1))
        app = opened(folder / "plant.yaml", where, workers)
        try:
            app.workers.start()
            for names in (("pull:machine_states",), PULLS, JUDGES):
                run(app, *names)
            feed.advance(history.end + timedelta(days=3))
            run(app, "pull:machine_states")
            return _measured(app)
        finally:
            app.close()


def _measured(app: App) -> Measured:
    before, ready = _rows(app), max(app.clock.now().timestamp() % 1, 0.0)
    time.sleep(1.0 - ready)  # a slot of each job is due now
    began, used = time.perf_counter(), _cpu_seconds()
    run(app, *PULLS)
    run(app, *JUDGES)
    seconds, cpu = time.perf_counter() - began, _cpu_seconds() - used
    return Measured(_rows(app) - before, seconds, cpu, tuple(_mib(pid) for pid in _children()))


def _rows(app: App) -> int:
    """Readings in the store, all of which must have been judged."""
    with app.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM reading").scalar_one()
        newest = connection.exec_driver_sql("SELECT max(at) FROM reading").scalar_one()
        judged = connection.exec_driver_sql("SELECT max(until) FROM judged").scalar_one()
    if judged != newest:
        raise RuntimeError(f"readings up to {newest} were pulled, and judged up to {judged}")
    return int(rows)


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
    with fresh(backend) as (folder, where):
        return measured(folder, where, days, workers)


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
    print_rounds("workers", __doc__, measure)


if __name__ == "__main__":
    main()
