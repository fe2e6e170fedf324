"""Which slots are due, and that every way of running means the same ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler
from hypothesis import given
from hypothesis import strategies as st

from monitor.scheduling.slots import ANCHOR, SlotTrigger, due, merged, slots

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

intervals = st.one_of(
    st.integers(1, 14 * 86400).map(lambda s: timedelta(seconds=s)),
    st.integers(1, 10**6).map(lambda ms: timedelta(seconds=1, milliseconds=ms)),
)
instants = st.integers(0, 80 * 365 * 86400 * 10**6).map(lambda us: ANCHOR + timedelta(days=1, microseconds=us))


SLOTS = {
    "the start is excluded, the end included": (HOUR, NOON, NOON + 2 * HOUR, [NOON + HOUR, NOON + 2 * HOUR]),
    "nothing between two slots": (HOUR, NOON + MINUTE, NOON + 59 * MINUTE, []),
    "a microsecond before a slot": (HOUR, NOON - timedelta(microseconds=1), NOON, [NOON]),
    "days begin at midnight UTC": (DAY, NOON, NOON + DAY, [NOON + 12 * HOUR]),
    "weeks begin on Monday": (7 * DAY, NOON, NOON + 7 * DAY, [datetime(2026, 3, 9, tzinfo=UTC)]),
    "an end before the start": (HOUR, NOON, NOON - HOUR, []),
}


@pytest.mark.parametrize(("interval", "after", "until", "expected"), SLOTS.values(), ids=SLOTS)
def test_slots(interval: timedelta, after: datetime, until: datetime, expected: list[datetime]) -> None:
    assert list(slots(interval, after, until)) == expected


CLOCK_CHANGES = {
    "Berlin in spring": datetime(2026, 3, 29, tzinfo=UTC),
    "Berlin in autumn": datetime(2026, 10, 25, tzinfo=UTC),
    "US Pacific in spring": datetime(2026, 3, 8, tzinfo=UTC),
    "US Pacific in autumn": datetime(2026, 11, 1, tzinfo=UTC),
}


@pytest.mark.parametrize("interval", [15 * MINUTE, HOUR, DAY], ids=["quarters", "hours", "days"])
@pytest.mark.parametrize("change", CLOCK_CHANGES.values(), ids=CLOCK_CHANGES)
def test_the_week_around_a_clock_change_neither_skips_nor_doubles(change: datetime, interval: timedelta) -> None:
    start, end = change - 3 * DAY, change + 4 * DAY
    found = list(slots(interval, start, end))
    assert found == [start + n * interval for n in range(1, 7 * DAY // interval + 1)]


@given(intervals, instants, st.integers(0, 30))
def test_slots_are_the_multiples_of_the_interval_since_the_anchor(
    interval: timedelta, after: datetime, length: int
) -> None:
    until = after + length * interval
    found = list(slots(interval, after, until))
    first = (after - ANCHOR) // interval + 1
    last = (until - ANCHOR) // interval
    assert found == [ANCHOR + n * interval for n in range(first, last + 1)]


@given(intervals, instants, st.integers(1, 30))
def test_the_scheduler_fires_at_the_same_slots(interval: timedelta, after: datetime, count: int) -> None:
    fired: list[datetime] = []
    for _ in range(count):
        fired.append(SlotTrigger(interval).get_next_fire_time(*((fired[-1],) * 2 if fired else (None, after))))
    assert fired == list(slots(interval, after - timedelta(microseconds=1), fired[-1]))


@given(intervals, instants, st.integers(-10, 40), st.integers(0, 10**6))
def test_missed_slots_are_counted_as_if_each_was_listed(
    interval: timedelta, last: datetime, whole: int, part: int
) -> None:
    now = last + whole * interval + interval * (part / 10**6)
    listed = list(slots(interval, last, now))
    assert due(interval, last, now) == ((listed[-1], len(listed) - 1) if listed else (None, 0))


def test_a_century_of_missed_seconds_is_counted_not_listed() -> None:
    last, now = NOON, NOON + timedelta(days=36525)
    assert due(timedelta(seconds=1), last, now) == (now, 36525 * 86400 - 1)


@given(intervals, instants, st.floats(0, 1000 * 365.0))
def test_after_a_pause_of_any_length_the_scheduler_fires_once_and_goes_on(
    interval: timedelta, first: datetime, days: float
) -> None:
    slot = SlotTrigger(interval).get_next_fire_time(None, first)
    now = slot + timedelta(days=days)
    job = Job(BackgroundScheduler(timezone=UTC), trigger=SlotTrigger(interval), next_run_time=slot)
    assert job._get_run_times(now) == [slot]
    assert list(slots(interval, now, SlotTrigger(interval).get_next_fire_time(slot, now))) == [
        SlotTrigger(interval).get_next_fire_time(slot, now)
    ]


@given(intervals, instants, st.lists(st.integers(0, 10**9), max_size=8))
@pytest.mark.slow
def test_any_cuts_of_a_time_give_the_slots_of_the_whole(
    interval: timedelta, start: datetime, fractions: list[int]
) -> None:
    end = start + 20 * interval
    cuts = sorted(start + (end - start) * (f / 10**9) for f in fractions)
    borders = [start, *cuts, end]
    pieces = [s for a, b in pairwise(borders) for s in slots(interval, a, b)]
    assert pieces == list(slots(interval, start, end))


DUE = {
    "never ran: the newest slot, nothing missed": (None, NOON + 7 * MINUTE, NOON, 0),
    "never ran, exactly at a slot": (None, NOON, NOON, 0),
    "the next slot is due": (NOON, NOON + 15 * MINUTE, NOON + 15 * MINUTE, 0),
    "not yet": (NOON, NOON + 14 * MINUTE, None, 0),
    "two were missed": (NOON, NOON + 50 * MINUTE, NOON + 45 * MINUTE, 2),
    "the clock went back": (NOON, NOON - HOUR, None, 0),
    "after a night off": (NOON, NOON + 12 * HOUR, NOON + 12 * HOUR, 47),
}


@pytest.mark.parametrize(("last", "now", "slot", "missed"), DUE.values(), ids=DUE)
def test_due(last: datetime | None, now: datetime, slot: datetime | None, missed: int) -> None:
    assert due(15 * MINUTE, last, now) == (slot, missed)


@given(intervals, instants, st.lists(st.integers(1, 3000), min_size=1, max_size=12))
@pytest.mark.slow
def test_run_once_and_replay_mean_the_same_slots(interval: timedelta, start: datetime, steps: list[int]) -> None:
    """Woken at any times, a process serves or counts as missed exactly the slots that a replay would run."""
    first, _ = due(interval, None, start)
    last, now = first, start
    served, missed = 0, 0
    for step in steps:
        now += interval * (step / 1000)
        slot, skipped = due(interval, last, now)
        if slot is not None:
            served, missed, last = served + 1, missed + skipped, slot
    assert first is not None
    whole = list(merged({"job": interval}, first, now))
    assert served + missed == len(whole)
    assert last == (whole[-1][0] if whole else first)


def test_merged_slots_come_in_order_of_time_then_of_the_jobs() -> None:
    intervals = {"states": 30 * MINUTE, "parts": 15 * MINUTE, "count": HOUR}
    found = list(merged(intervals, NOON, NOON + HOUR))
    assert [((slot - NOON) // MINUTE, name) for slot, name in found] == [
        (15, "parts"),
        (30, "states"), (30, "parts"),
        (45, "parts"),
        (60, "states"), (60, "parts"), (60, "count"),
    ]  # fmt: skip


@given(st.lists(intervals, min_size=1, max_size=4), instants)
@pytest.mark.slow
def test_merging_loses_and_doubles_nothing(steps: list[timedelta], start: datetime) -> None:
    by_name = {str(i): step for i, step in enumerate(steps)}
    end = start + 10 * min(steps)
    found = list(merged(by_name, start, end))
    assert [slot for slot, _ in found] == sorted(slot for slot, _ in found)
    for name, interval in by_name.items():
        assert [slot for slot, its in found if its == name] == list(slots(interval, start, end))


def test_a_job_may_fire_after_the_others_of_its_slot() -> None:
    minute, lag = timedelta(minutes=1), timedelta(seconds=5)
    trigger = SlotTrigger(minute, lag)
    slot = ANCHOR + 100 * minute
    first = trigger.get_next_fire_time(None, slot)
    assert first == slot + lag
    assert trigger.get_next_fire_time(None, slot + lag) == slot + lag
    assert trigger.get_next_fire_time(first, first) == slot + minute + lag
    assert trigger.get_next_fire_time(first, slot + 600 * minute) == slot + 600 * minute + lag
    assert due(minute, slot - minute, first) == (slot, 0), "the slot is the same"
