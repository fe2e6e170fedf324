"""Replays in forked processes, each with what it cost; and what must agree between two of them besides `contents`."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import sqlalchemy as sa
from fork_kit import forked
from plant_kit import LIVE, SOURCES, START
from soak_plant import corrections

from detectors.shared.wasserstein import wasserstein
from inference.registry import Registry
from monitor.clock import SimulatedClock
from monitor.plant.file.load import load
from monitor.runtime.app import App, make_app
from monitor.runtime.replay import replay
from monitor.runtime.retry import retry
from monitor.scheduling.runner import SlotOutcome
from monitor.statuses import Resolution
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.schema import open_existing

HOURS = 144.0
"""Six days: more than 100,000 rows of the historian."""
SOAK = (
    *LIVE, "store.lease=0.3s", "store.snapshot_rows=500", "gates.forging.training.epochs=40",
    "gates.coating.training.epochs=40",
    *(f"sources.{name}.every=1h" for name in (*SOURCES, "condition")),
    *(f"{job}.every=1h" for job in ("write_back", "alerts", "notify")),
)  # fmt: skip
"""A killed process's leases run out, and its detectors are rebuilt, in a fraction of a second. Slots are hours: what is
tested is what happens within them, and most of the work of short ones is the same for few rows as for many."""

_ONCE = (
    "gatewatch_gate_decisions_total", "gatewatch_findings_total", "gatewatch_source_quarantined_rows_total",
    "gatewatch_source_resolved_rows_total", "gatewatch_readings_unjudged_total",
)  # fmt: skip
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a whole replay in a process of its own took; memory beyond what it was forked with."""

    seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Told:
    """What is called when the first new slot was served, and before and after each retry from quarantine."""

    slot: Callable[[], object] = lambda: None
    retry: Callable[[], object] = lambda: None
    retried: Callable[[], object] = lambda: None


def replay_all(plant: Path, hours: float, told: Told = Told()) -> None:
    """Replay from the newest slot in the store up to `hours`, under one plant file after the other.

    History is served in order, so nothing before the newest slot is left. A failed slot fails the process.
    """
    first = [told.slot]
    # The newest slot itself may have been served for some jobs only.
    newest = newest_slot(plant)
    for begin, end, known in corrections(hours):
        if end <= newest:
            continue
        clock = SimulatedClock(max(begin, newest) - _TICK)
        app = make_app(load(plant, (*SOAK, *known)), clock, simulated=True)
        again = partial(_retry, app, begin, told) if known else lambda at: None
        try:
            for _, _, slot in replay(app, clock, clock.now(), end - _TICK, again):
                assert not slot.error, slot.error
                if first and slot.outcome is not SlotOutcome.DONE_BEFORE:
                    first.pop()()
        finally:
            app.close()
        del app, again
        gc.collect()  # an app is a circle of objects, and here are dozens in one process


def _retry(app: App, corrected: datetime, told: Told, at: datetime) -> None:
    """Try the rows in quarantine again before the first slot of a corrected plant file, as the command does."""
    if at == corrected and _newest(app.store) < at:
        told.retry()
        retry(app, tuple(app.plant.sources))
        told.retried()


def measured(work: Callable[[], object]) -> Cost:
    """Do the work in a forked process; wall seconds and peak memory beyond what it began with."""
    # SciPy is loaded once a step has its reference, MLflow once a model is retrained, both after a day or more:
    # they belong to every run or to none.
    wasserstein(np.arange(3.0), np.arange(3.0))
    with TemporaryDirectory() as place:
        assert Registry(f"sqlite:///{place}/mlflow.db", place, "warm", place).versions("none") == ()
    reader, writer = os.pipe()

    def from_here() -> None:
        os.write(writer, Path("/proc/self/statm").read_text().split()[1].encode())
        work()

    began = time.perf_counter()
    _, status, usage = os.wait4(forked(from_here), 0)
    seconds = time.perf_counter() - began
    os.close(writer)
    assert os.waitstatus_to_exitcode(status) == 0
    with os.fdopen(reader) as told:
        begun = int(told.read()) * os.sysconf("SC_PAGE_SIZE")
    return Cost(seconds, usage.ru_maxrss * 1024 - begun)


def newest_slot(plant: Path) -> datetime:
    """The newest slot that any job has served; START where none has."""
    if not (plant.parent / "gatewatch.db").exists():
        return START
    store = open_existing(load(plant, SOAK).plant.store.url)
    newest = _newest(store)
    store.close()
    return newest


def _newest(store: Store) -> datetime:
    with store.read() as connection:
        newest: datetime | None = connection.execute(sa.select(sa.func.max(t.job.c.last_slot))).scalar_one_or_none()
    return newest or START


def share_done(plant: Path, hours: float) -> float:
    """How much of the history the store has served, from 0 to 1."""
    return (newest_slot(plant) - START) / timedelta(hours=hours)


def counted_once(plant: Path) -> dict[str, Any]:
    """Counters of what happens once, how machines were judged, the quarantine, and the detectors' last states."""
    store = open_existing(load(plant, SOAK).plant.store.url)
    q, j = t.quarantine.c, t.judged.c
    with store.read() as connection:
        tallies = connection.execute(sa.select(t.tally.c.name, t.tally.c.labels, t.tally.c.value)).all()
        states = connection.execute(sa.select(t.detector_state)).all()
        judged = connection.execute(sa.select(j.machine, sa.func.max(j.until)).group_by(j.machine)).all()
        refused = connection.execute(sa.select(q.source, q.reason, q.key, q.resolution, q.resolved_at)).all()
    store.close()
    accepted = [r for r in tallies if r.name in _ONCE or r.labels.get("outcome") in ("accepted", "corrected")]
    return {
        "counters": sorted(json.dumps([r.name, r.labels, r.value], sort_keys=True) for r in accepted),
        "states": {(r.detector, r.subject): (r.state, r.until) for r in states},
        "judged": dict(tuple(row) for row in judged),
        "quarantine": sorted(map(repr, refused)),
    }


def retried(plant: Path) -> dict[str, int]:
    """Rows by source that a retry from quarantine took in."""
    store = open_existing(load(plant, SOAK).plant.store.url)
    q = t.quarantine.c
    query = sa.select(q.source, sa.func.count()).where(q.resolution == Resolution.RETRIED.value).group_by(q.source)
    with store.read() as connection:
        found = dict(tuple(row) for row in connection.execute(query))
    store.close()
    return found
