"""Pulling one partition of one source: read, judge, commit, page after page."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from monitor.errors import ShutdownError
from monitor.failpoints import reach
from monitor.jobs.pulling.retrying import RetryCounts, Retrying
from monitor.model import Page
from monitor.pipeline.intake.rows import without_old
from monitor.pipeline.pipeline import Pipeline
from monitor.plant.plant import Plant
from monitor.plant.retention import KEYS, effective
from monitor.plant.sources import pull_name
from monitor.ports import PulledSource
from monitor.scheduling.job import JobScope, Result, Run
from monitor.store import cursors
from monitor.store.commit import BatchWrite, commit
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease
from monitor.store.database.statements import TallyKey, tally_key


class PullJob:
    """Reads new rows of a source partition, from `late_by` before its cursor on."""

    def __init__(
        self, store: Store, plant: Plant, source_name: str, partition: str, source: PulledSource, pipeline: Pipeline
    ) -> None:
        self._store = store
        self._config = plant.sources[source_name]
        self._rows = plant.rows_at_once(source_name)
        self._keep: timedelta | None = getattr(effective(plant), KEYS[self._config.kind])
        self._source = source
        self._pipeline = pipeline
        self._unsaved_tallies: Counter[TallyKey] = Counter()
        self.lock = threading.Lock()
        self.source_name = source_name
        self.partition = partition
        self.members: Sequence[str] | None = self._config.partitions.get(partition)
        self.scope = JobScope(source_name, partition)
        self.name = pull_name(source_name, partition, self._config)
        self._retry = Retrying(store, plant, self.scope, self.name, source.kept)

    @property
    def interval(self) -> timedelta:
        """As the plant file says."""
        return self._config.every

    def cursor(self) -> datetime | None:
        """The time up to which the partition has been read."""
        with self._store.read() as connection:
            return cursors.position(connection, self.name, self.source_name, self.partition)

    def run(self, run: Run) -> Result:
        """Read pages until there is no more; each is one commit."""
        self.retry(run)
        with self.lock:
            position = self.cursor()
            after = None if position is None else position - self._config.look_back
            rows = 0
            while True:
                page = self._source.read(after, run.now, self._rows, self.members)
                reach("after_read")
                newest = max((p for p in (position, page.position) if p is not None), default=None)
                since = None if position is None else min(position, run.now)
                self.commit_page(page, newest if newest != position else None, run.now, run.lease, since)
                rows, position, after = rows + page.read, newest, page.position
                if not page.more:
                    break
                if run.stopping():
                    raise ShutdownError(f"{self.name}: stopped between two pages; the next start reads the others")
            return Result(rows, None if position is None else run.now - position)

    def retry(self, run: Run) -> RetryCounts:
        """Try the rows in quarantine again for which that was asked."""
        with self.lock:
            return self._retry.run(run, self.commit)

    def commit_page(
        self, page: Page, position: datetime | None, now: datetime, lease: Lease, reached: datetime | None = None
    ) -> BatchWrite:
        """Process one page and commit the results, which are returned; on any error nothing has changed.

        `reached` is how far the partition was read before, read from the store if not given.
        """
        write = BatchWrite(self.name, self.source_name, self.partition, now, self._config.kind, position)
        if self._keep is not None and (reached := reached or self.cursor()) is not None:
            page, old = without_old(page, reached - self._keep)
            key = tally_key("gatewatch_source_rows_total", source=self.source_name, outcome="too_old")
            write.tallies.update({key: old} if old else {})
        write.rejects = page.rejects
        write.quarantine = self._retry.replaced(page)
        self.commit(page, write, lease)
        return write

    def commit(self, page: Page, write: BatchWrite, lease: Lease) -> None:
        """Process a page and commit what comes of it together with what `write` holds already."""
        try:
            if len(page.frame):
                self._pipeline.process(page, write)
            write.tallies.update(self._unsaved_tallies)
            if write.is_empty():
                # All rows were read before: their counts are saved with the next commit.
                self._unsaved_tallies = write.tallies
                return
            commit(self._store, lease, write)
            self._unsaved_tallies = Counter()
        except BaseException:
            # Here and not only in the runner: when reconciliation calls this, the runner resets that job alone.
            self.forget()
            raise

    def forget(self) -> None:
        """Start again from the last commit."""
        self._pipeline.forget()
