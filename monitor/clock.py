"""Where jobs read the time."""

from __future__ import annotations

from datetime import UTC, datetime
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
