"""A store with the history of one part, B/7, and of others that must not show up in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.store.database import tables as t

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SERIAL = "B/7"


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def part_step(arrival: int, minutes: float, **changes: Any) -> dict[str, Any]:
    return {
        "arrival": arrival, "source": "mes", "serial": SERIAL, "step": "forging", "visit": 1, "revision": 0,
        "at": at(minutes), "available_at": at(minutes + 1), "machine": "F1", "recipe": "R1", "lot": "L9",
        "values": {"p1": 1.5, "p2": None}, "digest": "d",
    } | changes  # fmt: skip


def decision(minutes: float, **changes: Any) -> dict[str, Any]:
    return {
        "serial": SERIAL, "step": "forging", "visit": 1, "revision": 0, "gate": "shape", "arrival": 1,
        "inputs": {"forging.p1": 1}, "characteristic": "tip", "model": "m", "version": "3", "model_digest": "abc",
        "plant_digest": "def", "predicted": 1.25, "lower": 1.0, "upper": 1.5, "distance": 0.5, "distance_limit": 2.0,
        "verdict": "scrap", "reason": "out_of_spec", "on_hold": "", "decided_at": at(minutes), "at": at(minutes - 1),
    } | changes  # fmt: skip


def outbox(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "channel": "mes", "key": json.dumps(["north", SERIAL, number]), "subject": SERIAL,
        "payload": {"serial": SERIAL, "step": "forging", "recommendation": "scrap"}, "status": "sent",
        "created_at": at(2), "next_at": at(2), "attempts": 1, "sent_at": at(3), "error": None,
    } | changes  # fmt: skip


def quarantined(number: int, key: str, **changes: Any) -> dict[str, Any]:
    return {
        "source": "mes", "reason": "not_a_number", "key": key, "at": at(-5), "row": {"p1": "N/A"},
        "digest": str(number), "first_seen_at": at(-4),
    } | changes  # fmt: skip


def finding(minutes: float, **changes: Any) -> dict[str, Any]:
    return {
        "arrival": 5, "detector": "limits", "method": "high", "subject": "F1", "feature": "temperature",
        "at": at(minutes), "status": "breach", "value": 412.5, "limit": 400.0, "causes": ["temperature"],
    } | changes  # fmt: skip


def window(minutes: float, **changes: Any) -> dict[str, Any]:
    return {
        "machine": "F1", "sensor": "temperature", "start": at(minutes), "rows": 10, "missing": 2, "minimum": 300.0,
        "maximum": 400.0, "total": 2800.0, "square_total": 990000.0,
    } | changes  # fmt: skip


def outcome(arrival: int, **changes: Any) -> dict[str, Any]:
    return {
        "arrival": arrival, "source": "test", "serial": SERIAL, "characteristic": "tip", "at": at(1440),
        "available_at": at(1500), "revision": 0, "value": 1.75, "digest": "d",
    } | changes  # fmt: skip


def disposition(arrival: int, **changes: Any) -> dict[str, Any]:
    return {
        "arrival": arrival, "source": "people", "serial": SERIAL, "step": "forging", "at": at(60), "revision": 0,
        "disposition": "scrapped", "digest": "d",
    } | changes  # fmt: skip


ROWS: dict[sa.Table, list[dict[str, Any]]] = {
    t.part_step: [part_step(1, 0), part_step(2, 0, revision=1, values={"p1": 1.75}), part_step(9, 0, serial="B/70")],
    t.decision: [decision(2), decision(2, serial="B/70")],
    t.outbox: [
        outbox(1),
        outbox(2, subject="B/70", payload={"serial": "B/70"}),
        outbox(3, payload={"text": "an alert about a machine of that name"}),
    ],
    t.outcome: [outcome(20)],
    t.disposition: [disposition(19)],
    t.quarantine: [
        quarantined(1, json.dumps({"serial": SERIAL, "step": "forging"})),
        quarantined(2, json.dumps({"serial": "B/70"})),
        quarantined(3, json.dumps(["xB/7", "B/7x"])),
        quarantined(4, "not JSON, B/7"),
    ],
    t.finding: [finding(-10), finding(-31), finding(6), finding(-1, subject="F2")],
    t.machine_window: [window(-2), window(-7), window(-2, machine="F2"), window(-2, sensor="empty", missing=10)],
}


def fill(engine: sa.Engine, rows: dict[sa.Table, list[dict[str, Any]]] | None = None) -> None:
    with engine.begin() as connection:
        for table, values in (ROWS if rows is None else rows).items():
            connection.execute(sa.insert(table), values)
