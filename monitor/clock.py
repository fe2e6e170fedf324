"""Where jobs read the time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time, aware and in UTC."""

    def now(self) -> datetime:
        """The time now."""


class WallClock:
    """The real time."""

    def now(self) -> datetime:
        """The computer's time."""
        return datetime.now(UTC)


class SimulatedClock:
    """A time that stands still until it is moved, for replays and tests."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The time it was moved to."""
        return self._now

    def move_to(self, now: datetime) -> None:
        """Go forward to `now`; ValueError for a step back."""
        if now < self._now:
            raise ValueError(f"simulated clock: {now} is before {self._now}")
        self._now = now
