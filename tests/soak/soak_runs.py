"""Replays in forked processes, each with what it cost; and what must agree between two of them besides `contents`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import sqlalchemy as sa
from fork_kit import forked
from plant_kit import LIVE, START, run_replay

from detectors.window.wasserstein import wasserstein
from inference.registry import Registry
from monitor.plant.file.load import load
from monitor.runtime.app import App
from monitor.scheduling.runner import SlotOutcome, SlotResult
from monitor.store.database import tables as t
from monitor.store.database.schema import open_existing

HOURS = 144.0
"""Six days: more than 100,000 rows of the historian."""
SOAK = (
    *LIVE, "store.lease=0.3s", "store.snapshot_rows=500", "gates.forging.training.epochs=40",
    "gates.coating.training.epochs=40",
)  # fmt: skip
"""A killed process's leases run out, and its detectors are rebuilt, in a fraction of a second."""

_ONCE = ("gatewatch_gate_decisions_total", "gatewatch_findings_total", "gatewatch_source_quarantined_rows_total")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a whole replay in a process of its own took."""

    seconds: float
    peak_bytes: int


def replay_all(plant: Path, hours: float, told: Callable[[], object] = lambda: None) -> None:
    """Replay from the newest slot in the store up to `hours`; `told` is called when the first new slot was served.

    History is served in order, so nothing before the newest slot is left. A failed slot fails the process.
    """
    first = [told]

    def tell(_app: App, _at: datetime, _name: str, slot: SlotResult) -> bool:
        if first and slot.outcome is not SlotOutcome.DONE_BEFORE:
            first.pop()()
        return False

    # The newest slot itself may have been served for some jobs only.
    start = newest_slot(plant) - timedelta(microseconds=1)
    failed = run_replay(plant, hours - (start - START) / timedelta(hours=1), SOAK, start, tell)
    assert not failed, [slot.error for slot in failed]


def measured(work: Callable[[], object]) -> Cost:
    """Do the work in a forked process; wall seconds and peak memory."""
    # SciPy is loaded once a step has its reference, MLflow once a model is retrained, both after a day or more:
    # they belong to every run or to none.
    wasserstein(np.arange(3.0), np.arange(3.0))
    with TemporaryDirectory() as place:
        assert Registry(f"sqlite:///{place}/mlflow.db", place, "warm", place).versions("none") == ()
    began = time.perf_counter()
    _, status, usage = os.wait4(forked(work), 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return Cost(time.perf_counter() - began, usage.ru_maxrss * 1024)


def newest_slot(plant: Path) -> datetime:
    """The newest slot that any job has served; START where none has."""
    if not (plant.parent / "gatewatch.db").exists():
        return START
    store = open_existing(load(plant, SOAK).plant.store.url)
    with store.read() as connection:
        newest: datetime | None = connection.execute(sa.select(sa.func.max(t.job.c.last_slot))).scalar_one_or_none()
    store.close()
    return newest or START


def share_done(plant: Path, hours: float) -> float:
    """How much of the history the store has served, from 0 to 1."""
    return (newest_slot(plant) - START) / timedelta(hours=hours)


def counted_once(plant: Path) -> dict[str, Any]:
    """Counters of what happens once, and the detectors' last states."""
    store = open_existing(load(plant, SOAK).plant.store.url)
    with store.read() as connection:
        tallies = connection.execute(sa.select(t.tally.c.name, t.tally.c.labels, t.tally.c.value)).all()
        states = connection.execute(sa.select(t.detector_state)).all()
    store.close()
    accepted = [r for r in tallies if r.name in _ONCE or r.labels.get("outcome") in ("accepted", "corrected")]
    return {
        "counters": sorted(json.dumps([r.name, r.labels, r.value], sort_keys=True) for r in accepted),
        "states": {(r.detector, r.subject): r.state for r in states},
    }


def posted_readings(plant: Path, until: datetime) -> int:
    """Distinct machine readings of the historian that could be known by `until`, those of unknown machines left out."""
    machines = tuple(load(plant, SOAK).plant.sources["historian"].machine.codes)  # type: ignore[attr-defined]
    engine = sa.create_engine(f"sqlite:///{plant.parent}/historian.db")
    keys = "SELECT DISTINCT EQUIP, TS FROM TREND_WIDE WHERE POSTED <= :until AND EQUIP IN :machines"
    query = sa.text(f"SELECT count(*) FROM ({keys})").bindparams(sa.bindparam("machines", expanding=True))
    with engine.connect() as connection:
        values = {"until": int(until.timestamp() * 1000), "machines": list(machines)}
        found = int(connection.execute(query, values).scalar_one())
    engine.dispose()
    return found
