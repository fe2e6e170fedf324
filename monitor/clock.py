"""Where jobs read the time, and how a step of the real clock is noticed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of the current time."""

    def now(self) -> datetime:
        """The current time, aware and in UTC."""


class WallClock:
    """The real time."""

    def now(self) -> datetime:
        """The computer's time."""
        return datetime.now(UTC)


class SimulatedClock:
    """A clock that stands still until it is moved, for replays and tests."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The time it was moved to."""
        return self._now

    def move_to(self, now: datetime) -> None:
        """Advance to `now`; ValueError if that is earlier."""
        if now < self._now:
            raise ValueError(f"simulated clock: {now} is before {self._now}")
        self._now = now


def steady_seconds() -> float:
    """Seconds on a clock that nobody can set; where the system has one, it goes on while the machine is suspended."""
    number = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if number is None else time.clock_gettime(number)


class ClockWatch:
    """Compares a clock with a steady one, to notice that it was set. Used by several threads."""

    def __init__(self, clock: Clock, tolerance: timedelta, steady: Callable[[], float] = steady_seconds) -> None:
        self._clock = clock
        self._tolerance = tolerance
        self._steady = steady
        self._lock = threading.Lock()
        self._before = self._difference()

    def step(self) -> timedelta | None:
        """How far the clock was set since the last call, below zero if back; None up to the tolerance."""
        with self._lock:
            difference = self._difference()
            if difference is None or self._before is None:
                self._before = self._before or difference
                return None
            step, self._before = difference - self._before, difference
        return step if abs(step) > self._tolerance else None

    def _difference(self) -> datetime | None:
        """The clock when the steady one was at 0; None if this thread was held up between reading the two."""
        before, now, after = self._steady(), self._clock.now(), self._steady()
        return now - timedelta(seconds=after) if timedelta(seconds=2 * (after - before)) <= self._tolerance else None
