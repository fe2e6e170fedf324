"""What changed in the period of a report."""

from __future__ import annotations

from typing import Any

import passport_rows as made
import pytest
from report_plant import END, START, at, plant

from exporters.report.changes import Changes, DriftBegun, ModelChange
from exporters.report.values import PlantReport, SavedMonth
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.database.database import Store
from monitor.store.report.changes import avoided_by_month, with_savings
from monitor.store.report.reading import read_report

MARCH = START.replace(day=1)


def read(store: Store, rows: dict[Any, list[dict[str, Any]]], **more: Any) -> PlantReport:
    with store.write() as connection:
        for table, given in rows.items():
            for row in given:
                insert_new(connection, table, [row])
    return read_report(store, plant(), START, END, **more)


def finding(number: int, hours: float, status: str, feature: str = "", **changes: Any) -> dict[str, Any]:
    return {
        "id": number, "arrival": 0, "detector": "drift", "method": "worst_ratio", "subject": "forging",
        "feature": feature, "at": at(hours), "status": status, "value": 1.5, "limit": 1.0, "causes": ["p1", "p2"],
    } | changes  # fmt: skip


def decided(hours: float, version: str) -> dict[str, Any]:
    row = made.decision(0, serial=f"S{hours}", at=at(hours), decided_at=at(hours), version=version)
    return row | {"arrival": 10_000 + round(100 * hours)}


def asked(number: int, hours: float, state: str, finished: float | None) -> dict[str, Any]:
    return {
        "id": number, "gate": "shape", "key": str(number), "cause": "ModelDegraded", "requested_at": at(hours),
        "state": state, "reason": "better", "finished_at": None if finished is None else at(finished), "arrival": 0,
    }  # fmt: skip


DRIFT = {
    "began in it": ([finding(1, -1, "ok"), finding(2, 3, "breach")], 3.0),
    "began at its first instant": ([finding(1, -1, "ok"), finding(2, 0, "breach")], 0.0),
    "had begun before": ([finding(1, -1, "breach"), finding(2, 5, "ok")], None),
    "came again": ([finding(1, -1, "breach"), finding(2, 5, "ok"), finding(3, 9, "breach")], 9.0),
    "of a feature alone": ([finding(1, 3, "breach", "p1")], None),
    "of no detector of steps": ([finding(1, 3, "breach", detector="performance")], None),
}


@pytest.mark.parametrize(("rows", "hours"), DRIFT.values(), ids=DRIFT)
def test_a_drift_that_began(store: Store, rows: list[dict[str, Any]], hours: float | None) -> None:
    found = read(store, {t.finding: rows}).changes.drifted
    assert found == (() if hours is None else (DriftBegun("forging", at(hours), ("p1", "p2")),))


MODELS = {
    "another from a part on": ([(-1, "1"), (1, "1"), (2, "2"), (3, "2")], ("1", "2", 2)),
    "another from the beginning": ([(-1, "1"), (2, "2")], ("1", "2", 2)),
    "the first": ([(-1, ""), (2, "1")], ("", "1", 2)),
    "back again": ([(-1, "1"), (2, "2"), (3, "1")], None),
    "the same": ([(-1, "1"), (2, "1"), (3, "")], None),
    "none decided": ([(-1, "1"), (30, "2")], None),
}


@pytest.mark.parametrize(("decisions", "change"), MODELS.values(), ids=MODELS)
def test_a_model_that_changed(
    store: Store, decisions: list[tuple[float, str]], change: tuple[str, str, float] | None
) -> None:
    found = read(store, {t.decision: [decided(*one) for one in decisions]}).changes.models
    assert found == (() if change is None else (ModelChange("shape", change[0], change[1], at(change[2])),))


def test_retrainings_count_when_they_were_requested_and_when_they_came_into_force(store: Store) -> None:
    rows = [
        asked(1, -2, "promoted", 1),
        asked(2, 3, "refused", 3),
        asked(3, 4, "promoted", 30),
        asked(4, -5, "failed", -4),
    ]
    found = read(store, {t.retraining: rows}).changes
    assert (found.requested, found.promoted) == (2, 1)


def saved(month: int, avoided: float, gate: str = "shape") -> SavedMonth:
    return SavedMonth(gate, MARCH.replace(month=month), START, avoided=avoided)


SAVED = {
    "no gate with costs": ([], {}, None, None),
    "the first report": ([saved(3, 900.0)], None, 900.0, None),
    "more since the last one": ([saved(3, 900.0), saved(3, 50.0, "other")], {"2026-03": 700.0}, 950.0, 250.0),
    "less, because a scrap was wrong": ([saved(3, 900.0)], {"2026-03": 1000.0}, 900.0, -100.0),
    "over the end of a month": ([saved(2, 900.0), saved(3, 10.0)], {"2026-02": 800.0}, 910.0, 110.0),
    "in a new month": ([saved(3, 10.0)], {"2026-02": 800.0}, 10.0, 10.0),
}


@pytest.mark.parametrize(("months", "last", "avoided", "more"), SAVED.values(), ids=SAVED)
def test_the_cost_avoided_is_compared_with_the_last_report(
    months: list[SavedMonth], last: dict[str, float] | None, avoided: float | None, more: float | None
) -> None:
    found = with_savings(Changes(), months, last)
    assert (found.avoided, found.avoided_more) == (avoided, more)
    assert sum(avoided_by_month(months).values()) == (avoided or 0.0)
