"""Keeps work going when the real clock is set: a step is noticed and told once, what it left behind is corrected."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from monitor.clock import Clock, ClockWatch, steady_seconds
from monitor.store.clock import newest_instant, settle
from monitor.store.database.database import Store
from monitor.store.database.leases import shorten

log = logging.getLogger(__name__)


class ClockGuard:
    """Watches the real clock of one process; a simulated clock has none.

    `corrections` counts how often the store was looked through: what a job remembers from before may not hold any more.
    Differences up to `tolerance`, the duration of a lease, are those of two computers, and hold nothing up for longer.
    """

    def __init__(
        self, store: Store, clock: Clock, tolerance: timedelta, steady: Callable[[], float] = steady_seconds
    ) -> None:
        self._store = store
        self._clock = clock
        self._tolerance = tolerance
        self._watch = ClockWatch(clock, tolerance, steady)
        self._lock = threading.Lock()
        self._untold = timedelta(0)
        self.corrections = 0

    def begin(self) -> None:
        """At the start: whether an earlier process wrote times that are still to come."""
        with self._store.read() as connection:
            newest = newest_instant(connection)
        if newest is not None and self.is_future(newest):
            self.settle()

    def look(self) -> None:
        """Notice a step since the last look, and settle it. A step that could not be recorded is kept for the next."""
        step = self._watch.step()
        if step is None and not self._untold:
            return
        with self._lock:
            self._untold += step or timedelta(0)
            if abs(self._untold) > self._tolerance:
                self._settle(self._untold)
            self._untold = timedelta(0)

    def is_future(self, at: datetime) -> bool:
        """Whether the clock must have been ahead when this time was written."""
        return at > self._clock.now() + self._tolerance

    def settle(self) -> None:
        """Correct what a clock that was ahead left in the store, and tell it."""
        with self._lock:
            self._settle(None)

    def correct(self) -> None:
        """The same without telling it: what a run left during which the clock was set back, which is told already."""
        with self._lock:
            self._settle(None, tell=False)

    def _settle(self, step: timedelta | None, *, tell: bool = True) -> None:
        now = self._clock.now()
        with self._store.write() as connection:
            told = settle(connection, now, self._tolerance, step, tell=tell)
            shorten(self._store, connection, self._tolerance.total_seconds())
        self.corrections += 1
        if told is not None:
            direction = "back" if told < timedelta(0) else "forward"
            log.warning("the clock was set %s by %s, to %s; work goes on", direction, abs(told), now.isoformat())
