"""Comparison of a source's rows with the store's, by their keys; what is missing is read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from monitor.clock import Clock
from monitor.detection import CHANGED, HOURLY_COUNT, RECONCILIATION, VANISHED
from monitor.instants import floor_to, from_micros, to_micros
from monitor.jobs.pulling.pull import PullJob
from monitor.model import Finding, Page, Reject, RowKey, Status
from monitor.plant.sources import reconcile_name
from monitor.ports import Source
from monitor.scheduling.job import JobScope, Result, Run
from monitor.store.commit import BatchWrite, commit
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease
from monitor.store.database.statements import mark, tally_key
from monitor.store.rows.stored_keys import StoredKeys, stored_keys

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_LONGEST = timedelta(hours=12)
_KEYS = 5_000
"""Keys in a span; with many more, the next span is shorter, down to an hour."""
_STRAYS = 1000
_STRAY_HOURS = 6
"""The hours between two searches for rows without a usable time, which read the whole table."""
_NAMED = 20
"""Keys that a finding names."""
_YEAR_1971 = 31_536_000_000_000

LeaseOf = Callable[[PullJob], AbstractContextManager[Lease | None]]
"""The lease of a pull, while nobody else pulls; None while another process holds it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is compared: a source with its kind, when its rows have settled, how old an hour may be, and how long the
    store keeps rows (None: forever). `rows` is about how many are read at once (None: those of a span)."""

    source: str
    kind: str
    settle: timedelta
    reach: timedelta
    keep: timedelta | None
    rows: int | None = None


@dataclass(slots=True)
class Differences:
    """What hours differ in: keys missing in the store by hour, keys the source no longer has, keys changed in place.

    `late`: rows that were found by reading again; `met`: whether the source had a row in any of the hours.
    """

    missing: dict[datetime, list[RowKey]] = field(default_factory=dict)
    vanished: list[RowKey] = field(default_factory=list)
    changed: list[RowKey] = field(default_factory=list)
    late: int = 0
    met: bool = False

    @property
    def gap(self) -> int:
        """Rows that are missing."""
        return sum(map(len, self.missing.values()))


class ReconcileJob:
    """Compares every hour of one source once it has settled, and once a day all that are not too old.

    The daily comparison reads whole rows, so that it also finds what was changed in place. `wall_clock` is the real
    time, also during a replay.
    """

    def __init__(
        self,
        store: Store,
        scope: Scope,
        source: Source,
        pulls: Sequence[PullJob],
        interval: timedelta,
        lease_of: LeaseOf,
        wall_clock: Clock,
    ) -> None:
        self.name = reconcile_name(scope.source)
        self.scope = JobScope(scope.source)
        self.interval = interval
        self._store = store
        self._of = scope
        self._source = source
        self._pulls = pulls
        self._lease_of = lease_of
        self._wall_clock = wall_clock

    def forget(self) -> None:
        """Nothing is in memory."""

    def run(self, run: Run) -> Result:
        """Compare, read again what is missing, and report what remains as findings."""
        # Rows of the newest hours may be late, or in the source but not pulled yet.
        end = floor_to(run.now - self._of.settle, HOUR)
        start, first, everything = self._due(end)
        found = Differences()
        length = HOUR
        while start < end:
            stop = min(start + length, end)
            keys = self._compare(start, stop, everything, run, found)
            length = min(2 * length, _LONGEST) if keys < _KEYS else HOUR
            start = stop
            if start < end:  # after the last one, the commit renews the lease
                run.beat()
        write = BatchWrite(self.name, self._of.source, "", run.now, rejects=self._strays(run))
        write.marks[self.name] = to_micros(min(found.missing, default=end))
        if first or everything:
            write.marks[self._all_again] = to_micros(end)
        self._report(write, found, everything, end)
        commit(self._store, run.lease, write)
        return Result(found.late + found.gap)

    @property
    def _all_again(self) -> str:
        return f"{self.name}:all"

    def _due(self, end: datetime) -> tuple[datetime, bool, bool]:
        """The first hour to compare, whether none was before, and whether all that may change are due, whole rows too.

        Compared are the hours since the first one that was not found complete. All of them once a day: a row that is
        `back` late is met at the next of these comparisons.
        """
        with self._store.read() as connection:
            compared, all_compared = mark(connection, self.name), mark(connection, self._all_again)
        oldest = end - self._of.reach
        if self._of.keep is not None:
            oldest = max(oldest, floor_to(end - self._of.keep, HOUR) + 2 * HOUR)
        if compared is None:
            return oldest, True, False
        if all_compared is None or not timedelta(0) <= end - from_micros(all_compared) < DAY:
            return oldest, False, True
        return max(min(from_micros(compared), end), oldest), False, False

    def _compare(self, start: datetime, end: datetime, everything: bool, run: Run, found: Differences) -> int:
        """Compare a span, whole rows if `everything`; if its keys differ, hour by hour; returns its number of keys."""
        if everything:
            self._read_again(start, end, run, found)
        keys, stored = self._keys(start, end, run.now)
        if not _missing(keys, stored) and stored.current <= keys.keys():
            found.met = found.met or bool(keys)
        else:
            for hour in _hours(start, end):
                self._compare_hour(hour, not everything, run, found)
        return len(keys)

    def _compare_hour(self, hour: datetime, again: bool, run: Run, found: Differences) -> None:
        """Note how an hour differs; if rows are missing, after it was read `again`."""
        end = hour + HOUR
        keys, stored = self._keys(hour, end, run.now)
        missing = _missing(keys, stored)
        if missing and again:
            self._read_again(hour, end, run, found)
            keys, stored = self._keys(hour, end, run.now)
            missing = _missing(keys, stored)
        if missing:
            found.missing[hour] = missing
        found.met = found.met or bool(keys)
        if found.met:
            # Before the first hour that has rows at all, the source has deleted what is old.
            found.vanished += sorted(stored.current - keys.keys(), key=str)

    def _keys(self, start: datetime, end: datetime, now: datetime) -> tuple[Mapping[RowKey, str], StoredKeys]:
        keys, of = self._source.hour_keys(start, end, now), self._of
        with self._store.read() as connection:
            return keys, stored_keys(connection, of.kind, of.source, self._source.key, start, end)

    def _read_again(self, start: datetime, end: datetime, run: Run, found: Differences) -> None:
        for since, until in self._pieces(start, end, run.now):
            self._read_piece(since, until, run.now, found)
            if until < end:
                run.beat()

    def _pieces(self, start: datetime, end: datetime, now: datetime) -> list[tuple[datetime, datetime]]:
        """The span in parts that hold about as many rows as are read at once."""
        rows = self._of.rows
        pieces = 1 if rows is None else max(1, -(-len(self._source.hour_keys(start, end, now)) // rows))
        cuts = [start + i * (end - start) / pieces for i in range(pieces)]
        return list(zip(cuts, [*cuts[1:], end], strict=True))

    def _read_piece(self, start: datetime, end: datetime, now: datetime, found: Differences) -> None:
        page = self._source.read_hour(start, end, now)
        for pull in self._pulls:
            with self._lease_of(pull) as lease:
                if lease is not None:
                    write = pull.commit_page(_select_members(page, pull.members), None, now, lease)
                    page = replace(page, rejects=())  # they are in quarantine now
                    changed = [row for row in write.rows if row["revision"]]
                    found.late += len(write.rows) - len(changed)
                    found.changed += [_key_of(row, self._source.key) for row in changed]

    def _strays(self, run: Run) -> tuple[Reject, ...]:
        if run.slot.hour % _STRAY_HOURS:
            return ()
        # By the real time: rows that a replay has not reached yet are not in the future.
        return self._source.strays(max(run.now, self._wall_clock.now()), _STRAYS).rejects

    def _report(self, write: BatchWrite, found: Differences, everything: bool, end: datetime) -> None:
        hours = tuple(f"{hour:%Y-%m-%d %H}h ({len(keys)})" for hour, keys in found.missing.items())
        source = self._of.source
        gap = Finding(
            RECONCILIATION, HOURLY_COUNT, source, "", end, _status(found.gap), float(found.gap), 0.0, causes=hours
        )
        write.board.append(gap)
        write.gauges[tally_key("gatewatch_source_reconciliation_gap_rows", source=source)] = float(found.gap)
        write.tallies[tally_key("gatewatch_source_late_rows_total", source=source)] += found.late
        write.gauges[tally_key("gatewatch_source_newly_late_rows", source=source)] = float(found.late)
        if found.late or found.gap:
            write.findings.append(replace(gap, value=float(found.late + found.gap), status=Status.BREACH))
        vanished = _keys_finding(VANISHED, source, found.vanished, end)
        if everything or found.vanished:
            write.board.append(vanished)
            write.gauges[tally_key("gatewatch_source_vanished_rows", source=source)] = float(len(found.vanished))
        if found.vanished:
            write.findings.append(vanished)
        if found.changed:
            write.findings.append(_keys_finding(CHANGED, source, found.changed, end))


def _hours(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += HOUR


def _missing(keys: Mapping[RowKey, str], stored: StoredKeys) -> list[RowKey]:
    """The keys of the source that the store has neither accepted nor put into quarantine."""
    return [key for key in keys if key not in stored.known and keys[key] not in stored.quarantined]


def _status(rows: int) -> Status:
    return Status.BREACH if rows else Status.OK


def _keys_finding(method: str, source: str, keys: Sequence[RowKey], at: datetime) -> Finding:
    named = tuple(_text(key) for key in keys[:_NAMED])
    return Finding(RECONCILIATION, method, source, "", at, _status(len(keys)), float(len(keys)), 0.0, causes=named)


def _key_of(row: Mapping[str, object], names: Sequence[str]) -> RowKey:
    """The key of a row to store; of a reading, without its sensors."""
    parts = (row[name] for name in names if name != "sensor")
    return tuple(to_micros(part) if isinstance(part, datetime) else part for part in parts)


def _text(key: RowKey) -> str:
    """A key for people; integers this large are times."""
    return " ".join(
        f"{from_micros(part):%Y-%m-%dT%H:%M:%SZ}" if isinstance(part, int) and part > _YEAR_1971 else str(part)
        for part in key
    )


def _select_members(page: Page, members: Sequence[str] | None) -> Page:
    if members is None or page.frame.empty:
        return page
    column = "step" if "step" in page.frame else "machine"
    return page.at(np.flatnonzero(page.frame[column].isin(members)).tolist())
