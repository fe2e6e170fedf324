"""Recording of what /metrics would have shown during a replay, at fixed times of the simulated clock."""

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


class _Recorder:
    """Records the samples of each instant after every slot up to it has run, and before the next one."""

    def __init__(self, app: App, file: OpenMetricsFile, times: Iterator[datetime]) -> None:
        self._store = app.store
        self._bounds = bounds_of(app.plant, app.jobs)
        self._file = file
        self._stop = app.runner.stop
        self._times = times
        self._next = next(times, None)

    def before(self, slot: datetime) -> None:
        """Record the instants before `slot`, which is about to run, or as many as there are until a signal."""
        while self._next is not None and self._next < slot and not self._stop.is_set():
            self._record(self._next)
            self._next = next(self._times, None)

    def _record(self, at: datetime) -> None:
        with self._store.read() as connection:
            snapshot = metrics_snapshot(connection, at)
        self._file.add(at, StoreCollector(snapshot, self._bounds).collect())


@contextmanager
def recording(
    app: App, options: RecordingOptions | None, start: datetime, end: datetime
) -> Iterator[Callable[[datetime], None]]:
    """The function that a replay from `start` (exclusive) to `end` calls before each slot; without options, a no-op.

    The file is written if the replay succeeds, or up to where a signal ended it.
    """
    if options is None:
        yield lambda _: None
        return
    after = _recordable_from(app, start, end)
    server = app.plant.server
    labels = {"job": JOB, "instance": options.instance or f"{server.host}:{server.port}"}
    file = OpenMetricsFile(options.file, labels)
    try:
        recorder = _Recorder(app, file, slots(options.every, after, end))
        yield recorder.before
        recorder.before(end + timedelta(microseconds=1))
        file.write()
    finally:
        file.close()
    sys.stderr.write(f"{options.file}: {file.samples} samples of {file.series} series\n")


def _recordable_from(app: App, start: datetime, end: datetime) -> datetime:
    """When recording can start: the metrics during slots of an earlier run are lost."""
    with app.store.read() as connection:
        newest = newest_slot(connection)
    if newest is not None and newest >= end:
        raise UsageError(
            f"--openmetrics: every slot up to {newest:%Y-%m-%dT%H:%MZ} has already run, and its metrics can no longer "
            "be recorded; replay into a separate store with --set store.url=…"
        )
    return max(start, newest or start)


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """The file for the metrics of a replay, how often they are recorded, and the label `instance` of the samples."""

    file: Path
    every: timedelta
    instance: str
