"""One table of the lake: its rows in batches, each fixed in the store, written in one commit, then recorded.

A kill between two of these leaves a batch that is fixed. Before it is written, the number of the last batch in the lake
is compared: the library takes the same number again without a word.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.delivery.retry import LONGEST_WAIT, backoff
from monitor.errors import LakeError
from monitor.failpoints import reach
from monitor.lake.delta import LakeFolder
from monitor.lake.encode import encode, from_bytes, to_bytes
from monitor.lake.feeds import Feed
from monitor.plant.running import LakeTable
from monitor.scheduling.job import Run
from monitor.store.database.database import Store
from monitor.store.database.leases import renew
from monitor.store.database.statements import add_counts, set_gauges, tally_key
from monitor.store.lake.progress import (
    Batch,
    Progress,
    begin,
    change,
    delete_notes,
    fix,
    open_batch,
    progress_of,
    record,
)
from monitor.store.lake.taken import Taken

_FIRST_WAIT = timedelta(seconds=10)


class Sink:
    """Sends one table of a site to the lake at a URL, `limit` rows in a commit at most."""

    def __init__(
        self, store: Store, url: str, site: str, table: LakeTable, folder: LakeFolder, feed: Feed, limit: int
    ) -> None:
        self.table = table
        self._store = store
        self._url = url
        self._site = site
        self._folder = folder
        self._feed = feed
        self._limit = limit
        self._begun = False

    def send(self, run: Run) -> int:
        """Send what is there; how many rows. A LakeError is recorded and raised, also while it waits after one."""
        at = self._progress(run)
        if at.error is not None and _waits(at, run.now):
            raise LakeError(at.error)
        try:
            sent = self._send(at, run)
        except LakeError as exc:
            self._folder.forget()
            self._failed(exc, run)
            raise
        self._tell(run)
        return sent

    def forget(self) -> None:
        """Drop what is in memory: the table as it was read last."""
        self._folder.forget()
        self._begun = False

    def _progress(self, run: Run) -> Progress:
        with self._store.read() as connection:
            at = progress_of(connection, self._url, self.table)
        if at is not None and self._begun:
            return at
        with self._store.write() as connection:
            renew(self._store, connection, run.lease)
            at = at or begin(connection, self._url, self.table)
            self._feed.begin(connection, at.marks)
        self._begun = True
        return at

    def _send(self, at: Progress, run: Run) -> int:
        sent = 0
        with self._store.read() as connection:
            batch = open_batch(connection, at)
        if batch is not None:
            self._folder.refresh()
        while not run.stopping() and (batch := batch or self._next(at, run)) is not None:
            self._write(at, batch)
            at = self._record(at, batch, run)
            sent += batch.rows
            batch = None
        return sent

    def _next(self, at: Progress, run: Run) -> Batch | None:
        """Fix the next rows, if there are any, as the batch under way."""
        taken = self._feed.take(self._store, at.marks, run.now, self._limit)
        if not taken.rows:
            if taken.notes:  # of windows that retention has deleted
                with self._store.write() as connection:
                    renew(self._store, connection, run.lease)
                    delete_notes(connection, taken.notes)
            return None
        # Before it is fixed: a batch of this number that is there already was fixed by nobody who is known here.
        self._folder.refresh()
        self._compare(at, at.number)
        batch = self._batch(at, taken, run)
        with self._store.write() as connection:
            renew(self._store, connection, run.lease)
            fix(connection, at, batch, taken.notes)
        reach("after_lake_fixed")
        return batch

    def _batch(self, at: Progress, taken: Taken, run: Run) -> Batch:
        number = at.number + 1
        content = to_bytes(encode(self.table, self._site, number, taken.columns))
        return Batch(number, taken.rows, run.now, taken.marks, content)

    def _write(self, at: Progress, batch: Batch) -> None:
        """Write a batch unless it is there.

        The table was read before: if another process has written a batch since, this one is refused.
        """
        if self._folder.last_batch(at.application) != batch.number:
            self._compare(at, at.number)
            self._folder.append(from_bytes(batch.content), at.application, batch.number)
        reach("after_lake_written")

    def _compare(self, at: Progress, expected: int) -> None:
        """LakeError unless the lake has exactly the batches that the store knows."""
        there = self._folder.last_batch(at.application)
        if there == expected:
            return
        what = (
            "the store was restored from an older backup"
            if there > expected
            else "it was deleted, replaced or restored"
        )
        raise LakeError(
            f"lake table {self._folder.location}: it has {there} batches of this store, which sent {expected}: {what}; "
            "nothing more is written to it; set lake.url to a new folder, which is sent everything"
        )

    def _record(self, at: Progress, batch: Batch, run: Run) -> Progress:
        with self._store.write() as connection:
            renew(self._store, connection, run.lease)
            done = record(connection, at, batch)
            add_counts(connection, {tally_key("gatewatch_lake_rows_total", table=self.table): batch.rows})
        reach("after_lake_recorded")
        return done

    def _tell(self, run: Run) -> None:
        """The metrics of a success."""
        table = self.table
        with self._store.write() as connection:
            renew(self._store, connection, run.lease)
            at = progress_of(connection, self._url, table)
            waiting = self._feed.waiting(connection, {} if at is None else at.marks)
            if at is not None and at.attempts:  # it was written after all, by an attempt that said otherwise
                change(connection, at._replace(attempts=0, next_at=None, error=None), ("attempts", "next_at", "error"))
            gauges = {
                tally_key("gatewatch_lake_rows_waiting", table=table): waiting,
                tally_key("gatewatch_lake_last_success_timestamp_seconds", table=table): run.now.timestamp(),
            }
            set_gauges(connection, gauges)

    def _failed(self, error: LakeError, run: Run) -> None:
        table = self.table
        with self._store.write() as connection:
            renew(self._store, connection, run.lease)
            at = progress_of(connection, self._url, table)
            if at is None:
                return
            attempts = at.attempts + 1
            failed = at._replace(attempts=attempts, next_at=run.now + backoff(attempts, _FIRST_WAIT), error=str(error))
            change(connection, failed, ("attempts", "next_at", "error"))
            set_gauges(
                connection,
                {tally_key("gatewatch_lake_rows_waiting", table=table): self._feed.waiting(connection, at.marks)},
            )
            add_counts(connection, {tally_key("gatewatch_lake_failures_total", table=table): 1})


def _waits(at: Progress, now: datetime) -> bool:
    """Whether the next attempt is not due; a time beyond the longest wait is of a clock that was ahead."""
    return at.next_at is not None and now < at.next_at <= now + LONGEST_WAIT
