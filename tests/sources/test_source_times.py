"""Times of a source: every way they are written, and both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.instants import from_micros, to_micros
from monitor.model import RejectReason
from monitor.plant.sources import TimeColumn
from monitor.sources.typed.arrays import UNREADABLE
from monitor.sources.typed.times import highest_wall, lowest_wall, read_times

NO, IMPOSSIBLE, AMBIGUOUS = RejectReason.NO_TIME, RejectReason.IMPOSSIBLE_TIME, RejectReason.AMBIGUOUS_TIME
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECONDS = 1_767_614_400
BERLIN, ANGELES = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Los_Angeles")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
LONDON, AZORES = ZoneInfo("Europe/London"), ZoneInfo("Atlantic/Azores")
"""One of their two offsets is zero."""


def one(value: object, zone: str | None = None, epoch: str | None = None) -> datetime | RejectReason:
    times = read_times([value], TimeColumn.model_validate({"column": "ts", "zone": zone, "epoch": epoch}))
    assert times.micros.dtype == np.int64
    return times.faults[0] if times.faults else from_micros(int(times.micros[0]))


@pytest.mark.parametrize(
    ("value", "zone", "epoch", "expected"),
    [
        pytest.param("2026-01-05T12:00:00Z", None, None, NOON, id="iso text in utc"),
        pytest.param("2026-01-05 13:00:00+01:00", None, None, NOON, id="iso text with an offset"),
        pytest.param("2026-01-05 12:00:00+00", None, None, NOON, id="postgresql's short offset"),
        pytest.param("2026-01-05 13:00", "Europe/Berlin", None, NOON, id="naive text without seconds in a zone"),
        pytest.param("2026-01-05", "UTC", None, NOON.replace(hour=0), id="a date is its midnight"),
        pytest.param(date(2026, 1, 5), "UTC", None, NOON.replace(hour=0), id="a date object is its midnight"),
        pytest.param(NOON, None, None, NOON, id="an aware datetime"),
        pytest.param(NOON.replace(tzinfo=None), "UTC", None, NOON, id="a naive datetime in a zone"),
        pytest.param("2026-01-05 12:00:00.1234567Z", None, None, NOON.replace(microsecond=123456), id="ns"),
        pytest.param("2026-01-05 12:00:00", None, None, AMBIGUOUS, id="naive text without a zone"),
        pytest.param(None, None, None, NO, id="null"),
        pytest.param("", None, None, NO, id="empty text"),
        pytest.param("now", "UTC", None, IMPOSSIBLE, id="a word that pandas takes for the present"),
        pytest.param("20260105", "UTC", None, IMPOSSIBLE, id="digits without dashes"),
        pytest.param("2026-02-30 10:00:00", "UTC", None, IMPOSSIBLE, id="a day that does not exist"),
        pytest.param("2026-02-30 10:00:00", None, None, IMPOSSIBLE, id="a day that does not exist, in no zone"),
        pytest.param("1969-12-31T23:59:59Z", None, None, IMPOSSIBLE, id="before 1970"),
        pytest.param("1970-01-01T00:00:00Z", None, None, datetime(1970, 1, 1, tzinfo=UTC), id="the first of 1970"),
        pytest.param("2200-01-01T00:00:00Z", None, None, IMPOSSIBLE, id="in 2200"),
        pytest.param("9999-12-31 00:00:00", "UTC", None, IMPOSSIBLE, id="the far future"),
        pytest.param("2610-07-01 00:00:00", "Europe/Berlin", None, IMPOSSIBLE, id="a year that 64 bits take for 2025"),
        pytest.param("1441-07-01 00:00:00", "Europe/Berlin", None, IMPOSSIBLE, id="one that they take for 2026"),
        pytest.param("infinity", None, None, IMPOSSIBLE, id="postgresql's infinity"),
        pytest.param(SECONDS, "UTC", None, IMPOSSIBLE, id="a number without an epoch"),
        pytest.param(SECONDS, None, "s", NOON, id="epoch seconds"),
        pytest.param(SECONDS * 1000, None, "ms", NOON, id="epoch milliseconds"),
        pytest.param(SECONDS * 10**9 + 999, None, "ns", NOON, id="epoch nanoseconds lose their last digits"),
        pytest.param(SECONDS + 0.25, None, "s", NOON + timedelta(seconds=0.25), id="epoch seconds with a fraction"),
        pytest.param(Decimal(f"{SECONDS}.000001"), None, "s", NOON + timedelta(microseconds=1), id="decimal epoch"),
        pytest.param(0, None, "s", datetime(1970, 1, 1, tzinfo=UTC), id="the first second of an epoch"),
        pytest.param(-1, None, "s", IMPOSSIBLE, id="a negative epoch"),
        pytest.param(float("nan"), None, "s", IMPOSSIBLE, id="nan as an epoch"),
        pytest.param(float("inf"), None, "s", IMPOSSIBLE, id="infinity as an epoch"),
        pytest.param(Decimal("NaN"), None, "s", IMPOSSIBLE, id="a decimal nan as an epoch"),
        pytest.param(Decimal("sNaN"), None, "s", IMPOSSIBLE, id="a signalling decimal nan as an epoch"),
        pytest.param(Decimal("-Infinity"), None, "s", IMPOSSIBLE, id="decimal infinity as an epoch"),
        pytest.param(10**30, None, "s", IMPOSSIBLE, id="a huge epoch"),
        pytest.param(True, None, "s", IMPOSSIBLE, id="a boolean as an epoch"),
        pytest.param("yesterday", None, "s", IMPOSSIBLE, id="text in an epoch column"),
        pytest.param("2026-03-29 01:59:59", "Europe/Berlin", None, datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC),
                     id="the last second before berlin's spring change"),
        pytest.param("2026-03-29 02:30:00", "Europe/Berlin", None, IMPOSSIBLE, id="skipped in berlin"),
        pytest.param("2026-03-29 03:00:00", "Europe/Berlin", None, datetime(2026, 3, 29, 1, tzinfo=UTC),
                     id="the first second after berlin's spring change"),
        pytest.param("2026-10-25 01:59:59", "Europe/Berlin", None, datetime(2026, 10, 24, 23, 59, 59, tzinfo=UTC),
                     id="the last second before berlin's double hour"),
        pytest.param("2026-10-25 02:30:00", "Europe/Berlin", None, AMBIGUOUS, id="twice in berlin"),
        pytest.param("2026-10-25 02:30:00+02:00", "Europe/Berlin", None, datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
                     id="an offset settles the double hour"),
        pytest.param("2026-10-25 03:00:00", "Europe/Berlin", None, datetime(2026, 10, 25, 2, tzinfo=UTC),
                     id="the first second after berlin's double hour"),
        pytest.param("2026-03-08 02:30:00", "America/Los_Angeles", None, IMPOSSIBLE, id="skipped in los angeles"),
        pytest.param("2026-03-08 03:00:00", "America/Los_Angeles", None, datetime(2026, 3, 8, 10, tzinfo=UTC),
                     id="after los angeles' spring change"),
        pytest.param("2026-11-01 01:00:00", "America/Los_Angeles", None, AMBIGUOUS, id="twice in los angeles"),
        pytest.param("2026-11-01 02:00:00", "America/Los_Angeles", None, datetime(2026, 11, 1, 10, tzinfo=UTC),
                     id="after los angeles' double hour"),
    ],
)  # fmt: skip
def test_a_time_is_read(value: object, zone: str | None, epoch: str | None, expected: object) -> None:
    assert one(value, zone, epoch) == expected


def test_one_bad_time_costs_no_other_row() -> None:
    values = ["2026-01-05T12:00:00Z", "x", None, "2026-01-05 13:00:00", "2026-01-05T14:00:00+01:00"]
    times = read_times(values, TimeColumn(column="ts", zone="Europe/Berlin"))
    assert times.faults == {1: IMPOSSIBLE, 2: NO}
    assert [from_micros(int(m)) for m in times.micros[[0, 3, 4]]] == [NOON, NOON, NOON + timedelta(hours=1)]
    assert times.micros[1] == times.micros[2] == UNREADABLE


def test_times_that_cannot_be_used_keep_a_place_at_which_nothing_is_missed() -> None:
    column = TimeColumn(column="ts", zone="Europe/Berlin")
    skipped, twice = read_times(["2026-03-29 02:30:00", "2026-10-25 02:30:00"], column).micros.tolist()
    assert from_micros(skipped) == datetime(2026, 3, 29, 1, tzinfo=UTC), "the instant at which the clocks jumped"
    assert from_micros(twice) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "the later of the two"


def test_times_of_chosen_rows_are_renumbered_in_their_order() -> None:
    times = read_times([SECONDS, None, SECONDS + 1, "x"], TimeColumn(column="ts", epoch="s"))
    taken = times.take([3, 2, 1])
    assert taken.faults == {0: IMPOSSIBLE, 2: NO}
    assert taken.micros.tolist() == [UNREADABLE, (SECONDS + 1) * 10**6, UNREADABLE]
    assert times.take([]).micros.tolist() == []
    assert read_times([SECONDS], TimeColumn(column="ts", epoch="s")).take([0]).faults == {}


def test_times_are_delayed_but_unreadable_ones_stay_so() -> None:
    times = read_times([SECONDS, None], TimeColumn(column="ts", epoch="s"))
    later = times.later(timedelta(seconds=2, microseconds=5))
    assert later.micros.tolist() == [(SECONDS + 2) * 10**6 + 5, UNREADABLE]
    assert (later.faults, later.micros.dtype) == (times.faults, np.int64)
    assert times.later(timedelta(0)).micros.tolist() == times.micros.tolist()


CHANGES = tuple(datetime(2026, *parts, tzinfo=UTC) for parts in ((3, 29, 1), (10, 25, 1), (3, 8, 10), (11, 1, 9)))
MINUTES = st.integers(-180, 180)
MICROSECOND = 1 / 60_000_000
"""A microsecond in minutes."""


PLAIN = st.builds(
    "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}".format,
    st.one_of(st.integers(1, 9999), st.sampled_from([1677, 1678, 1969, 1970, 2026, 2199, 2200, 2262])),
    st.integers(0, 13), st.integers(0, 32), st.sampled_from(" T"), st.integers(0, 25), st.integers(0, 60),
    st.integers(0, 61), st.sampled_from(["", ".5", ".000001", ".123456"]),
)  # fmt: skip


@given(st.lists(PLAIN, min_size=1, max_size=5), st.sampled_from([None, "UTC", "Europe/Berlin"]))
@pytest.mark.slow
def test_plain_times_are_read_as_pandas_reads_them(texts: list[str], zone: str | None) -> None:
    column = TimeColumn.model_validate({"column": "ts", "zone": zone})
    alone = read_times(texts, column)
    beside_a_date = read_times([*texts, "2026-01-05"], column)  # which goes by pandas
    assert alone.micros.tolist() == beside_a_date.micros.tolist()[:-1]
    assert alone.faults == {i: fault for i, fault in beside_a_date.faults.items() if i < len(texts)}


@given(st.sampled_from(CHANGES), MINUTES, MINUTES, st.sampled_from([BERLIN, ANGELES, LORD_HOWE, LONDON, AZORES]))
@pytest.mark.slow
def test_local_bounds_lose_no_row_around_the_changes(change: datetime, at: int, local: int, zone: ZoneInfo) -> None:
    instant = change + timedelta(minutes=at)
    wall = (change.astimezone(zone) + timedelta(minutes=local)).replace(tzinfo=None, fold=0)
    place = int(read_times([wall], TimeColumn(column="ts", zone=zone.key)).micros[0])
    if place > to_micros(instant):
        assert wall > lowest_wall(instant, zone)
    else:
        assert wall <= highest_wall(instant, zone)


@given(st.sampled_from(CHANGES), st.lists(MINUTES, min_size=2), st.sampled_from([BERLIN, ANGELES]))
@pytest.mark.slow
def test_the_order_of_local_times_is_the_order_of_places(change: datetime, minutes: list[int], zone: ZoneInfo) -> None:
    around = change.astimezone(zone).replace(tzinfo=None)
    walls = [around + timedelta(minutes=m) for m in sorted(minutes)]
    places = read_times(walls, TimeColumn(column="ts", zone=zone.key)).micros.tolist()
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("at", "zone", "lowest", "highest"),
    [
        pytest.param((7, 1, 10), BERLIN, (7, 1, 12), (7, 1, 12), id="a summer's day"),
        pytest.param((10, 24, 23, 59), BERLIN, (10, 25, 1, 59), (10, 25, 1, 59), id="before the double hour"),
        pytest.param((10, 25, 0, 0), BERLIN, (10, 25, 1, 0), (10, 25, 2, 0), id="the first pass begins"),
        pytest.param((10, 25, 0, 30), BERLIN, (10, 25, 1, 30), (10, 25, 2, 30), id="the first pass"),
        pytest.param((10, 25, 1, 0), BERLIN, (10, 25, 2, 0), (10, 25, 2, 0), id="the second pass begins"),
        pytest.param((10, 25, 1, 30), BERLIN, (10, 25, 2, 30), (10, 25, 2, 30), id="the second pass"),
        pytest.param((10, 25, 2, 0), BERLIN, (10, 25, 3, 0), (10, 25, 3, 0), id="after the double hour"),
        pytest.param((3, 29, 0, 59), BERLIN, (3, 29, 1, 59), (3, 29, 1, 59), id="before the skipped hour"),
        pytest.param((3, 29, 1, 0), BERLIN, (3, 29, 3, 0), (3, 29, 3, 0), id="after the skipped hour"),
        pytest.param((11, 1, 8, 30), ANGELES, (11, 1, 0, 30), (11, 1, 1, 30), id="los angeles' first pass"),
        pytest.param((10, 25, 0, 30), LONDON, (10, 25, 0, 30), (10, 25, 1, 30), id="london's first pass"),
        pytest.param((10, 25, 1, 30), LONDON, (10, 25, 1, 30), (10, 25, 1, 30), id="london's second pass"),
        pytest.param((10, 25, 0, 30), AZORES, (10, 24, 23, 30), (10, 25, 0, 30), id="the azores' first pass"),
        pytest.param((4, 4, 14, 45), LORD_HOWE, (4, 5, 1, 15), (4, 5, 1, 45), id="lord howe's first half hour"),
        pytest.param((4, 4, 15, 15), LORD_HOWE, (4, 5, 1, 45), (4, 5, 1, 45), id="lord howe's second half hour"),
    ],
)
def test_local_times_that_bound_an_instant(
    at: tuple[int, ...], zone: ZoneInfo, lowest: tuple[int, ...], highest: tuple[int, ...]
) -> None:
    """In the first pass of a double hour, rows that name its times are placed later: they must not be left out."""
    instant = datetime(2026, *at, tzinfo=UTC)  # type: ignore[misc, arg-type]
    walls = lowest_wall(instant, zone), highest_wall(instant, zone)
    assert walls[0] == datetime(2026, *lowest)  # type: ignore[misc, arg-type]  # noqa: DTZ001
    assert walls[1] == datetime(2026, *highest)  # type: ignore[misc, arg-type]  # noqa: DTZ001
    assert [wall.fold for wall in walls] == [0, 0]
