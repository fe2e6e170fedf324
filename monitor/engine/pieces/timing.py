"""When the single process would have read and judged each row: slots of pulls, and how far sources had been read.

Instants are int64 microseconds since 1970 UTC, arrays of shape (rows,). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from monitor.instants import to_micros
from monitor.pipeline.feeds import PullFeed
from monitor.scheduling.slots import ANCHOR
from monitor.sources.typed.arrays import Micros

_MICRO = timedelta(microseconds=1)
NEVER = int(np.iinfo(np.int64).max)
"""Stands for the slot of a row that is not judged: it came too late, or after the end."""
_BEGINNING = int(np.iinfo(np.int64).min)


@dataclass(frozen=True, slots=True)
class Span:
    """The history that is gone through: slots in (start, end]; None is unbounded, and then everything is judged."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of a job: multiples of its interval, the first after the start of the span."""

    interval: timedelta
    span: Span

    @property
    def every(self) -> int:
        """The interval (us)."""
        return self.interval // _MICRO

    def at_or_after(self, instants: Micros) -> Micros:
        """The first slot at or after each instant."""
        anchor = to_micros(ANCHOR)
        slots = anchor - (anchor - instants) // self.every * self.every
        if self.span.start is None:
            return slots
        first = anchor - (anchor - to_micros(self.span.start) - 1) // self.every * self.every
        return np.maximum(slots, first)


def seen_at(at: Micros, available: Micros, slots: Slots, skew: timedelta) -> Micros:
    """The pull that reads each row first: when it is available, and no longer ahead of the clock by more than the skew.

    `skew`: the plant's `clock_skew`.
    """
    return slots.at_or_after(np.maximum(available, at - skew // _MICRO))


@dataclass(frozen=True, slots=True)
class Newest:
    """How far a group of machines had been judged: after each slot, ascending, the newest instant so far."""

    slots: Micros
    newest: Micros

    @classmethod
    def of(cls, slots: Micros, at: Micros) -> Newest:
        """From slots, in any order, with the newest instant that became judgeable in each."""
        order = np.argsort(slots, kind="stable")
        return cls(slots[order], np.maximum.accumulate(at[order]) if len(order) else at)

    def before(self, slots: Micros) -> Micros:
        """How far the group had been judged before each of these slots."""
        places = np.searchsorted(self.slots, slots, side="left")
        return np.concatenate([[_BEGINNING], self.newest])[places]


@dataclass(frozen=True, slots=True)
class Judging:
    """When the job that judges machines fed by these pulls gets to a reading."""

    feeds: Sequence[PullFeed]
    span: Span

    @property
    def every(self) -> int:
        """The interval of the job (us)."""
        return self._slots().every

    def slot_of(self, seen: Micros) -> Micros:
        """The first slot of the job after each pull, or at its instant: pulls come first."""
        return self._slots().at_or_after(seen)

    def ready(self, at: Micros, seen: Micros) -> Micros:
        """The slot at which each reading could be judged: it has been read, and every source up to its time."""
        read = [Slots(feed.every, self.span).at_or_after(at + feed.lag // _MICRO) for feed in self.feeds]
        return self.slot_of(np.maximum.reduce([seen, *read]))

    def judged(self, at: Micros, seen: Micros, newest: Newest) -> tuple[Micros, Micros]:
        """The slot at which each reading is judged, and the one at which it is found to be too late for that.

        Too late is what comes when its group has been judged past it. NEVER: not, or after the end.
        """
        met = self.slot_of(seen)
        late = at <= newest.before(met)
        return self._until_end(np.where(late, NEVER, self.ready(at, seen))), self._until_end(np.where(late, met, NEVER))

    def _until_end(self, slots: Micros) -> Micros:
        end = self.span.end
        return slots if end is None else np.where(slots > to_micros(end), NEVER, slots)

    def _slots(self) -> Slots:
        return Slots(min(feed.every for feed in self.feeds), self.span)
