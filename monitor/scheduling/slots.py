"""Which slots of a job are due: the multiples of its interval since a fixed instant, in UTC.

The same answers drive `gatewatch run`, `once` and `replay`, and every process, at every start, means the same slots.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

ANCHOR = datetime(1970, 1, 5, tzinfo=UTC)
"""A Monday midnight before all history: intervals that divide a day or a week fall on its borders."""


def trigger(interval: timedelta) -> BaseTrigger:
    """APScheduler's trigger for the slots of an interval; a test holds it against `slots`."""
    return IntervalTrigger(seconds=interval.total_seconds(), start_date=ANCHOR, timezone=UTC)


def slots(interval: timedelta, after: datetime, until: datetime) -> Iterator[datetime]:
    """Every slot in (after, until], in order."""
    slot = _newest(interval, after) + interval
    while slot <= until:
        yield slot
        slot += interval


def due(interval: timedelta, last: datetime | None, now: datetime) -> tuple[datetime | None, int]:
    """The newest slot that is due, if any, and how many older ones were missed since `last`.

    A pull reads everything since its cursor, so running the newest slot makes up for the older ones. A job that
    never ran is due now, at the newest slot on or before `now`, and has missed nothing.
    """
    newest = _newest(interval, now)
    if last is None:
        return newest, 0
    due_slots = (newest - _newest(interval, last)) // interval
    return (newest, due_slots - 1) if due_slots > 0 else (None, 0)


def _newest(interval: timedelta, at: datetime) -> datetime:
    """The newest slot on or before an instant."""
    return ANCHOR + (at - ANCHOR) // interval * interval


def merged(intervals: Mapping[str, timedelta], after: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    """Every slot of every job in (after, until] in order of time; at one time in the order of the mapping."""
    streams = [_named(order, name, slots(intervals[name], after, until)) for order, name in enumerate(intervals)]
    for slot, _, name in heapq.merge(*streams):
        yield slot, name


def _named(order: int, name: str, times: Iterator[datetime]) -> Iterator[tuple[datetime, int, str]]:
    for slot in times:
        yield slot, order, name
