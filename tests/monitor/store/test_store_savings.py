"""What the gates saved, read from a store on each database: rows in, months out; kept beyond their decisions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from savings_rows import (
    APRIL,
    AUDIT,
    BAD,
    ESCAPE,
    GOOD,
    GRIND,
    INSPECTION,
    MARCH,
    NOW,
    PLANT,
    REWORKABLE,
    SCRAP,
    day,
    decided,
    disposed,
    fill,
    outcome,
)

from exporters.report.values import SavedMonth, StopAt, Wrong
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.report.savings import (
    MonthsSaved,
    keep_savings,
    month_of,
    months_of,
    newest_decided,
    read_savings,
    saved_month,
    stored_savings,
)


def months(store: Store, now: datetime = NOW) -> MonthsSaved:
    costs = PLANT.gates["shape"].priced()
    return read_savings(store, PLANT, lambda digest, gate: costs if digest == "def" else None, [MARCH, APRIL], now)


def shape(store: Store, now: datetime = NOW) -> SavedMonth:
    return months(store, now).gates[0]


ONE_PART = {
    "it went on and was good": ([decided("A", "continue", 1), outcome("A", GOOD, 3)], 0),
    "a hold that people scrapped": (
        [decided("A", "hold", 1), disposed("A", "scrapped", 2)], ESCAPE - INSPECTION - SCRAP,
    ),
    "a hold that people used, at any step": (
        [decided("A", "hold", 1), disposed("A", "used", 2, step="")], -INSPECTION,
    ),
    "a hold that was measured and used; that it was reworked at the end of the line is not this gate's": (
        [decided("A", "hold", 1), outcome("A", REWORKABLE, 3), disposed("A", "reworked", 4, step="testing")],
        -INSPECTION,
    ),
    "a disposition in words that nobody understands": (
        [decided("A", "hold", 1), disposed("A", "parked", 2), outcome("A", GOOD, 3)], -INSPECTION,
    ),
    "the last revision of a disposition counts": (
        [decided("A", "hold", 1), disposed("A", "scrapped", 2), disposed("A", "used", 2, revision=1)], -INSPECTION,
    ),
    "a hold that was reworked and is good": (
        [decided("A", "hold", 1), outcome("A", REWORKABLE, 1.5), disposed("A", "reworked", 2), outcome("A", GOOD, 3)],
        ESCAPE - INSPECTION - GRIND,
    ),
    "a hold that was reworked and is not good": (
        [decided("A", "hold", 1), disposed("A", "reworked", 2), outcome("A", BAD, 3)], -INSPECTION - GRIND,
    ),
    "an audited scrap that was right": (
        [decided("A", "scrap", 1, **AUDIT), outcome("A", BAD, 2)], ESCAPE - INSPECTION - SCRAP,
    ),
    "an audited scrap that was false": ([decided("A", "scrap", 1, **AUDIT), outcome("A", GOOD, 2)], -INSPECTION),
    "a failed correction that the next visit found": (
        [decided("A", "correct", 1), decided("A", "hold", 2, visit=2), disposed("A", "scrapped", 3)],
        ESCAPE - GRIND - INSPECTION - SCRAP,
    ),
    "an outcome of before does not count": (
        [outcome("A", GOOD, 0.5), decided("A", "hold", 1), disposed("A", "scrapped", 2)],
        ESCAPE - INSPECTION - SCRAP,
    ),
    "an outcome of another characteristic does not count": (
        [decided("A", "hold", 1), outcome("A", GOOD, 1.5, characteristic="root"), disposed("A", "scrapped", 2)],
        ESCAPE - INSPECTION - SCRAP,
    ),
    "the outcome of another part with the same serial number does not count": (
        [
            decided("A", "hold", -170), disposed("A", "scrapped", -169), decided("A", "hold", 1, visit=2),
            disposed("A", "used", 2),
        ],
        -INSPECTION,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "saved"), ONE_PART.values(), ids=ONE_PART)
def test_what_one_part_saved(rows: list[Any], saved: float, store: Store) -> None:
    fill(store, *rows)
    found = shape(store)
    assert (found.gate, found.month, found.parts, found.waiting) == ("shape", MARCH, 1, 0)
    assert (found.lower, found.avoided, found.upper) == pytest.approx((saved, saved, saved))


def test_probabilities_are_read_off_the_costs_of_the_plant_file_that_decided(store: Store) -> None:
    fill(
        store, decided("A", "correct", 1, bad=0.8), outcome("A", GOOD, 3), decided("B", "scrap", 2, bad=0.95),
        decided("C", "correct", 3, plant_digest="lost"), outcome("C", GOOD, 4),
    )  # fmt: skip
    found = shape(store)
    assert (found.uncertain, found.unpriced, found.corrected, found.worked) == (2, 1, 2, 2)
    # Of the corrected part odds of 4 to 1, times the three quarters that the correction helps: 3 to 1.
    assert found.avoided == pytest.approx(-GRIND - SCRAP + (0.75 + 0.95) * ESCAPE, abs=0.08 * ESCAPE)
    assert (found.lower, found.upper) == (pytest.approx(-130 + ESCAPE), pytest.approx(-130 + 2 * ESCAPE))


def test_a_part_waits_until_what_it_saved_is_known(store: Store) -> None:
    fill(store, decided("A", "hold", 1), outcome("A", GOOD, 20), decided("B", "correct", 2), outcome("B", BAD, 21))
    assert [shape(store, day(on)).waiting for on in (5, 20.5, 25)] == [2, 1, 0]


def test_a_part_counts_in_the_month_in_which_it_first_came(store: Store) -> None:
    fill(
        store, decided("A", "hold", 30), decided("A", "continue", 33, visit=2), outcome("A", GOOD, 34),
        decided("B", "continue", 32), outcome("B", GOOD, 34), decided("C", "continue", 31), outcome("C", BAD, 34),
    )  # fmt: skip
    found = months(store).gates
    assert [(one.gate, one.month, one.parts, one.escapes.known) for one in found] == [
        ("shape", MARCH, 1, 0), ("coat", MARCH, 0, 0), ("shape", APRIL, 2, 1), ("coat", APRIL, 0, 0),
    ]  # fmt: skip
    with store.read() as connection:
        assert newest_decided(connection, PLANT) == day(33)


def test_pages_miss_and_double_no_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.store.report.followed._PAGE", 3)
    # Of every two parts the times are equal.
    rows = [decided(f"P{i}", "hold", 1 + i // 2) for i in range(20)]
    fill(store, *rows, *(disposed(f"P{i}", "used", 25) for i in range(20)))
    assert (shape(store).parts, shape(store).avoided) == (20, pytest.approx(-20 * INSPECTION))


def test_stopping_failed_parts_earlier_would_have_saved_what_was_put_in_later(store: Store) -> None:
    fill(
        store, decided("A", "continue", 1), decided("A", "continue", 2, gate="coat"), outcome("A", BAD, 3),
        decided("B", "continue", 1), decided("B", "hold", 2, gate="coat"), disposed("B", "scrapped", 3, step="coating"),
        decided("C", "continue", 1), outcome("C", GOOD, 3),
    )  # fmt: skip
    march, _ = months(store).lines
    assert (march.line, march.month) == ("blades", MARCH)
    assert march.stops == (
        StopAt("melting", 20, 2, ESCAPE + SCRAP - 40), StopAt("forging", 20, 2, ESCAPE + SCRAP - 40, ("shape",), 0),
        StopAt("coating", 90, 2, ESCAPE + SCRAP - 180, ("coat",), 1), StopAt("testing", 90, 1, ESCAPE - 90),
    )  # fmt: skip


def test_what_was_stored_is_read_again_and_stays_when_decisions_are_deleted(store: Store) -> None:
    fill(
        store,
        decided("A", "scrap", 1, **AUDIT),
        outcome("A", GOOD, 2),
        decided("B", "correct", 3),
        decided("C", "hold", 4),
    )
    before = months(store)
    with store.write() as connection:
        keep_savings(connection, before)
        connection.execute(t.decision.delete().where(t.decision.c.serial == "B"))
    with store.write() as connection:
        keep_savings(connection, months(store))
        stored = stored_savings(connection, PLANT, MARCH, month_of(APRIL, 1))
    assert stored.gates == before.gates
    assert stored.lines == before.lines
    with store.read() as connection:
        assert {one.month for one in stored_savings(connection, PLANT, day(5), day(6)).gates} == {MARCH}


def test_months_are_those_of_utc() -> None:
    assert months_of(day(30), day(33)) == [MARCH, APRIL]
    assert months_of(day(1), APRIL) == [MARCH]
    assert month_of(MARCH, -3) == datetime(2025, 12, 1, tzinfo=UTC)


def test_a_month_of_an_earlier_version_is_told_by_the_rule_of_now() -> None:
    """It was stored with the estimate from however few audited parts, and without how many parts nobody knows."""
    few, many = ({"known": 1, "inspected": n, "total": 50.0, "lower": 3.0, "upper": 202.0} for n in (10, 40))
    found = saved_month("shape", MARCH, NOW, {"scrapped": 90, "continued": 500, "false_scraps": many, "escapes": few})
    assert found.false_scraps == Wrong(1, 90, 40, 50.0, 3.0, 202.0)
    assert found.escapes == Wrong(1, 500, 10, None, 3.0, 202.0)
