"""Rows of a machine from the readings of its sources: what is new, what is held, what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.pipeline.joining import Feed, Holding, Joined, JoinState, Reading, join

SECOND = 1_000_000_000
MINUTE = timedelta(minutes=1)
NAMES = ("heat", "force")
HOLDING = dict.fromkeys(NAMES, Holding(MINUTE))
NAN = math.nan


def reading(second: float, source: str = "plc", arrival: int = 1, recipe: str = "", **values: float | None) -> Reading:
    return Reading(int(second * SECOND), arrival, source, recipe, values)


def rows_of(
    readings: Sequence[Reading],
    feeds: dict[str, Feed] | None = None,
    holding: dict[str, Holding] | None = None,
    state: JoinState | None = None,
) -> Joined:
    return join(state or JoinState(), readings, NAMES, feeds or {}, HOLDING if holding is None else holding)[1]


def cells(rows: Joined) -> list[list[Any]]:
    """By row the values; a held one as text, a missing one that was not due as '-'."""
    sampled = np.ones(rows.values.shape, np.bool_) if rows.sampled is None else rows.sampled
    shown: list[list[Any]] = []
    for values, due in zip(rows.values.tolist(), sampled.tolist(), strict=True):
        shown.append([v if d else "-" if v != v else f"held {v:g}" for v, d in zip(values, due, strict=True)])
    return shown


WIDE = {"plc": Feed(frozenset({"heat"})), "cm": Feed(frozenset({"force"}))}
CASES: dict[str, tuple[list[Reading], dict[str, Feed], list[list[Any]]]] = {
    "two sources at the same instant": (
        [reading(0, heat=1.0), reading(0, "cm", force=2.0)], WIDE, [[1.0, 2.0]],
    ),
    "two sources at shifted instants": (
        [reading(0, heat=1.0), reading(0.5, "cm", force=2.0), reading(1, heat=1.5)], WIDE,
        [[1.0, NAN], ["held 1", 2.0], [1.5, "held 2"]],
    ),
    "tags polled 37 ms apart": (
        [reading(0, heat=1.0), reading(0.037, force=2.0), reading(1, heat=1.1), reading(1.037, force=2.1)], {},
        [[1.0, NAN], ["held 1", 2.0], [1.1, "held 2"], ["held 1.1", 2.1]],
    ),
    "a value older than two intervals": (
        [reading(0, force=2.0), reading(120, heat=1.0), reading(121, heat=1.0)], {},
        [[NAN, 2.0], [1.0, "held 2"], [1.0, NAN]],
    ),
    "a sensor with a longer interval of its own": (
        [*(reading(600 * i, force=2.0) for i in range(3)), reading(1700, heat=1.0), reading(3001, heat=1.0)], {},
        [[NAN, 2.0], [NAN, 2.0], [NAN, 2.0], [1.0, "held 2"], [1.0, NAN]],
    ),
    "a sensor that was silent for long is held no longer for it": (
        [*(reading(s, force=2.0) for s in (0, 1, 9000, 9001)), reading(9120, heat=1.0), reading(9122, heat=1.0)], {},
        [[NAN, 2.0]] * 4 + [[1.0, "held 2"], [1.0, NAN]],
    ),
    "a bad cell hides one sensor for one row": (
        [reading(0, heat=1.0, force=2.0), reading(1, heat=1.1), reading(2, heat=1.2, force=2.2)],
        {"plc": Feed(frozenset(NAMES))}, [[1.0, 2.0], [1.1, NAN], [1.2, 2.2]],
    ),
    "another source has the value that one lacks": (
        [reading(0, heat=1.0), reading(0, "spare", force=2.0)],
        {"plc": Feed(frozenset(NAMES)), "spare": Feed(frozenset(NAMES))}, [[1.0, 2.0]],
    ),
    "a value that was withdrawn": ([reading(0, heat=1.0, force=None)], {}, [[1.0, NAN]]),
    "no source gives a sensor": ([reading(0, heat=1.0)], {"plc": Feed(frozenset({"heat"}))}, [[1.0, NAN]]),
}  # fmt: skip


@pytest.mark.parametrize(("readings", "feeds", "expected"), CASES.values(), ids=CASES)
def test_rows(readings: list[Reading], feeds: dict[str, Feed], expected: list[list[Any]]) -> None:
    assert str(cells(rows_of(readings, feeds))) == str(expected)


def test_a_value_stored_on_change_holds_until_the_next() -> None:
    holding = HOLDING | {"force": Holding(MINUTE, on_change=True)}
    silent = rows_of([reading(0, heat=1.0)], holding=holding)
    assert str(cells(silent)) == str([[1.0, "-"]]), "never reported is not missing: it has not changed"
    rows = rows_of([reading(0, force=2.0), reading(99999, heat=1.0)], holding=holding)
    assert cells(rows)[1] == [1.0, "held 2"]


def test_a_max_age_takes_precedence() -> None:
    holding = HOLDING | {"force": Holding(MINUTE, timedelta(seconds=10))}
    rows = rows_of([reading(0, force=2.0), reading(10, heat=1.0), reading(11, heat=1.0)], holding=holding)
    assert str(cells(rows)[1:]) == str([[1.0, "held 2"], [1.0, NAN]])


def test_the_recipe_is_that_of_the_source_that_knows_it() -> None:
    feeds = {"plc": Feed(frozenset({"heat"}), recipe=True), "cm": Feed(frozenset({"force"}))}
    readings = [
        reading(0, "cm", force=1.0), reading(1, recipe="A", heat=1.0), reading(2, "cm", force=1.0),
        reading(3, heat=1.0), reading(4, "cm", force=1.0),
    ]  # fmt: skip
    assert rows_of(readings, feeds).recipes == ["", "A", "A", "", ""]


def test_a_row_has_the_newest_arrival_number_of_its_readings() -> None:
    rows = rows_of([reading(0, heat=1.0, arrival=9), reading(0, "cm", force=2.0, arrival=4)], WIDE)
    assert (rows.at, rows.arrivals) == ([0], [9])


_VALUE = st.one_of(st.none(), st.floats(-5, 5))
_READINGS = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(["plc", "cm"]), _VALUE, _VALUE, st.sampled_from(["", "R"])),
    max_size=25, unique_by=lambda row: row[:2],
)  # fmt: skip


@given(_READINGS, st.lists(st.integers(0, 400), max_size=4), st.booleans(), st.booleans())
@pytest.mark.slow
def test_any_split_in_time_gives_the_same_rows(rows: list[Any], cuts: list[int], wide: bool, on_change: bool) -> None:
    """Also when the state is saved and restored between the parts; and cell by cell as in one."""
    feeds = {"plc": Feed(frozenset(NAMES), recipe=True), "cm": Feed(frozenset({"force"}))} if wide else {}
    holding = HOLDING | {"force": Holding(MINUTE, on_change=on_change)}
    made = sorted(
        (
            reading(s, source, i, recipe, **{n: v for n, v in (("heat", heat), ("force", force)) if v is not None})
            for i, (s, source, heat, force, recipe) in enumerate(rows)
        ),
        key=lambda r: (r.at, r.source),
    )
    whole = rows_of(made, feeds, holding)
    state, parts = JoinState(), []
    for start, end in pairwise([-1, *sorted(cuts), 400]):
        part = [r for r in made if start * SECOND < r.at <= end * SECOND]
        state, joined = join(JoinState.restore(state.save()), part, NAMES, feeds, holding)
        parts.append(joined)
    assert str(cells(whole)) == str([row for part in parts for row in cells(part)])
    assert whole.recipes == [r for part in parts for r in part.recipes]
    assert whole.arrivals == [a for part in parts for a in part.arrivals]


@given(st.lists(st.tuples(_VALUE, _VALUE), min_size=1, max_size=12))
@pytest.mark.slow
def test_whole_rows_are_the_same_as_cell_by_cell(values: list[tuple[float | None, float | None]]) -> None:
    """A source beside it that says nothing turns the quick way off."""
    feeds = {"plc": Feed(frozenset(NAMES))}
    made = [
        reading(i, arrival=i, **{n: v for n, v in zip(NAMES, pair, strict=True) if v is not None})
        for i, pair in enumerate(values)
    ]
    quick_state, slow_state = JoinState(), JoinState()
    quick = rows_of(made, feeds, state=quick_state)
    slow = rows_of([*made, made[-1]._replace(source="mute", values={})], feeds, state=slow_state)
    assert quick.sampled is None
    assert slow.sampled is not None
    assert str(cells(quick)) == str(cells(slow))
    assert quick_state == slow_state


@pytest.mark.parametrize(
    "saved",
    [
        {},
        [],
        None,
        {"version": 0, "sensors": {}, "recipe": ""},
        {"version": 1, "sensors": [], "recipe": ""},
        {"version": 1, "sensors": {"heat": {}}, "recipe": ""},
    ],
)
def test_a_damaged_state_is_refused(saved: Any) -> None:
    with pytest.raises(ValueError, match="rebuilt from history"):
        JoinState.restore(saved)
