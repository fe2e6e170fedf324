"""A small demo plant in a folder of its own, and the ways tests run it: in this process, or in forked ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from run_kit import once

from inference.registry import Registry
from monitor.clock import SimulatedClock
from monitor.plant.file.load import load
from monitor.runtime.app import App, make_app
from monitor.runtime.replay import replay
from monitor.scheduling.runner import SlotResult
from monitor.simulator.feed import Feed
from monitor.simulator.history import History, simulate
from monitor.store.database import tables as t
from monitor.store.database.schema import open_existing

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
DEMO_END = "2026-03-06T00:00:00Z"
"""When a whole demo ends: what it holds depends on the time of day, for the line stands at breaks."""
SOURCES = ("mes", "inspection", "visual_check", "historian", "machine_states", "final_test", "dispositions")
GATES = ("forging", "machining", "coating")
"""The gates that judge numbers. That of pictures takes seconds: tests that do not mean it leave it without a model."""
NO_PICTURES = ("gates.inspection.since=2100-01-01T00:00:00Z", "gates.inspection.training.min_outcomes=1000000")
LIVE = (*(f"gates.{gate}.since={START.isoformat()}" for gate in GATES), *NO_PICTURES)
QUICK = (*LIVE, "store.lease=1s", "gates.forging.training.epochs=40", "gates.coating.training.epochs=40")
NO_TRAINING = tuple(f"gates.{gate}.training.min_outcomes=1000000" for gate in (*GATES, "inspection"))


def make_plant(folder: Path, hours: float, *, seed: int = 11, history: History | None = None) -> Path:
    """The plant file, with both source databases filled with `hours` of history from START on."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "plant.yaml"
    file.write_text(files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    history = history or simulate(seed, START, hours / 24, commissioning_parts=300)
    with Feed(history, f"sqlite:///{folder}/mes.db", f"sqlite:///{folder}/historian.db") as feed:
        feed.create()
        feed.advance(history.end + timedelta(days=3))
    return file


def ready_to_train(plant: Path) -> Path:
    """Put an MLflow database beside the plant file that has its tables already, which take MLflow seconds to make.

    MLflow is imported here as well, once for all processes that are forked from this one.
    """
    import mlflow  # noqa: F401

    shutil.copy(once("mlflow", _make_registry) / "mlflow.db", plant.parent)
    return plant


def _make_registry(folder: Path) -> None:
    assert Registry(f"sqlite:///{folder}/mlflow.db", None, "gatewatch", folder / "cache").versions("none") == ()


def run_replay(
    plant: Path,
    hours: float,
    overrides: Sequence[str] = QUICK,
    start: datetime = START,
    stop_at: Callable[[App, datetime, str, SlotResult], bool] | None = None,
) -> list[SlotResult]:
    """Replay in this process; every failed slot is returned."""
    clock = SimulatedClock(start)
    app = make_app(load(plant, overrides), clock, simulated=True)
    failed = []
    try:
        for at, name, slot in replay(app, clock, start, start + timedelta(hours=hours)):
            if slot.error:
                failed.append(slot)
            if stop_at is not None and stop_at(app, at, name, slot):
                break
    finally:
        app.close()
    return failed


def copied(folder: Path, target: Path) -> Path:
    """A second plant like the first, databases and models included; its plant file."""
    shutil.copytree(folder, target)
    return target / "plant.yaml"


DECIDED = (
    "serial", "step", "visit", "revision", "gate", "model", "version", "model_digest", "predicted", "lower", "upper",
    "distance", "verdict", "reason", "on_hold", "decided_at", "at",
)  # fmt: skip
ALERTED = (
    "name", "subject", "condition", "state", "since", "fired_at", "ended_at", "kept_since", "team", "line", "summary",
    "value", "limit",
)  # fmt: skip


def contents(plant: Path) -> dict[str, Any]:
    """What two runs over the same history must agree in, table by table, as sorted JSON lines."""
    store = open_existing(load(plant, QUICK).plant.store.url)
    with store.read() as connection:
        made = {
            "decisions": _rows(connection, t.decision, DECIDED),
            "outbox": _rows(connection, t.outbox, ("key", "status", "payload")),
            "findings": _rows(
                connection, t.finding, ("detector", "method", "subject", "feature", "at", "status", "value", "limit")
            ),
            "board": _rows(connection, t.board, ("detector", "method", "subject", "feature", "at", "status", "value")),
            "readings": _rows(connection, t.reading, ("machine", "at", "revision", "state", "values")),
            "parts": _rows(connection, t.part_step, ("serial", "step", "visit", "revision", "at", "values")),
            "outcomes": _rows(connection, t.outcome, ("serial", "at", "revision", "value")),
            "windows": _rows(connection, t.machine_window, ("machine", "sensor", "start", "rows", "total")),
            "quarantine": _rows(connection, t.quarantine, ("source", "reason", "key")),
            "alerts": _rows(connection, t.alert, ALERTED),
            "what alerts read": _rows(connection, t.alert_reading, ("at", "readings", "states", "evaluated")),
        }
    store.close()
    return made


def _rows(connection: sa.Connection, table: sa.Table, columns: Iterable[str]) -> list[str]:
    query = sa.select(*(table.c[name] for name in columns))
    return sorted(json.dumps(list(row), default=str) for row in connection.execute(query))


def advice(plant: Path) -> list[str]:
    """What stands in the MES's own table, as sorted JSON lines."""
    engine = sa.create_engine(f"sqlite:///{plant.parent}/mes.db")
    with engine.connect() as connection:
        rows = sorted(json.dumps(list(r)) for r in connection.exec_driver_sql("SELECT * FROM GATE_ADVICE"))
    engine.dispose()
    return rows
