"""The slots of a job: multiples of its interval since a fixed instant, in UTC.

`gatewatch run`, `once` and `replay` use the same functions, so that all processes have the same slots.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger

ANCHOR = datetime(1970, 1, 5, tzinfo=UTC)
"""A Monday, 00:00 UTC, so that slots of intervals that divide a day or a week are aligned with days and weeks."""


class SlotTrigger(BaseTrigger):  # type: ignore[misc]
    """APScheduler's trigger for the slots of an interval.

    APScheduler asks for one time after the other until it is past `now`: its own interval trigger would list every
    slot of a pause, a year of them one by one.
    """

    def __init__(self, interval: timedelta, lag: timedelta = timedelta(0)) -> None:
        self._interval = interval
        self._lag = lag

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first slot at or after `now`; after an earlier one, the first slot later than it and `now`.

        Each `lag` later, for a job that uses what others do in the same slot.
        """
        if previous_fire_time is None:
            newest = self._newest(now)
            return newest if newest == now else newest + self._interval
        return self._newest(max(previous_fire_time, now)) + self._interval

    def _newest(self, at: datetime) -> datetime:
        return _newest(self._interval, at.astimezone(UTC) - self._lag) + self._lag


def slots(interval: timedelta, after: datetime, until: datetime) -> Iterator[datetime]:
    """All slots in (after, until], in order."""
    slot = _newest(interval, after) + interval
    while slot <= until:
        yield slot
        slot += interval


def due(interval: timedelta, last: datetime | None, now: datetime) -> tuple[datetime | None, int]:
    """The newest slot that is due, if any, and the number of older slots missed since `last`.

    A pull reads everything since its cursor, so running the newest slot makes up for missed ones. A job that has
    never run is due at the newest slot at or before `now` and has missed none.
    """
    newest = _newest(interval, now)
    if last is None:
        return newest, 0
    due_slots = (newest - _newest(interval, last)) // interval
    return (newest, due_slots - 1) if due_slots > 0 else (None, 0)


def _newest(interval: timedelta, at: datetime) -> datetime:
    """The newest slot at or before an instant."""
    return ANCHOR + (at - ANCHOR) // interval * interval


def merged(intervals: Mapping[str, timedelta], after: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    """All slots of all jobs in (after, until], in order of time, then in the order of the mapping."""
    streams = [_named(order, name, slots(intervals[name], after, until)) for order, name in enumerate(intervals)]
    for slot, _, name in heapq.merge(*streams):
        yield slot, name


def _named(order: int, name: str, times: Iterator[datetime]) -> Iterator[tuple[datetime, int, str]]:
    for slot in times:
        yield slot, order, name
