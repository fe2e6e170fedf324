"""Refused rows: the column to blame, typing them again, and which accepted rows replace them; every kind of source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sources_plant import make_plant
from test_source_rows import LONG, OUTCOMES, PARTS, SAID, STATES, WIDE

from monitor.model import Page, RejectReason
from monitor.sources.typed.kept import KeptRows
from monitor.sources.typed.plan import Plan, make_plan
from monitor.sources.typed.rows import type_rows

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
T, LATER, EARLIER = "2026-01-05T11:00:00Z", "2026-01-05T11:30:00Z", "2026-01-05T10:00:00Z"
UNCOUNTED = {name: value for name, value in PARTS.items() if name != "visit"}
VECTOR = {"kind": "part_steps", "serial": "sn", "step": "op", "values": {"p": {"column": "p", "vector": 2}}}
IMAGE = {
    "kind": "part_steps", "serial": "sn", "step": "op",
    "values": {"g": {"column": "g", "image": {"width": 2, "height": 2}}},
}  # fmt: skip
POSTED = {**WIDE, "available_at": "posted"}


def plan_of(config: Mapping[str, Any]) -> Plan:
    plant = make_plant(**config)
    return make_plan(plant.sources["it"], plant)


def page_of(plan: Plan, rows: Sequence[tuple[object, ...]]) -> Page:
    typed = type_rows(rows, plan, NOW, timedelta(minutes=5))
    return Page(typed.frame, plan.names, typed.values, typed.rejects, None, False, len(rows))


BLAMED: dict[str, tuple[Mapping[str, Any], tuple[object, ...], str]] = {
    "the first bad value": (PARTS, (T, "S", 10, "m1", "L", 1, "1,5", "2,5"), "x"),
    "the second value": (PARTS, (T, "S", 10, "m1", "L", 1, 1.5, "2,5"), "y"),
    "a value that is too large": (PARTS, (T, "S", 10, "m1", "L", 1, float("inf"), 2), "x"),
    "a serial": (PARTS, (T, None, 10, "m1", "L", 1, 1, 1), "sn"),
    "a visit": (PARTS, (T, "S", 10, "m1", "L", 0, 1, 1), "pass"),
    "a step": (PARTS, (T, "S", 30, "m1", "L", 1, 1, 1), "op"),
    "a part's machine": (PARTS, (T, "S", 10, "m9", "L", 1, 1, 1), "m"),
    "a time": (PARTS, ("soon", "S", 10, "m1", "L", 1, 1, 1), "ts"),
    "a time to come": (PARTS, ("2026-01-06T11:00:00Z", "S", 10, "m1", "L", 1, 1, 1), "ts"),
    "the time at which it was posted": (POSTED, (T, None, "m1", "", 1, 1), "posted"),
    "a machine": (WIDE, (T, "m9", "", 1, 1), "m"),
    "a sensor of no machine": (LONG, (T, "m1", "", "flow", 1), "s"),
    "a long value": (LONG, (T, "m1", "", "temp", "warm"), "v"),
    "a state": (STATES, (T, "m1", "7"), "s"),
    "an outcome": (OUTCOMES, (T, "S", "i.O."), "v"),
    "a disposition's step": (SAID, (T, "S", "x", "scrap"), "op"),
    "a vector": (VECTOR, (T, "S", "forging", "[1]"), "p"),
    "an image": (IMAGE, (T, "S", "forging", b"abc"), "g"),
}


@pytest.mark.parametrize(("config", "row", "column"), BLAMED.values(), ids=BLAMED)
def test_a_refusal_names_the_column_to_blame(config: Mapping[str, Any], row: tuple[object, ...], column: str) -> None:
    (reject,) = page_of(plan_of(config), [row]).rejects
    assert reject.column == column
    assert dict(reject.cells) == dict(zip(plan_of(config).columns, row, strict=True))


def test_a_contradiction_is_no_single_columns_fault() -> None:
    rows = [(T, "S", 10, "m1", "L", 1, 1, 1), (T, "S", 10, "m1", "L", 1, 2, 1)]
    assert [reject.column for reject in page_of(plan_of(PARTS), rows).rejects] == ["", ""]


GOOD: dict[str, tuple[Mapping[str, Any], tuple[object, ...]]] = {
    "parts": (PARTS, (T, "S", 10, "m1", "L", 1, 1.5, 2)),
    "parts by time": (UNCOUNTED, (T, "S", 10, "m1", "L", 1.5, 2)),
    "wide readings": (WIDE, (T, "m1", "", 1.5, 2)),
    "long readings": (LONG, (T, "m1", "", "temp", 1.5)),
    "states": (STATES, (T, "m1", "1")),
    "outcomes": (OUTCOMES, (T, "S", 1.5)),
    "dispositions": (SAID, (T, "S", "forging", "scrap")),
    "vectors": (VECTOR, (T, "S", "forging", "[1, 2]")),
    "images": (IMAGE, (T, "S", "forging", b"abcd")),
}


@pytest.mark.parametrize(("config", "row"), GOOD.values(), ids=GOOD)
def test_a_row_typed_again_is_as_if_it_had_been_read(config: Mapping[str, Any], row: tuple[object, ...]) -> None:
    plan = plan_of(config)
    read, again = (
        page_of(plan, [row]),
        KeptRows(plan, timedelta(minutes=5)).page([dict(zip(plan.columns, row, strict=True))], NOW),
    )
    assert again.rejects == ()
    assert again.frame.equals(read.frame)
    assert again.values.tobytes() == read.values.tobytes()


SPOILT: dict[str, Any] = {"parts": 6, "parts by time": 5, "wide readings": 3, "long readings": 4, "outcomes": 2}
"""By kind the position of a value that may be spoilt."""


@pytest.mark.parametrize("kind", SPOILT)
def test_an_accepted_row_of_the_key_replaces_and_another_does_not(kind: str) -> None:
    config, good = GOOD[kind]
    plan, place = plan_of(config), SPOILT[kind]
    kept = KeptRows(plan, timedelta(minutes=5))
    spoilt = dict(zip(plan.columns, [*good[:place], "1,5", *good[place + 1 :]], strict=True))
    assert kept.answered(page_of(plan, [good]), [spoilt]) == [0]
    other_part = [*good]
    other_part[1] = "m2" if good[1] == "m1" else "S2"
    assert kept.answered(page_of(plan, [tuple(other_part)]), [spoilt]) == []
    if plan.visit is None:
        assert kept.answered(page_of(plan, [(LATER, *good[1:])]), [spoilt]) == []


def test_another_sensor_of_the_instant_replaces_nothing() -> None:
    plan = plan_of(LONG)
    spoilt = dict(zip(plan.columns, (T, "m1", "", "temp", "warm"), strict=True))
    page = page_of(plan, [(T, "m1", "", "force", 1.0)])
    assert KeptRows(plan, timedelta(minutes=5)).answered(page, [spoilt]) == []


def test_an_older_word_does_not_replace_a_newer_one() -> None:
    plan = plan_of(POSTED)
    kept = KeptRows(plan, timedelta(minutes=5))
    spoilt = [dict(zip(plan.columns, (T, posted, "m1", "", "warm", 1), strict=True)) for posted in (EARLIER, T, LATER)]
    page = page_of(plan, [(T, T, "m1", "", 1.0, 1.0)])
    assert kept.answered(page, spoilt) == [0, 1]


def test_a_bad_cell_of_a_wide_reading_hides_its_sensor_at_another_try_too() -> None:
    plan = plan_of(POSTED)
    rows = [(T, EARLIER, "m1", "", 1.0, 1), (T, T, "m1", "", "warm", 2.0)]
    page = KeptRows(plan, timedelta(minutes=5)).page([dict(zip(plan.columns, row, strict=True)) for row in rows], NOW)
    assert page.hidden == {1: [RejectReason.NOT_A_NUMBER]}


def test_rows_are_typed_in_the_order_in_which_they_became_known_and_refusals_keep_their_numbers() -> None:
    plan = plan_of(POSTED)
    rows = [(T, LATER, "m1", "", 3.0, 1), (T, EARLIER, "m1", "", 1.0, 1), (T, T, "m9", "", 2.0, 1)]
    page = KeptRows(plan, timedelta(minutes=5)).page([dict(zip(plan.columns, row, strict=True)) for row in rows], NOW)
    assert page.values[:, 0].tolist() == [1.0, 3.0]
    assert [reject.index for reject in page.rejects] == [2]
