"""What happened in a plant, as marks: changes of models and recipes, stops, baselines; on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import passport_rows as made
from passport_rows import at

from dashboards.blocks.marks import Mark, MarkKind
from monitor.model import MachineState
from monitor.reports.marks import Happenings, happenings
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.watching.happened import Report, stretches

SINCE = at(0)


def given(store: Store, rows: dict[Any, list[dict[str, Any]]]) -> Happenings:
    made.fill(store.engine, rows)
    with store.read() as connection:
        return happenings(connection, SINCE)


def request(number: int, state: str, minute: float, version: str) -> dict[str, Any]:
    return {
        "gate": "shape", "key": str(number), "cause": "c", "requested_at": at(minute - 9), "state": state,
        "reason": "better", "finished_at": at(minute), "arrival": 0, "changes": 1, "challenger": version, "mirrored": 1,
    }  # fmt: skip


def test_models_that_came_into_force(store: Store) -> None:
    in_force = {"gate": "shape", "model": "m", "version": "4", "digest": "d", "since": at(30), "changes": 3}
    first = {"gate": "other", "model": "n", "version": "1", "digest": "d", "since": at(5), "changes": 1}
    requests = [
        request(1, "promoted", -5, "2"), request(2, "promoted", 20, "3"), request(3, "refused", 25, "9"),
        request(4, "rolled_back", 30, "4"),
    ]  # fmt: skip
    found = given(store, {t.model_in_force: [in_force, first], t.retraining: requests})
    assert found.marks == [
        Mark(MarkKind.PROMOTION, "other", at(5), None, "other: model version 1 came into force"),
        Mark(MarkKind.PROMOTION, "shape", at(20), None, "shape: model version 3 came into force"),
        Mark(MarkKind.ROLLBACK, "shape", at(30), None, "shape: rolled back to model version 4"),
    ]


def test_recipes_that_changed(store: Store) -> None:
    way = [("F1", "A"), ("F2", "A"), ("F1", "A"), ("F1", "<B>"), ("F2", ""), ("F1", "A"), ("", "C"), ("F2", "B" * 99)]
    steps = [
        made.part_step(n, n, serial=f"P{n}", machine=machine, recipe=recipe)
        for n, (machine, recipe) in enumerate([("F1", "Z"), *way], start=-1)
    ]
    found = given(store, {t.part_step: [*steps, made.part_step(90, 3, serial="P2", revision=1, recipe="other")]})
    assert [(mark.at, mark.text) for mark in found.marks] == [
        (at(3), "F1: recipe A → &lt;B&gt;"), (at(5), "F1: recipe &lt;B&gt; → A"),
        (at(7), f"F2: recipe A → {'B' * 59}…"),
    ]  # fmt: skip
    assert [what.partition(":")[0] for what in found.unknown] == ["set-ups, maintenance and breakdowns"]


def test_stops_that_ended_and_lasted(store: Store) -> None:
    told = [("run", 1), ("setup", 10), ("setup", 20), ("run", 40), ("down", 50), ("run", 55), ("down", 60),
            ("idle", 90), ("down", 95)]  # fmt: skip
    rows = [
        {"arrival": n, "source": "s", "machine": "F1", "at": at(minute), "revision": 0, "state": state, "digest": "d"}
        for n, (state, minute) in enumerate(told)
    ]
    found = given(store, {t.machine_state: rows})
    assert [(mark.kind, mark.at, mark.until) for mark in found.marks] == [
        (MarkKind.SETUP, at(10), at(40)), (MarkKind.DOWN, at(60), at(90)),
    ]  # fmt: skip
    assert [what.partition(":")[0] for what in found.unknown] == ["changed recipes"]


def test_stretches_of_several_machines_and_corrected_reports() -> None:
    told = [("A", 0, "down"), ("A", 5, "down"), ("A", 9, "run"), ("A", 9, "setup"), ("A", 12, "run"), ("B", 1, "run"),
            ("B", 2, "down"), ("B", 3, "unknown"), ("B", 4, "run")]  # fmt: skip
    found = [(s.machine, s.state, s.until - s.at) for s in stretches(Report(m, at(n), state) for m, n, state in told)]
    minute = timedelta(minutes=1)
    assert found == [
        ("A", MachineState.SETUP, 3 * minute), ("B", MachineState.DOWN, minute), ("B", MachineState.UNKNOWN, minute),
    ]  # fmt: skip


def test_baselines_that_began_anew(store: Store) -> None:
    row = {"machine": "F1", "recipe": "A", "until": at(4), "at": at(5), "reason": "x" * 300, "person": "Ada"}
    (mark,) = given(store, {t.forgotten_baseline: [row]}).marks
    assert (mark.kind, mark.at) == (MarkKind.ANEW, at(5))
    assert mark.text == f"F1: its baseline of recipe A began anew: {'x' * 199}…"
