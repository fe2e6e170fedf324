"""A line of two gates with costs and one without, and rows of its store."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

import passport_rows as made

from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.database import Store

MARCH, APRIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
NOW = datetime(2026, 4, 20, tzinfo=UTC)
SCRAP, INSPECTION, ESCAPE, GRIND = 100.0, 10.0, 1000.0, 30.0
_ARRIVALS = count(1)


def plant() -> Plant:
    costs = {
        "escape": ESCAPE, "scrap": SCRAP, "inspection": INSPECTION, "corrections": {"grind": {"cost": GRIND}},
        "audit": {"scrap": 0.1},
    }  # fmt: skip
    gate = {"characteristic": "tip", "model": "m", "rework": {"above": 1.0}, "profile": ["p1", "p2", "p3", "p4"]}
    return Plant.model_validate({
        "version": 1, "site": "north",
        "steps": {
            "melting": {"line": "blades", "value": 20}, "forging": {"line": "blades"},
            "coating": {"line": "blades", "value": 90}, "testing": {"line": "blades"},
        },
        "characteristics": {"tip": {"unit": "mm", "specs": [{"since": "2026-01-01T00:00:00Z", "upper": 1.0}]}},
        "gates": {
            "shape": gate | {"step": "forging", "costs": costs}, "coat": gate | {"step": "coating", "costs": costs},
            "free": gate | {"step": "melting"},
        },
        "sources": {"mes": {"kind": "part_steps", "url": "sqlite:///mes.db", "table": "steps",
                            "at": {"column": "at", "zone": "UTC"}, "serial": "serial", "step": {"column": "step"},
                            "values": {f"p{i}": {"column": f"p{i}"} for i in range(1, 5)}}},
    })  # fmt: skip


PLANT = plant()


def day(number: float) -> datetime:
    return MARCH + (APRIL - MARCH) * (number / 31)


def decided(serial: str, verdict: str, on: float, bad: float = 0.5, gate: str = "shape", **changes: Any) -> Any:
    actions = [
        {"action": "continue", "correction": "", "cost": bad * ESCAPE},
        {"action": "correct", "correction": "grind", "cost": GRIND + 0.25 * bad * SCRAP},
        {"action": "scrap", "correction": "", "cost": SCRAP},
    ]
    step = PLANT.gates[gate].step
    row = made.decision(
        0, serial=serial, at=day(on), decided_at=day(on), verdict=verdict, gate=gate, step=step, costs=actions
    )
    return t.decision, row | {"arrival": next(_ARRIVALS), "signals": None} | changes


def outcome(serial: str, value: float | None, on: float, **changes: Any) -> Any:
    return t.outcome, {
        "arrival": next(_ARRIVALS), "source": "lab", "serial": serial, "characteristic": "tip", "at": day(on),
        "available_at": day(on), "revision": 0, "value": value, "digest": "d",
    } | changes  # fmt: skip


def disposed(serial: str, what: str, on: float, step: str = "forging", revision: int = 0) -> Any:
    return t.disposition, {
        "arrival": next(_ARRIVALS), "source": "qc", "serial": serial, "step": step, "at": day(on),
        "revision": revision, "disposition": what, "digest": "d", "available_at": day(on),
    }  # fmt: skip


def fill(store: Store, *rows: Any) -> None:
    with store.write() as connection:
        for table, row in rows:
            connection.execute(table.insert(), [row])


GOOD, REWORKABLE, BAD = 0.5, 1.5, 9.0
AUDIT = {"signals": {"audit": True, "audit_share": 0.1}}
