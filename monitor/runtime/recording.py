"""What /metrics would have shown during a replay, at fixed times of the simulated clock."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from exporters.metrics.collector import StoreCollector
from exporters.metrics.openmetrics import OpenMetricsFile
from monitor.errors import UsageError
from monitor.runtime.app import App, bounds_of
from monitor.scheduling.slots import slots
from monitor.store.jobs import newest_slot
from monitor.store.metrics import metrics_snapshot

JOB = "gatewatch"
"""The name of the scrape job in the Prometheus configuration that comes with the project."""


class _Taker:
    """Takes the samples of each instant once every slot up to it was served, and before the next one."""

    def __init__(self, app: App, file: OpenMetricsFile, times: Iterator[datetime]) -> None:
        self._store = app.store
        self._bounds = bounds_of(app.plant, app.jobs)
        self._file = file
        self._times = times
        self._next = next(times, None)

    def before(self, slot: datetime) -> None:
        """The clock is about to serve `slot`: everything earlier is done."""
        while self._next is not None and self._next < slot:
            self._take(self._next)
            self._next = next(self._times, None)

    def _take(self, at: datetime) -> None:
        with self._store.read() as connection:
            snapshot = metrics_snapshot(connection, at)
        self._file.add(at, StoreCollector(snapshot, self._bounds).collect())


@contextmanager
def recording(
    app: App, wanted: Recorded | None, start: datetime, end: datetime
) -> Iterator[Callable[[datetime], None]]:
    """What a replay from `start` (exclusive) to `end` calls before each slot; does nothing where nothing is wanted.

    The file is written when the replay went well, or up to where a signal ended it.
    """
    if wanted is None:
        yield lambda _: None
        return
    after = _first(app, start, end)
    server = app.plant.server
    labels = {"job": JOB, "instance": wanted.instance or f"{server.host}:{server.port}"}
    file = OpenMetricsFile(wanted.file, labels)
    try:
        taker = _Taker(app, file, slots(wanted.every, after, end))
        yield taker.before
        if not app.runner.stop.is_set():
            taker.before(end + timedelta(microseconds=1))
        file.write()
    finally:
        file.close()
    sys.stderr.write(f"{wanted.file}: {file.samples} samples of {file.series} series\n")


def _first(app: App, start: datetime, end: datetime) -> datetime:
    """From where on the store can be watched: what slots served before left it showing cannot be seen again."""
    with app.store.read() as connection:
        served = newest_slot(connection)
    if served is not None and served >= end:
        raise UsageError(
            f"--openmetrics: every slot up to {served:%Y-%m-%dT%H:%MZ} was served before, and what the store showed "
            "then cannot be seen again; replay into a store of its own with --set store.url=…"
        )
    return max(start, served or start)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where the metrics of a replay go, how often they are taken, and as what Prometheus will know the process."""

    file: Path
    every: timedelta
    instance: str
