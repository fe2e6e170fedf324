"""Acknowledgements, shelves and the record of them, in the store."""

from __future__ import annotations

from datetime import timedelta

import pytest
from spine_kit import Spine, after

from alerting.handling.actions import Action, Person, RefusedError, Role, Via, Wish
from alerting.handling.audit import verify
from monitor.store.database import tables as t
from monitor.store.watching.handling import entries, handle, shelves

ANN = Person("ann", Role.ENGINEER, Via.PAGE)


def fire(spine: Spine, condition: str = "breach", **other: object) -> int:
    row = {
        "name": "SensorStuck", "subject": "m1", "severity": "warning", "summary": "m1 is bad", "since": after(0),
        "fired_at": after(0), "team": "operators", "line": "l", "condition": condition, **other,
    }  # fmt: skip
    with spine.store.write() as connection:
        return int(connection.execute(t.alert.insert().values(row).returning(t.alert.c.id)).scalar_one())


def wish(action: Action, minutes: float | None = None) -> Wish:
    return Wish(action, "SensorStuck", "m1", "a reason", None if minutes is None else after(minutes))


def test_both_conditions_of_an_alert_are_acknowledged_and_an_earlier_episode_is_not(spine: Spine) -> None:
    old = fire(spine, ended_at=after(1), state="resolved")
    new = [fire(spine), fire(spine, "absent")]
    entry = handle(spine.store, wish(Action.ACKNOWLEDGE), ANN, after(5))
    by = dict(spine.all(t.alert, "id", "acknowledged_by"))
    assert by == {old: "", **dict.fromkeys(new, "ann")}
    assert (entry.id, entry.about, entry.action) == (1, "SensorStuck m1", "acknowledge")
    with pytest.raises(RefusedError, match="by ann already"):
        handle(spine.store, wish(Action.ACKNOWLEDGE), ANN, after(6))
    assert len(spine.all(t.audit, "id")) == 1, "what is refused leaves no entry"


def test_a_shelf_ends_by_itself_is_replaced_and_taken_away(spine: Spine) -> None:
    fire(spine)
    handle(spine.store, wish(Action.SHELVE, 60), ANN, after(0))
    handle(spine.store, wish(Action.SHELVE, 120), ANN, after(1))
    with spine.store.read() as connection:
        assert [(s.subject, s.until, s.actor) for s in shelves(connection, after(100))] == [("m1", after(120), "ann")]
        assert shelves(connection, after(120)) == []
    handle(spine.store, wish(Action.UNSHELVE), ANN, after(2))
    with spine.store.read() as connection:
        assert shelves(connection, after(3)) == []
        last, broken = verify(entries(connection))
    assert (last.id, broken) == (3, None)


def test_a_request_is_taken_once(spine: Spine) -> None:
    fire(spine)
    handle(spine.store, wish(Action.NOTE), ANN, after(0), request="r1")
    with pytest.raises(RefusedError, match="taken already") as refused:
        handle(spine.store, wish(Action.NOTE), ANN, after(1), request="r1")
    assert refused.value.conflict
    handle(spine.store, wish(Action.NOTE), ANN, after(1), request="r2")
    assert spine.all(t.audit, "request") == ["r1", "r2"]


def test_a_changed_row_breaks_the_chain_at_its_place(spine: Spine) -> None:
    fire(spine)
    for n in range(5):
        handle(spine.store, wish(Action.NOTE), ANN, after(n))
    with spine.store.write() as connection:
        connection.execute(t.audit.update().where(t.audit.c.id == 3).values(actor="bob"))
    with spine.store.read() as connection:
        _, broken = verify(entries(connection))
    assert broken is not None
    assert (broken.id, broken.sentence) == (3, "the content of entry 3 is not what was written")


def test_times_are_hashed_as_the_store_gives_them_back(spine: Spine) -> None:
    fire(spine)
    handle(spine.store, wish(Action.NOTE), ANN, after(0) + timedelta(microseconds=123_456))
    with spine.store.read() as connection:
        assert verify(entries(connection))[1] is None
