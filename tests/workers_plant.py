"""A plant of two partitions whose history ended hours ago, run by hand with worker processes or without."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from waits import until

from monitor.clock import WallClock
from monitor.plant.file.load import load
from monitor.runtime.app import App, make_app
from monitor.scheduling.runner import SlotOutcome
from monitor.store.database import tables as t

BEGIN = int((datetime.now(UTC) - timedelta(hours=15)).replace(minute=0, second=0, microsecond=0).timestamp())
"""Of the history; the same for every plant of a run."""
ROWS = 400
"""Of each machine, a minute apart."""
PULLS = ("pull:trend:north", "pull:trend:south")
JUDGES = ("detect:trend:north", "detect:trend:south")
_PLANT = """
version: 1
site: here
steps: {{form: {{line: l}}}}
machines:
  m1: {{step: form, sensors: {{heat: {{low: 0, high: 10}}}}}}
  m2: {{step: form, sensors: {{heat: {{low: 0, high: 10}}}}}}
  m3: {{step: form, sensors: {{heat: {{low: 0, high: 10}}}}}}
sources:
  trend:
    {{kind: readings, url: "sqlite:///historian.db", table: TREND, machine: EQ, at: {{column: AT, epoch: s}},
     late_by: 5m, every: 1s, values: {{heat: HEAT}}, partitions: {{north: [m1, m2], south: [m3]}}}}
store: {{url: "{store}", lease: 30s, batch_rows: 100}}
detectors: {{warmup_rows: 100}}
server: {{port: {port}}}
jobs: {{workers: {workers}}}
"""


def make_plant(folder: Path, workers: int, store: str = "sqlite:///gatewatch.db", port: int = 0) -> Path:
    """A plant file, and beside it the historian: the second half of m2 is too hot."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "plant.yaml"
    file.write_text(_PLANT.format(store=store, workers=workers, port=port), encoding="utf-8")
    heat = 3.0 + 0.3 * np.random.default_rng(7).normal(size=(3, ROWS))
    heat[1, ROWS // 2 :] += 9.0
    with closing(sqlite3.connect(folder / "historian.db")) as db, db:
        db.execute("CREATE TABLE TREND (EQ TEXT, AT INTEGER, HEAT REAL)")
        rows = [(f"m{1 + m}", BEGIN + 60 * n, heat[m, n]) for n in range(ROWS) for m in range(3)]
        db.executemany("INSERT INTO TREND VALUES (?, ?, ?)", rows)
    return file


def add_row(plant: Path, machine: str, minute: float, heat: float) -> None:
    """A row so many minutes after the beginning of the history; half ones lie between two rows."""
    with closing(sqlite3.connect(plant.parent / "historian.db")) as db, db:
        db.execute("INSERT INTO TREND VALUES (?, ?, ?)", (machine, BEGIN + int(60 * minute), heat))


@contextmanager
def locked(plant: Path) -> Iterator[None]:
    """Meanwhile whoever reads the historian waits."""
    with closing(sqlite3.connect(plant.parent / "historian.db", isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        yield
        db.execute("ROLLBACK")


@contextmanager
def opened(plant: Path, *, started: bool) -> Iterator[App]:
    """The plant ready to run, with its workers `started` or with none."""
    app = make_app(load(plant), WallClock(), simulated=False)
    try:
        if started:
            app.workers.start()
        yield app
    finally:
        app.runner.stop.set()
        app.workers.stop()
        app.close()


def run(app: App, *names: str) -> None:
    """A slot of each of these jobs, all at once, as often as it takes to succeed."""
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: until(lambda: succeeded(app, name), name), names))


def succeeded(app: App, name: str) -> bool:
    """Whether the job was due, and did well."""
    outcome = app.workers.catch_up(next(job for job in app.jobs if job.name == name))
    assert outcome is not SlotOutcome.FAILURE, name
    return outcome is SlotOutcome.SUCCESS


def history(app: App) -> None:
    """Pull and judge all of it; then a row turns up in an hour that was read long ago, and is found."""
    run(app, *PULLS)
    run(app, *JUDGES)
    add_row(app.loaded.path, "m3", 30.5, 4.0)
    run(app, "reconcile:trend")
    run(app, *PULLS)
    run(app, *JUDGES)


def contents(app: App) -> dict[str, list[str]]:
    """What two runs over the same history must agree in, as sorted JSON lines."""
    f, r, w = t.finding.c, t.reading.c, t.machine_window.c
    found = sa.select(f.detector, f.method, f.subject, f.feature, f.at, f.status, f.value, f.limit)
    with app.store.read() as connection:
        return {
            "readings": _lines(connection.execute(sa.select(r.machine, r.at, r.revision, r["values"]))),
            "findings": _lines(connection.execute(found.where(f.detector != "reconciliation"))),
            "windows": _lines(connection.execute(sa.select(w.machine, w.sensor, w.start, w.rows, w.total))),
            "arrivals": _lines(connection.execute(sa.select(sa.func.count(r.arrival.distinct())))),
        }


def _lines(rows: Iterable[Sequence[Any]]) -> list[str]:
    return sorted(json.dumps(list(row), default=str) for row in rows)


def holders(app: App) -> dict[str, str]:
    """Who last held the lease of each job: the part of the name before the last colon."""
    with app.store.read() as connection:
        rows = connection.execute(sa.select(t.lease.c.name, t.lease.c.holder))
        return {name: holder.rpartition(":")[0] for name, holder in rows}
