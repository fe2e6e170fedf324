"""Watches whether the store can be written, and says so by ways that need no store."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from monitor.clock import Clock
from monitor.delivery.direct import DirectNotifier
from monitor.errors import StoreError
from monitor.plant.plant import Plant
from monitor.store.database.database import DatabaseError, Store, redacted

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
_QUIET_SECONDS = 60.0
"""How long nothing may fail before the end of an episode is told: a disk that is nearly full fails now and then."""


class _Episode(NamedTuple):
    """Since when the store cannot be written, and when that was last seen, by the steady clock."""

    since: datetime
    last: float


class StoreWatch:
    """Tries every few seconds to write, and hears of every write that failed. An episode is told once, and its end."""

    def __init__(
        self,
        store: Callable[[], Store],
        plant: Callable[[], Plant],
        clock: Clock,
        notifier: DirectNotifier,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._plant = plant
        self._clock = clock
        self._notifier = notifier
        self._steady = steady
        self._heard = steady()
        self._episode: _Episode | None = None
        self._stop = threading.Event()
        self.problem: str | None = None

    def start(self) -> None:
        """Look every few seconds, in a thread of its own."""
        threading.Thread(target=self._run, name="store watch", daemon=True).start()

    def stop(self) -> None:
        """End the thread after its present look."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception:
                log.exception("the watch of the store failed; it goes on")
            self._stop.wait(EVERY_SECONDS)

    def look(self) -> None:
        """Find out whether the store can be written, and tell what changed."""
        problem = self._probe()
        now = self._steady()
        self.problem = problem
        self._notifier.retry()
        if problem is not None:
            begins = self._episode is None
            self._episode = _Episode(self._clock.now() if self._episode is None else self._episode.since, now)
            if begins:
                self._tell_begin(problem)
        elif self._episode is not None and now - self._episode.last >= _QUIET_SECONDS:
            self._tell_end(self._episode)
            self._episode = None

    def _probe(self) -> str | None:
        """Why the store cannot be written, or could not since the last look."""
        store = self._store()
        heard, self._heard = self._heard, self._steady()
        try:
            store.probe()
        except StoreError as exc:
            return str(exc)
        except DatabaseError as exc:
            return f"store {redacted(store.url)}: {type(exc).__name__}; look for sessions that hang"
        failed = store.failed_write
        return str(failed.error) if failed is not None and failed.at >= heard else None

    def _tell_begin(self, problem: str) -> None:
        log.error("the store cannot be written: %s", problem)
        self._notifier.send(self._plant(), "store_stopped", {"text": problem}, "critical", self._clock.now())

    def _tell_end(self, episode: _Episode) -> None:
        log.warning("the store can be written again")
        since = f"{episode.since:%Y-%m-%d %H:%M:%S} UTC"
        self._notifier.send(self._plant(), "store_works", {"since": since}, "over", self._clock.now())
