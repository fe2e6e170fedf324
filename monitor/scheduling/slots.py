"""Which slots of a job are due: APScheduler's triggers in UTC, asked as pure functions.

The same answers drive `gatewatch run`, `once` and `replay`. Slots are counted from a fixed instant, so that every
process, at every start, means the same ones.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

ANCHOR = datetime(1970, 1, 5, tzinfo=UTC)
"""A Monday midnight before all history: intervals that divide a day or a week fall on its borders."""


def every(interval: timedelta) -> BaseTrigger:
    """A trigger at each multiple of `interval` since the anchor."""
    return IntervalTrigger(seconds=interval.total_seconds(), start_date=ANCHOR, timezone=UTC)


def slots(trigger: BaseTrigger, after: datetime, until: datetime) -> Iterator[datetime]:
    """Every slot in (after, until], in order."""
    previous: datetime | None = None
    now = after + timedelta(microseconds=1)
    while True:
        slot = trigger.get_next_fire_time(previous, now)
        if slot is None or slot > until:
            return
        yield slot.astimezone(UTC)
        previous, now = slot, slot


def due(trigger: BaseTrigger, last: datetime | None, now: datetime) -> tuple[datetime | None, int]:
    """The newest slot that is due, if any, and how many older ones were missed since `last`.

    A pull reads everything since its cursor, so running the newest slot makes up for the older ones. A job that
    never ran is due now, at the newest slot on or before `now`, and has missed nothing.
    """
    if last is None:
        found = list(slots(trigger, now - _longest_step(trigger), now))
        return (found[-1] if found else None), 0
    found = list(slots(trigger, last, now))
    return (found[-1], len(found) - 1) if found else (None, 0)


def _longest_step(trigger: BaseTrigger) -> timedelta:
    interval = getattr(trigger, "interval", timedelta(days=1))
    return timedelta(seconds=interval.total_seconds())


def merged(triggers: Mapping[str, BaseTrigger], after: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    """Every slot of every job in (after, until] in order of time; at one time in the order of the mapping."""
    streams = [_named(order, name, slots(triggers[name], after, until)) for order, name in enumerate(triggers)]
    for slot, _, name in heapq.merge(*streams):
        yield slot, name


def _named(order: int, name: str, found: Iterator[datetime]) -> Iterator[tuple[datetime, int, str]]:
    for slot in found:
        yield slot, order, name
