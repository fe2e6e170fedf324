"""Pulling one partition of one source: read, judge, commit, page after page."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa

from monitor.failpoints import reach
from monitor.model import Page
from monitor.pipeline import events
from monitor.pipeline.judging import InForce
from monitor.pipeline.parts import PartsPipeline
from monitor.pipeline.readings import ReadingsPipeline
from monitor.plant.plant import Plant
from monitor.scheduling.job import Result, Run
from monitor.store.commit import BatchWrite, commit
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease
from monitor.store.database.statements import TallyKey

Read = Callable[[datetime | None, datetime, int, Sequence[str] | None], Page]


class Pipeline(Protocol):
    """Turns a page into everything its commit will write."""

    table: sa.Table

    def process(self, page: Page, write: BatchWrite) -> None:
        """Fill `write`; what it keeps in memory is undone by `forget`."""

    def forget(self) -> None:
        """Drop what is in memory."""

    def snapshot(self, write: BatchWrite) -> None:
        """Add what should be saved at a clean end."""


class EventPipeline:
    """Outcomes, dispositions and machine states."""

    def __init__(self, store: Store, plant: Plant, source: str) -> None:
        self._where = (store, plant, source)
        self.table = events.TABLES[plant.sources[source].kind]

    def process(self, page: Page, write: BatchWrite) -> None:
        """Keep the new rows."""
        events.process(*self._where, page, write)

    def forget(self) -> None:
        """Nothing is in memory."""

    def snapshot(self, write: BatchWrite) -> None:
        """Nothing is in memory."""


class PartPipeline:
    """Part steps, each batch with the models in force at its start."""

    table = t.part_step

    def __init__(self, parts: PartsPipeline, in_force: Callable[[], Mapping[str, InForce]]) -> None:
        self._parts = parts
        self._in_force = in_force

    def process(self, page: Page, write: BatchWrite) -> None:
        """Decide on the new rows."""
        self._parts.process(page, self._in_force(), write)

    def forget(self) -> None:
        """Nothing is in memory."""

    def snapshot(self, write: BatchWrite) -> None:
        """Nothing is in memory."""


class ReadingPipeline:
    """Machine readings through the detectors."""

    table = t.reading

    def __init__(self, readings: ReadingsPipeline) -> None:
        self.process = readings.process
        self.forget = readings.forget
        self.snapshot = readings.snapshot


class PullJob:
    """Reads what is new in a source partition, and back by `late_by`, under one cursor."""

    def __init__(self, store: Store, plant: Plant, source: str, partition: str, read: Read, pipeline: Pipeline) -> None:
        self._store = store
        self._config = plant.sources[source]
        self._rows = plant.store.batch_rows
        self._read = read
        self._pipeline = pipeline
        self._carried: Counter[TallyKey] = Counter()
        self.lock = threading.Lock()
        self.source = source
        self.partition = partition
        self.members: Sequence[str] | None = self._config.partitions.get(partition)
        self.name = f"pull:{source}" if not self._config.partitions else f"pull:{source}:{partition}"

    @property
    def interval(self) -> timedelta:
        """As the plant file says."""
        return self._config.every

    def cursor(self) -> datetime | None:
        """How far the partition was read."""
        with self._store.read() as connection:
            c = t.cursor.c
            where = (c.job == self.name, c.source == self.source, c.partition == self.partition)
            return connection.execute(sa.select(c.position).where(*where)).scalar_one_or_none()

    def run(self, run: Run) -> Result:
        """Read pages until there is no more; each is one commit."""
        with self.lock:
            position = self.cursor()
            after = None if position is None else position - self._config.late_by
            rows = 0
            while True:
                page = self._read(after, run.now, self._rows, self.members)
                reach("after_read")
                newest = max((p for p in (position, page.position) if p is not None), default=None)
                self.keep(page, newest if newest != position else None, run.now, run.lease)
                rows, position, after = rows + page.read, newest, page.position
                if not page.more or run.stopping():
                    break
            return Result(rows, None if position is None else run.now - position)

    def keep(self, page: Page, position: datetime | None, now: datetime, lease: Lease) -> None:
        """Judge one page and commit what it made, or leave everything as it was."""
        write = BatchWrite(self.name, self.source, self.partition, now, self._pipeline.table, position)
        write.rejects = page.rejects
        try:
            if len(page.frame):
                self._pipeline.process(page, write)
            write.tallies.update(self._carried)
            if write.is_empty():
                # Only re-read rows: their counts go with the next commit instead of one of their own.
                self._carried = write.tallies
                return
            commit(self._store, lease, write)
            self._carried = Counter()
        except BaseException:
            # Also for what nobody foresaw: reconciliation calls this too, and the runner makes only that job forget.
            self.forget()
            raise

    def save(self, now: datetime, lease: Lease) -> None:
        """Save the detectors' states, at a clean end."""
        with self.lock:
            write = BatchWrite(self.name, self.source, self.partition, now, self._pipeline.table)
            self._pipeline.snapshot(write)
            if not write.is_empty():
                commit(self._store, lease, write)

    def forget(self) -> None:
        """Start again from the last commit."""
        self._pipeline.forget()
