"""Shifts and times of day of a site: on ordinary days, over midnight, and where clocks are changed."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor.plant import calendar
from monitor.plant.calendar import Shift, instant_of, last_begun, last_due, overlap, shift_at

BERLIN = "Europe/Berlin"
THREE = [
    Shift(name=name, start=start, end=end)
    for name, start, end in (("early", "06:00", "14:00"), ("late", "14:00", "22:00"), ("night", "22:00", "06:00"))
]
WEEK = [
    Shift(name="early", start="06:00", end="14:00", days="mon-fri"),
    Shift(name="early", start="07:00", end="12:00", days="sat"),
    Shift(name="night", start="22:00", end="06:00", days="sun-thu"),
]
CRUMBS = [Shift(name="gone", start="02:10", end="02:50"), Shift(name="rest", start="02:50", end="05:00")]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


WHEN = {
    "in a shift": (THREE, "2026-03-02T09:30", "early", "2026-03-02T05:00", "2026-03-02T13:00"),
    "its first instant": (THREE, "2026-03-02T13:00", "late", "2026-03-02T13:00", "2026-03-02T21:00"),
    "over midnight": (THREE, "2026-03-02T23:30", "night", "2026-03-02T21:00", "2026-03-03T05:00"),
    "after midnight": (THREE, "2026-03-03T04:59", "night", "2026-03-02T21:00", "2026-03-03T05:00"),
    "the night that is an hour short": (THREE, "2026-03-29T03:00", "night", "2026-03-28T21:00", "2026-03-29T04:00"),
    "the night that is an hour long": (THREE, "2026-10-25T04:30", "night", "2026-10-24T20:00", "2026-10-25T05:00"),
    "other hours on Saturday": (WEEK, "2026-03-07T06:00", "early", "2026-03-07T06:00", "2026-03-07T11:00"),
    "of Sunday night": (WEEK, "2026-03-09T02:00", "night", "2026-03-08T21:00", "2026-03-09T05:00"),
    "a start that clocks skip": (CRUMBS, "2026-03-29T01:00", "rest", "2026-03-29T01:00", "2026-03-29T03:00"),
    "a start that comes twice": (CRUMBS, "2026-10-25T00:30", "gone", "2026-10-25T00:10", "2026-10-25T00:50"),
}


@pytest.mark.parametrize(("shifts", "at", "name", "start", "end"), WHEN.values(), ids=WHEN)
def test_the_shift_of_an_instant(shifts: list[Shift], at: str, name: str, start: str, end: str) -> None:
    assert shift_at(shifts, BERLIN, utc(at)) == (name, utc(start), utc(end))
    assert last_begun(shifts, BERLIN, utc(at)) == (name, utc(start), utc(end))


BETWEEN = {
    "after the last of the week": (WEEK, "2026-03-07T11:00", "early", "2026-03-07T06:00"),
    "on a free day": (WEEK, "2026-03-08T12:00", "early", "2026-03-07T06:00"),
    "between two of a day": (WEEK, "2026-03-02T20:59", "early", "2026-03-02T05:00"),
    "twice two o'clock, at the second": (CRUMBS, "2026-10-25T04:00", "rest", "2026-10-25T00:50"),
    "the day that has lost one": (CRUMBS[:1], "2026-03-29T12:00", "gone", "2026-03-28T01:10"),
}


@pytest.mark.parametrize(("shifts", "at", "name", "start"), BETWEEN.values(), ids=BETWEEN)
def test_between_shifts_the_last_one_is_known(shifts: list[Shift], at: str, name: str, start: str) -> None:
    assert shift_at(shifts, BERLIN, utc(at)) is None
    begun = last_begun(shifts, BERLIN, utc(at))
    assert begun is not None
    assert (begun.name, begun.start) == (name, utc(start))


def test_without_shifts_there_is_none() -> None:
    assert shift_at([], BERLIN, utc("2026-03-02T09:30")) is None
    assert last_begun([], BERLIN, utc("2026-03-02T09:30")) is None


LOCAL = {
    "winter": ("2026-01-31T06:00", "2026-01-31T05:00"),
    "summer": ("2026-07-31T06:00", "2026-07-31T04:00"),
    "skipped": ("2026-03-29T02:30", "2026-03-29T01:00"),
    "the first after the skip": ("2026-03-29T03:00", "2026-03-29T01:00"),
    "the first of two": ("2026-10-25T02:30", "2026-10-25T00:30"),
    "after both": ("2026-10-25T03:00", "2026-10-25T02:00"),
}


@pytest.mark.parametrize(("local", "instant"), LOCAL.values(), ids=LOCAL)
def test_a_local_time_as_an_instant(local: str, instant: str) -> None:
    assert instant_of(datetime.fromisoformat(local), BERLIN) == utc(instant)


def test_a_day_that_a_date_line_has_swallowed() -> None:
    assert instant_of(datetime.fromisoformat("2011-12-30T12:00"), "Pacific/Apia") == utc("2011-12-30T10:00")


DUE = {
    "today": ("06:00", "mon-sun", "2026-03-02T05:00", "2026-03-02T05:00"),
    "a moment before": ("06:00", "mon-sun", "2026-03-02T04:59", "2026-03-01T05:00"),
    "of last week": ("06:00", "mon", "2026-03-08T12:00", "2026-03-02T05:00"),
    "skipped": ("02:30", "mon-sun", "2026-03-29T12:00", "2026-03-29T01:00"),
    "twice, once": ("02:30", "mon-sun", "2026-10-25T01:30", "2026-10-25T00:30"),
}


@pytest.mark.parametrize(("clock", "days", "now", "due"), DUE.values(), ids=DUE)
def test_when_a_time_of_day_was_last(clock: str, days: str, now: str, due: str) -> None:
    assert last_due(clock, days, BERLIN, utc(now)) == utc(due)


OVERLAPS = {
    "by half an hour": ([("a", "06:00", "14:30", "mon-sun"), ("b", "14:00", "22:00", "mon-sun")], 1),
    "over midnight": ([("a", "22:00", "06:30", "mon-fri"), ("b", "06:00", "14:00", "sat")], 1),
    "over the end of the week": ([("b", "06:00", "14:00", "mon"), ("a", "22:00", "06:30", "sun")], 0),
    "the same twice": ([("a", "06:00", "14:00", "mon"), ("a", "06:00", "14:00", "mon-fri")], 1),
    "one inside a whole day": ([("a", "06:00", "06:00", "mon"), ("b", "05:00", "06:00", "tue")], 1),
}


@pytest.mark.parametrize(("given_", "place"), OVERLAPS.values(), ids=OVERLAPS)
def test_shifts_that_overlap_are_told(given_: list[tuple[str, str, str, str]], place: int) -> None:
    found = overlap([Shift(name=n, start=s, end=e, days=d) for n, s, e, d in given_])
    assert found is not None
    assert found[0] == place
    assert found[1].endswith("expected shifts that do not overlap")


@pytest.mark.parametrize("shifts", [[], THREE, WEEK, CRUMBS, [Shift(name="a", start="06:00", end="06:00")]])
def test_shifts_that_do_not_overlap(shifts: list[Shift]) -> None:
    assert overlap(shifts) is None


@pytest.mark.parametrize("days", ["", "monday", "mon-", "-fri", "mon..fri", "mon,,tue", "Mon", "1-5", "mo-fr"])
def test_days_that_are_none_are_refused(days: str) -> None:
    with pytest.raises(ValidationError, match="expected days such as mon-fri or sat,sun, out of mon, tue"):
        Shift(name="a", start="06:00", end="14:00", days=days)


@pytest.mark.parametrize("clock", ["", "6:00", "24:00", "06:60", "06:00:00", "06.00", "noon"])
def test_a_time_of_day_that_is_none_is_refused(clock: str) -> None:
    with pytest.raises(ValidationError, match="expected a time of day such as '06:00'"):
        Shift(name="a", start=clock, end="14:00")


ZONES = (BERLIN, "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "UTC")
_CLOCKS = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from([0, 10, 30, 59]))
_DAYS = st.sampled_from(["mon-sun", "sun", "sat-mon"])
_SHIFTS = st.lists(st.builds(Shift, name=st.just("s"), start=_CLOCKS, end=_CLOCKS, days=_DAYS), min_size=1, max_size=4)
_CHANGES = {  # a change of clocks of each zone, near which most can go wrong
    BERLIN: ("2026-03-29T01:00", "2026-10-25T01:00"), "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"), "Pacific/Apia": ("2011-12-30T10:00",),
    "America/Sao_Paulo": ("2018-11-04T03:00", "2018-02-18T02:00"), "UTC": ("2026-01-01T00:00",),
}  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(_SHIFTS, st.sampled_from(ZONES), st.integers(0, 1), st.integers(-4 * 1440, 4 * 1440))
@pytest.mark.slow
def test_every_instant_is_in_one_shift_at_most_and_that_is_the_one_that_began_last(
    shifts: list[Shift], zone: str, which: int, minutes: int
) -> None:
    assume(overlap(shifts) is None)
    at = utc(_CHANGES[zone][which % len(_CHANGES[zone])]) + timedelta(minutes=minutes)
    local = at.astimezone(ZoneInfo(zone)).date()
    turns = {turn for back in range(-3, 4) for turn in calendar._turns(shifts, zone, local + timedelta(days=back))}
    inside = [turn for turn in turns if turn.start <= at < turn.end]
    assert len(inside) <= 1
    assert shift_at(shifts, zone, at) == (inside[0] if inside else None)
    begun = [turn for turn in turns if turn.start <= at]
    if begun:
        assert last_begun(shifts, zone, at) == max(begun, key=lambda turn: turn.start)


def test_the_examples_of_the_docstrings() -> None:
    assert doctest.testmod(calendar).failed == 0
