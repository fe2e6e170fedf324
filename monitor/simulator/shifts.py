"""The working calendar: three shifts a day, each with a hand-over and a break, in local time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from monitor.instants import from_micros, to_micros
from monitor.model import Floats

Ints = NDArray[np.int64]

ZONE = ZoneInfo("Europe/Berlin")
_PAUSES = ((2, 30), (6, 15), (10, 30), (14, 15), (18, 30), (22, 15))
"""Local hour and length in minutes."""
WORK_DAY_MS = 86_400_000 - sum(minutes for _, minutes in _PAUSES) * 60_000


def to_ms(at: datetime) -> int:
    """An aware time as milliseconds since 1970 UTC."""
    return round(to_micros(at) / 1000)


def to_datetime(ms: int) -> datetime:
    """Milliseconds since 1970 as an aware UTC time."""
    return from_micros(int(ms) * 1000)


@dataclass(frozen=True, slots=True)
class Shifts:
    """The pauses from `origin` on, as half-open intervals in milliseconds since 1970."""

    origin: int
    starts: Ints
    ends: Ints

    def to_wall(self, work: Floats) -> Ints:
        """Convert working milliseconds since the origin to clock time (ms, whole seconds)."""
        lengths = np.concatenate([[0], np.cumsum(self.ends - self.starts)])
        reached = self.starts - self.origin - lengths[:-1]
        wall = self.origin + work + lengths[np.searchsorted(reached, work, side="right")]
        seconds: Ints = (wall // 1000).astype(np.int64)
        return seconds * 1000


def shifts_between(first: datetime, last: datetime) -> Shifts:
    """The calendar from `first` on, with every pause that starts before `last`."""
    origin, stop = to_ms(first), to_ms(last)
    day, pauses = first.astimezone(ZONE).date(), []
    while day <= last.astimezone(ZONE).date():
        for hour, minutes in _PAUSES:
            start = to_ms(datetime.combine(day, time(hour), tzinfo=ZONE).astimezone(UTC))
            if origin <= start < stop:
                pauses.append((start, start + minutes * 60_000))
        day += timedelta(days=1)
    edges = np.array(sorted(pauses), dtype=np.int64).reshape(-1, 2)
    return Shifts(origin, edges[:, 0], edges[:, 1])
