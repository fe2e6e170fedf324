"""The handover of a shift: what is listed, counted and called overridden, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import passport_rows as made
import pytest
import sqlalchemy as sa
from passport_rows import NOW, at

from monitor.errors import UsageError
from monitor.plant.calendar import Turn
from monitor.reports.handover import LONGEST, handover, since_of
from monitor.store.database import tables as t

SINCE = at(0)


@pytest.fixture
def engine(store_url: str) -> Iterator[sa.Engine]:
    return sa.create_engine(store_url, poolclass=sa.NullPool)


def alert(name: str, since: float, ended: float | None = None, **changes: Any) -> dict[str, Any]:
    row = {"name": name, "subject": "s", "severity": "warning", "summary": "w", "since": at(since),
           "fired_at": at(since), "ended_at": None if ended is None else at(ended),
           "state": "firing" if ended is None else "resolved", "condition": "breach"}  # fmt: skip
    return row | changes


def given(engine: sa.Engine, rows: dict[sa.Table, list[dict[str, Any]]]) -> dict[str, Any]:
    made.fill(engine, rows)
    with engine.connect() as connection:
        return handover(connection, SINCE, at(60))


def test_alerts_are_listed_by_what_became_of_them_worst_first(engine: sa.Engine) -> None:
    rows = [
        alert("Old", -90), alert("New", 5), alert("Worst", 20, severity="critical"), alert("Over", -30, 10),
        alert("Short", 10, 20), alert("Before", -90, -1), alert("Watchdog", -90),
        alert("Waits", 30, state="pending", fired_at=None),
    ]  # fmt: skip
    found = given(engine, {t.alert: rows})
    named = {key: [row["name"] for row in found[key]] for key in ("stands", "opened", "closed")}
    assert named == {
        "stands": ["Worst", "Old", "New"],
        "opened": ["Worst", "New", "Short"],
        "closed": ["Over", "Short"],
    }


def test_holds_are_counted_by_gate_and_reason(engine: sa.Engine) -> None:
    kinds = (("a", "uncertain", 1), ("a", "uncertain", 2), ("b", "no_model", 3), ("b", "no_model", -5))
    rows = [
        made.decision(m, serial=str(m), gate=gate, verdict="hold", reason=reason, at=at(m), arrival=n)
        for n, (gate, reason, m) in enumerate(kinds)
    ]
    found = given(engine, {t.decision: [*rows, made.decision(4, serial="x", arrival=9, at=at(4))]})
    assert (found["parts"], found["held"]) == (
        3, [{"gate": "a", "reason": "uncertain", "parts": 2}, {"gate": "b", "reason": "no_model", "parts": 1}],
    )  # fmt: skip


DONE = {
    "a scrap that was used": ("scrap", "out_of_spec", "used", True),
    "a good part that was scrapped": ("continue", "in_spec", "scrapped", True),
    "a correction that was scrapped": ("correct", "reworkable", "scrapped", True),
    "as recommended": ("correct", "reworkable", "reworked", False),
    "a hold recommends nothing": ("hold", "uncertain", "scrapped", False),
    "a word that is not understood": ("scrap", "out_of_spec", "blocked", False),
    "settings are adjusted later": ("correct", "adjustable", "used", False),
}


@pytest.mark.parametrize(("verdict", "reason", "done", "overridden"), DONE.values(), ids=DONE)
def test_what_counts_as_overridden(engine: sa.Engine, verdict: str, reason: str, done: str, overridden: bool) -> None:
    decided = made.decision(1, serial="p", step="a", gate="g", verdict=verdict, reason=reason, at=at(1))
    found = given(
        engine,
        {t.decision: [decided], t.disposition: [made.disposition(7, serial="p", step="a", at=at(5), disposition=done)]},
    )
    assert found["dispositions"] == 1
    assert [row["serial"] for row in found["overridden"]] == ["p"] * overridden


def test_a_disposition_belongs_to_the_newest_decision_of_its_step_before_it(engine: sa.Engine) -> None:
    scrap = {"verdict": "scrap", "reason": "out_of_spec"}
    decisions = [
        made.decision(1, serial="p", step="a", gate="first", visit=1, arrival=1, at=at(1), **scrap),
        made.decision(3, serial="p", step="a", gate="again", visit=2, arrival=2, at=at(3), **scrap),
        made.decision(4, serial="p", step="b", gate="other", visit=1, arrival=3, at=at(4), **scrap),
        made.decision(9, serial="p", step="a", gate="late", visit=3, arrival=4, at=at(9), **scrap),
    ]
    done = [
        made.disposition(11, serial="p", step="a", at=at(5), disposition="used"),
        made.disposition(12, serial="p", step="", at=at(6), disposition="used"),
        made.disposition(13, serial="p", step="c", at=at(7), disposition="used"),
        made.disposition(14, serial="q", step="a", at=at(7), disposition="used"),
        made.disposition(15, serial="p", step="a", at=at(-5), disposition="used"),
        made.disposition(16, serial="p", step="b", at=at(8), disposition="used"),
        made.disposition(17, serial="p", step="b", at=at(8), disposition="scrapped", revision=1),
    ]
    found = given(engine, {t.decision: decisions, t.disposition: done})
    assert [(row["gate"], row["at"][11:16]) for row in found["overridden"]] == [("other", "12:06"), ("again", "12:05")]
    assert found["dispositions"] == 3


@pytest.mark.parametrize(
    ("text", "hours"),
    [("", 8), ("12h", 12), ("1h30m", 1.5), ("2026-03-02T11:00:00Z", 1), ("2026-03-02T12:00:00+01:00", 1)],
)
def test_the_start_of_a_shift(text: str, hours: float) -> None:
    assert since_of(text, NOW) == NOW - timedelta(hours=hours)


def test_by_default_it_begins_with_the_shift() -> None:
    shift = Turn("early", NOW - timedelta(hours=3), NOW + timedelta(hours=5))
    assert since_of("", NOW, shift) == shift.start
    assert since_of("12h", NOW, shift) == NOW - timedelta(hours=12)


@pytest.mark.parametrize(
    "text", ["x", "8", "-8h", "32d", "2026-03-02T12:00:01Z", "2026-03-02T11:00", "9999999d", "<b>", "\0"]
)
def test_a_start_that_cannot_be_is_one_sentence(text: str) -> None:
    with pytest.raises(UsageError, match=f"at most {LONGEST.days} days ago") as told:
        since_of(text, NOW)
    assert "\n" not in str(told.value)


def test_a_decision_that_arrived_after_the_disposition_was_not_overridden(engine: sa.Engine) -> None:
    late = made.decision(1, serial="p", step="a", verdict="scrap", reason="out_of_spec", arrival=8, at=at(1))
    done = made.disposition(7, serial="p", step="a", at=at(5), disposition="used")
    found = given(engine, {t.decision: [late], t.disposition: [done]})
    assert (found["dispositions"], found["overridden"]) == (0, [])
