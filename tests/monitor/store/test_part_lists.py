"""Lists of parts: every page of every filter, and the holds that wait."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import passport_rows as made
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from passport_rows import NOW, at

from monitor.errors import UsageError
from monitor.reports.part.lists import check_gate, holds_as_text, list_holds, list_parts, parts_as_text, wanted_of
from monitor.reports.part.reading import Lens
from monitor.store.database import tables as t
from monitor.store.parts.holds import HELD_FOR, waiting_holds
from monitor.store.parts.lists import Wanted, newest_decisions
from monitor.web.parts import PartViews

VERDICTS = {"hold": ("uncertain", "no_model"), "continue": ("in_spec", "forecast"), "scrap": ("out_of_spec",)}
GATES = ("a", "b", "ü")


def some_decisions() -> list[dict[str, Any]]:
    """120 decisions of which several passed at the same instant."""
    chance, rows = random.Random(1), []
    for n in range(120):
        verdict = chance.choice(list(VERDICTS))
        reason, gate, minute = chance.choice(VERDICTS[verdict]), chance.choice(GATES), chance.randrange(20)
        row = {"serial": f"P{n}", "gate": gate, "step": gate, "arrival": n, "verdict": verdict, "reason": reason}
        rows.append(made.decision(minute, **row, at=at(minute)))
    return rows


@pytest.fixture(scope="module")
def listed(new_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    """A connection to a store with these decisions, which tests only read."""
    file = shutil.copy(new_store, tmp_path_factory.mktemp("lists") / "store.db")
    engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool)
    made.fill(engine, {t.decision: some_decisions()})
    with engine.connect() as connection:
        yield connection


def _or_none(values: Any) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(list(values))


@settings(max_examples=40, deadline=None)
@given(
    _or_none(VERDICTS), _or_none((*GATES, "unknown")), _or_none(["uncertain", "forecast", "timeout"]),
    _or_none([at(0), at(10), at(40)]), st.integers(7, 60),
)  # fmt: skip
@pytest.mark.slow
def test_the_pages_of_a_list_are_the_list(
    listed: sa.Connection, verdict: str | None, gate: str | None, reason: str | None, since: datetime | None, size: int
) -> None:
    given_ = {"verdict": verdict, "gate": gate, "reason": reason, "since": since.isoformat() if since else None}
    pages: list[str] = []
    after = None
    while True:
        page: Any = list_parts(listed, wanted_of(given_ | {"after": after}), size, Lens())
        assert len(page["decisions"]) <= size
        pages += [row["serial"] for row in page["decisions"]]
        after = page["next"]
        if after is None:
            break
        assert len(page["decisions"]) == size
    wanted = [
        row for row in some_decisions()
        if verdict in (None, row["verdict"]) and gate in (None, row["gate"]) and reason in (None, row["reason"])
        and (since is None or row["at"] >= since)
    ]  # fmt: skip
    newest_first = sorted(wanted, key=lambda row: (row["at"], row["arrival"]), reverse=True)
    assert pages == [row["serial"] for row in newest_first]


@pytest.mark.parametrize(
    ("name", "text"),
    [("verdict", "maybe"), ("reason", "because"), ("since", "yesterday"), ("since", "2026-01-31"), ("after", "x"),
     ("after", "2026-01-31T00:00:00Z~-1"), ("after", "~1"), ("after", f"2026-01-31T00:00:00Z~{10**30}"),
     ("after", "2026-01-31T00:00:00Z~٣")],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_said_in_a_sentence(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=rf"^{name} .*expected") as said:
        wanted_of({name: text})
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("gate", ["\0", "\ud800", "'; DROP TABLE decision; --"])
def test_of_a_gate_that_cannot_be_nothing_is_listed(listed: sa.Connection, gate: str) -> None:
    assert list_parts(listed, wanted_of({"gate": gate}), 9, Lens()) == {"decisions": [], "next": None}


def test_a_gate_that_is_none_is_refused(listed: sa.Connection) -> None:
    with pytest.raises(UsageError, match=r"^gate 'nope': expected one of a, b, ü$"):
        check_gate(listed, Wanted(gate="nope"), Lens())
    for gate in ("a", None):
        check_gate(listed, Wanted(gate=gate), Lens())


def plans(connection: sa.Connection, asked: list[tuple[str, Any]]) -> list[str]:
    """What SQLite does for each statement."""
    return [row[3] for text, given_ in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given_)]  # fmt: skip


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: newest_decisions(c, Wanted(), 9),
        lambda c: newest_decisions(c, Wanted(gate="a"), 9),
        lambda c: newest_decisions(c, Wanted("hold", "a", "uncertain", at(1)), 9),
        lambda c: newest_decisions(c, wanted_of({"reason": "forecast", "after": f"{at(9).isoformat()}~5"}), 9),
        lambda c: waiting_holds(c, NOW),
    ],
    ids=["everything", "a gate", "a kind of hold", "a reason, a later page", "the holds that wait"],
)
def test_lists_and_holds_are_read_by_an_index(listed: sa.Connection, ask: Any) -> None:
    asked: list[tuple[str, Any]] = []

    def remember(*given_: Any) -> None:
        asked.append((given_[2], given_[3]))

    sa.event.listen(listed, "before_cursor_execute", remember)
    try:
        assert ask(listed) is not None
    finally:
        sa.event.remove(listed, "before_cursor_execute", remember)
    found = plans(listed, asked)
    tables = ("decision", "outcome", "disposition", "part_step")
    assert [step for step in found if step.startswith("SCAN") and step.split()[1] in tables] == [], found
    # An index gives the order too, but for rows of the same instant.
    assert [step for step in found if step == "USE TEMP B-TREE FOR ORDER BY"] == [], found


HOLD = {"verdict": "hold", "reason": "uncertain", "on_hold": "inspect"}
"""Of the part that passed at 11:59 and was decided on at 12:00."""
LATER: dict[str, tuple[dict[sa.Table, list[dict[str, Any]]], bool]] = {
    "nothing": ({}, True),
    "a disposition": ({t.disposition: [made.disposition(5)]}, False),
    "an outcome": ({t.outcome: [made.outcome(5)]}, False),
    "a passage through another step": ({t.part_step: [made.part_step(5, 9, step="coating")]}, False),
    "another visit that was decided on": ({t.decision: [made.decision(9, visit=2, arrival=5)]}, False),
    "a disposition of before": ({t.disposition: [made.disposition(5, at=at(-60))]}, True),
    "an outcome of before": ({t.outcome: [made.outcome(5, at=at(-60))]}, True),
    "a passage of before": ({t.part_step: [made.part_step(5, -60, step="casting")]}, True),
    "a correction of the row itself": ({t.part_step: [made.part_step(5, 1, revision=1)]}, True),
    "what became of other parts": (
        {t.disposition: [made.disposition(5, serial="x")], t.outcome: [made.outcome(6, serial="B/70")]}, True,
    ),
    "a passage at the same instant that arrived before": ({t.part_step: [made.part_step(0, -1, step="x")]}, True),
    "a passage at the same instant that arrived later": ({t.part_step: [made.part_step(5, -1, step="x")]}, False),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "waits"), LATER.values(), ids=LATER)
def test_a_hold_waits_until_something_is_heard(
    rows: dict[sa.Table, list[dict[str, Any]]], waits: bool, store_url: str
) -> None:
    engine = sa.create_engine(store_url, poolclass=sa.NullPool)
    made.fill(engine, {t.decision: [made.decision(0, **HOLD)], t.part_step: [made.part_step(1, -1)]})
    made.fill(engine, rows)
    with engine.connect() as connection:
        found = waiting_holds(connection, at(60))
    assert [(row.serial, row.step, row.on_hold) for row in found] == [(made.SERIAL, "forging", "inspect")] * waits


def test_a_recommendation_does_not_wait_and_an_old_hold_no_longer(store_url: str) -> None:
    engine = sa.create_engine(store_url, poolclass=sa.NullPool)
    made.fill(engine, {t.decision: [made.decision(0), made.decision(0, serial="held", **HOLD)]})
    with engine.connect() as connection:
        assert [row.serial for row in waiting_holds(connection, at(60))] == ["held"]
        assert waiting_holds(connection, at(0) + HELD_FOR) == []


class PlantOfSteps:
    """A plant file of which only `decide_by` is asked."""

    def __init__(self, **decide_by: int | None) -> None:
        hours = {name: None if n is None else timedelta(hours=n) for name, n in decide_by.items()}
        self.steps = {name: type("Step", (), {"decide_by": value}) for name, value in hours.items()}


def test_overdue_holds_come_first_then_by_due_time(listed: sa.Connection, store_url: str) -> None:
    engine = sa.create_engine(store_url, poolclass=sa.NullPool)
    held = {
        "late": ("a", 30),
        "later": ("a", 10),
        "soon": ("a", 90),
        "far": ("b", 0),
        "open": ("c", -99),
        "gone": ("d", 5),
    }
    rows = [
        made.decision(minute, serial=serial, step=step, gate=step, **HOLD) for serial, (step, minute) in held.items()
    ]
    made.fill(engine, {t.decision: rows})
    lens = Lens(plant=PlantOfSteps(a=1, b=4, c=None), now=at(120))  # type: ignore[arg-type]
    with engine.connect() as connection:
        found: Any = list_holds(connection, at(120), lens)
    assert [(one["serial"], one["overdue"]) for one in found["holds"]] == [
        ("later", True), ("late", True), ("soon", False), ("far", False), ("open", False), ("gone", False)
    ]  # fmt: skip
    assert found["overdue"] == 2
    assert [one["due"] for one in found["holds"]][-3:] == ["2026-03-02T16:00:00.000Z", None, None]
    text = holds_as_text(found)
    assert text.splitlines()[0].startswith("OVERDUE  due 2026-03-02 13:10  later")
    assert text.endswith("6 waiting, 2 overdue\n")


def test_a_hold_is_overdue_after_its_due_time_and_not_at_it(listed: sa.Connection) -> None:
    plant: Any = PlantOfSteps(a=1)
    assert waits(plant, at(60)) is False
    assert waits(plant, at(60) + timedelta(microseconds=1)) is True


def waits(plant: Any, now: datetime) -> bool:
    from monitor.reports.part.decisions import waiting

    return bool(waiting("a", NOW, True, Lens(plant=plant, now=now))["overdue"])


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=12))
def test_lists_for_a_terminal_have_a_line_each(text: str) -> None:
    row = {
        "at": "2026-03-02T12:00:00.000Z", "decided_at": "2026-03-02T12:00:00.000Z", "serial": text, "gate": text,
        "step": text, "verdict": "hold", "reason": "uncertain", "predicted": 1.5, "lower": 1.0, "upper": 2.0,
        "unit": text, "outcome": None, "disposition": text, "due": None, "overdue": False,
    }  # fmt: skip
    for told in (parts_as_text({"decisions": [row], "next": None}), holds_as_text({"holds": [row], "overdue": 0})):
        assert told.replace("\n", "").isprintable()
    assert parts_as_text({"decisions": [row], "next": None}).count("\n") == 1


def test_without_rows_that_is_said() -> None:
    views = PartViews()
    assert parts_as_text(views.listed({})) == "no decision of that kind is stored\n"
    assert holds_as_text(views.holds()) == "no part waits for a decision\n"
