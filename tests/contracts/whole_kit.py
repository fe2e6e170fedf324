"""What two replays of one history must agree in, and how to look at it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from plant_kit import QUICK
from taught_kit import HOURS

from monitor.plant.file.load import load
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.schema import open_existing

WHOLE = HOURS
"""Hours of history."""

_DECISION = (
    "serial", "step", "visit", "revision", "gate", "characteristic", "model", "version", "model_digest", "predicted",
    "lower", "upper", "distance", "distance_limit", "verdict", "reason", "on_hold", "at",
)  # fmt: skip
_FINDING = ("detector", "method", "subject", "feature", "at", "status", "value", "limit", "causes")
_COMPARED: dict[str, tuple[sa.Table, tuple[str, ...]]] = {
    "decisions": (t.decision, _DECISION),
    "findings": (t.finding, _FINDING),
    "board": (t.board, _FINDING),
    "windows": (t.machine_window, tuple(c.name for c in t.machine_window.c)),
    "states of detectors": (t.detector_state, ("detector", "subject", "state")),
    "readings": (t.reading, ("machine", "at", "revision", "recipe", "state", "values")),
    "parts": (t.part_step, ("serial", "step", "visit", "revision", "at", "values")),
    "recommendations": (t.outbox, ("key", "status")),
    "quarantine": (t.quarantine, ("source", "reason", "key")),
}  # fmt: skip


@contextmanager
def opened(plant: Path, *overrides: str) -> Iterator[Store]:
    """The plant's store."""
    store = open_existing(load(plant, (*QUICK, *overrides)).plant.store.url)
    try:
        yield store
    finally:
        store.close()


def agreed(plant: Path, *overrides: str, leave_out: Iterable[str] = ()) -> dict[str, list[str]]:
    """By what it is, the store's content as sorted lines; times of processing and arrival numbers left out.

    Findings of the reconciliation job and notifications are of a job's slots, not of the data.
    """
    with opened(plant, *overrides) as store, store.read() as connection:
        return {
            name: sorted(_line(row) for row in connection.execute(_query(table, columns)))
            for name, (table, columns) in _COMPARED.items()
            if name not in set(leave_out)
        }


def _query(table: sa.Table, columns: Iterable[str]) -> sa.Select[Any]:
    query = sa.select(*(table.c[name] for name in columns))
    if table is t.outbox:
        return query.where(table.c.channel == "mes")
    return query.where(table.c.detector != "reconciliation") if table in (t.finding, t.board) else query


def _line(row: Any) -> str:
    return json.dumps(list(row), default=str, sort_keys=True)
