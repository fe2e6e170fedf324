"""What a gate saved, estimated from what a plant knows, beside the truth of the same parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.savings import savings_by_truth, sum_up_savings
from monitor.plant.file.load import parse
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.rows.decisions import all_decisions

START = datetime(2026, 3, 31, 12, tzinfo=UTC)
NOW = START + timedelta(days=2)
GOOD, STIFF, SOFT = 1250.0, 1280.0, 1200.0


@pytest.fixture(scope="module")
def plant() -> Plant:
    return parse(files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8"), Path()).plant


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def decision(number: int, serial: str, hours: float, verdict: str, bad: float) -> dict[str, Any]:
    """A decision with the costs that go with a probability of not being good."""
    correct = {"action": "correct", "correction": "blend", "cost": 120 + bad * 0.05 * 900}
    costs = [{"action": "continue", "correction": "", "cost": bad * 30000}, correct]
    return {
        "serial": serial, "step": "coating", "visit": 1, "revision": 0, "gate": "coating", "arrival": number,
        "inputs": {}, "characteristic": "resonance", "model": "m", "version": "1", "model_digest": "",
        "plant_digest": "", "predicted": None, "lower": None, "upper": None, "distance": None, "distance_limit": None,
        "verdict": verdict, "reason": "", "on_hold": "", "decided_at": at(hours), "at": at(hours), "costs": costs,
    }  # fmt: skip


def act(said: str, did: str, hours: float, inspected: bool = False, after: float | None = None) -> dict[str, Any]:
    when = at(hours).isoformat()
    return {"said": said, "did": did, "reason": "", "correction": "blend" if said == "correct" else "", "at": when,
            "inspected": when if inspected else None, "after": after}  # fmt: skip


def outcome(number: int, serial: str, hours: float, value: float) -> dict[str, Any]:
    return {
        "arrival": number, "source": "s", "serial": serial, "characteristic": "resonance", "at": at(hours),
        "available_at": at(hours), "revision": 0, "value": value, "digest": str(number),
    }  # fmt: skip


def word(number: int, serial: str, hours: float, what: str) -> dict[str, Any]:
    return {"arrival": number, "source": "q", "serial": serial, "step": "coating", "at": at(hours), "revision": 0,
            "disposition": what, "digest": str(number)}  # fmt: skip


def test_estimate_and_truth_are_of_the_same_parts_and_months(plant: Plant, store: Store) -> None:
    """Of B4 nobody knows yet how it turned out, of B5 what was done; B6 passed in the next month."""
    rows: dict[str, list[dict[str, Any]]] = {
        "decision": [
            decision(1, "B1", 0, "continue", 0.001), decision(2, "B2", 1, "hold", 0.3),
            decision(3, "B3", 2, "correct", 0.999), decision(4, "B4", 3, "correct", 0.999),
            decision(5, "B5", 4, "hold", 0.3), decision(6, "B6", 14, "hold", 0.9),
        ],
        "outcome": [outcome(11, "B2", 2, SOFT), outcome(12, "B3", 26, GOOD), outcome(13, "B6", 16, STIFF),
                    outcome(14, "B6", 40, GOOD)],
        "disposition": [word(21, "B2", 3, "scrapped"), word(22, "B3", 3, "reworked"), word(23, "B4", 4, "reworked"),
                        word(24, "B6", 17, "reworked")],
    }  # fmt: skip
    acts = {
        "B1": act("continue", "went_on", 1), "B2": act("hold", "scrapped", 3, True),
        "B3": act("correct", "reworked", 3, after=GOOD), "B4": act("correct", "reworked", 4, after=GOOD),
        "B5": act("hold", "used", 50, True), "B6": act("hold", "reworked", 17, True, GOOD),
    }  # fmt: skip
    parts = {"B1": GOOD, "B2": SOFT, "B3": STIFF, "B4": STIFF, "B5": GOOD, "B6": STIFF}
    with store.write() as connection:
        for table, values in rows.items():
            connection.execute(t.metadata.tables[table].insert(), values)
    with store.read() as connection:
        decisions = all_decisions(connection)
    truth = {"parts": parts, "faults": [], "operator": acts}
    sum_up_savings(store, plant, START, NOW)
    march, april = savings_by_truth(store, plant, truth, decisions, NOW)
    assert (march["month"], march["parts"], march["waiting"]) == ("2026-03", 5, 2)
    assert march["true"] == (30000 - 60 - 900) + (30000 - 120)
    assert march["lower"] <= march["true"] <= march["upper"]
    assert (april["month"], april["parts"], april["waiting"]) == ("2026-04", 1, 0)
    assert april["true"] == april["estimate"] == 30000 - 60 - 120


def test_without_decisions_there_is_nothing_to_sum_up(plant: Plant, store: Store) -> None:
    assert savings_by_truth(store, plant, {"parts": {}, "faults": [], "operator": {}}, [], NOW) == []
