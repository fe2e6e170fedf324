"""Comparison of row counts in a source and in the store, hour by hour; hours that differ are read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.clock import Clock
from monitor.detection import HOURLY_COUNT, RECONCILIATION
from monitor.jobs.pull import PullJob
from monitor.model import Finding, Page, Reject, Status
from monitor.ports import Source
from monitor.scheduling.job import JobScope, Result, Run
from monitor.store.commit import BatchWrite, commit
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease
from monitor.store.database.statements import tally_key
from monitor.store.rows.kinds import count_stored

HOUR = timedelta(hours=1)
_STRAYS = 1000
_STRAY_HOURS = 6
"""The hours between two searches for rows without a usable time, which read the whole table."""


class ReconcileJob:
    """Compares the last hours of one source, at midnight UTC the last day.

    `wall_clock` is the real time, also during a replay.
    """

    def __init__(
        self,
        store: Store,
        source_name: str,
        kind: str,
        source: Source,
        pulls: Sequence[PullJob],
        settle: timedelta,
        interval: timedelta,
        lease_of: Callable[[PullJob], Lease | None],
        wall_clock: Clock,
    ) -> None:
        self.name = f"reconcile:{source_name}"
        self.scope = JobScope(source_name)
        self.interval = interval
        self._store = store
        self._source_name = source_name
        self._kind = kind
        self._source = source
        self._pulls = pulls
        self._settle = settle
        self._lease_of = lease_of
        self._wall_clock = wall_clock

    def forget(self) -> None:
        """Nothing is in memory."""

    def run(self, run: Run) -> Result:
        """Count, read differing hours again, recount, and report the remaining difference as a finding."""
        # Rows of the newest hours may be late, or in the source but not pulled yet.
        end = (run.now - self._settle).replace(minute=0, second=0, microsecond=0)
        start = end - (24 * HOUR if run.slot.hour == 0 else 3 * HOUR)
        rejects = self._strays(run) if run.slot.hour % _STRAY_HOURS == 0 else ()
        gaps = self._gaps(start, end, run.now)
        for hour in gaps:
            self._pull_again(hour, run.now)
            run.beat()
        remaining = self._gaps(start, end, run.now) if gaps else {}
        write = BatchWrite(self.name, self._source_name, "", run.now, rejects=rejects)
        self._report(write, gaps, remaining, end)
        commit(self._store, run.lease, write)
        return Result(sum(gaps.values()))

    def _strays(self, run: Run) -> tuple[Reject, ...]:
        # By the real time: rows that a replay has not reached yet are not in the future.
        return self._source.strays(max(run.now, self._wall_clock.now()), _STRAYS).rejects

    def _gaps(self, start: datetime, end: datetime, now: datetime) -> dict[datetime, int]:
        counts = self._source.hourly_counts(start, end, now)
        with self._store.read() as connection:
            stored = {h: count_stored(connection, self._kind, self._source_name, h, h + HOUR) for h in counts}
        return {hour: n - stored[hour] for hour, n in sorted(counts.items()) if n > stored[hour]}

    def _pull_again(self, hour: datetime, now: datetime) -> None:
        page = self._source.read_hour(hour, hour + HOUR, now)
        for pull in self._pulls:
            lease = self._lease_of(pull)
            if lease is not None:
                with pull.lock:
                    pull.commit_page(_select_members(page, pull.members), None, now, lease)

    def _report(
        self, write: BatchWrite, gaps: Mapping[datetime, int], remaining: Mapping[datetime, int], end: datetime
    ) -> None:
        missing = sum(remaining.values())
        finding = Finding(
            RECONCILIATION, HOURLY_COUNT, self._source_name, "", end,
            Status.BREACH if missing else Status.OK, float(missing), 0.0,
            causes=tuple(f"{hour:%Y-%m-%d %H}h ({n})" for hour, n in remaining.items()),
        )  # fmt: skip
        write.board.append(finding)
        gap = tally_key("gatewatch_source_reconciliation_gap_rows", source=self._source_name)
        write.gauges[gap] = float(missing)
        if gaps:
            write.findings.append(replace(finding, value=float(sum(gaps.values())), status=Status.BREACH))


def _select_members(page: Page, members: Sequence[str] | None) -> Page:
    if members is None or page.frame.empty:
        return page
    column = "step" if "step" in page.frame else "machine"
    selected = page.frame[column].isin(members).to_numpy()
    frame = page.frame.loc[selected].reset_index(drop=True)
    return replace(page, frame=frame, values=page.values[selected], rejects=())
