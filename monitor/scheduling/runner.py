"""Runs jobs at their slots: takes leases, runs each slot once, records timing and failures.

This is the only place that catches all exceptions: jobs raise, the runner counts the failure and continues.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from monitor.clock import Clock
from monitor.errors import FencedError, MonitorError, ShutdownError, SourceError
from monitor.scheduling.clock_guard import ClockGuard
from monitor.scheduling.job import Job, Result, Run
from monitor.scheduling.slots import due
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease, acquire, release, renew
from monitor.store.database.statements import add_counts, tally_key
from monitor.store.jobs import JobRun, last_slot, record_run

log = logging.getLogger(__name__)


class SlotOutcome(StrEnum):
    """The outcome of a slot in this process."""

    SUCCESS = "success"
    FAILURE = "failure"
    DONE_BEFORE = "done_before"
    ANOTHER_PROCESS = "another_process"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class SlotResult:
    """The outcome of a slot, with the job's result or the error."""

    outcome: SlotOutcome
    result: Result = field(default_factory=Result)
    error: str | None = None


class Runner:
    """Runs the jobs of one process. `holder` must be unique to the process; leases last `ttl` without renewal.

    `guard` watches a real clock; without it, as under a simulated clock, a slot that was run is never run again.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        holder: str,
        ttl: timedelta,
        guard: ClockGuard | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._guard = guard
        self._holder = holder
        self._ttl = ttl.total_seconds()
        self._held: dict[str, tuple[Lease, float]] = {}
        self._fences: dict[str, int] = {}
        self._last_slots: dict[str, tuple[int, datetime]] = {}
        self._corrections: dict[str, int] = {}
        self._lock = threading.Lock()
        self.stop = threading.Event()

    def lease(self, job: Job) -> Lease | None:
        """This process's lease for a job, acquired if it is free; None while another process holds it.

        If another process held it in the meantime, the job's state in memory is outdated and is dropped.
        """
        held = self._fresh(job.name)
        if held is not None:
            return held
        lease = acquire(self._store, job.name, self._holder, self._ttl)
        with self._lock:
            if lease is None:
                self._held.pop(job.name, None)
                return None
            self._held[job.name] = (lease, time.monotonic())
            before = self._fences.get(job.name, lease.fence)
            self._fences[job.name] = lease.fence
        if before != lease.fence:
            job.forget()
        return lease

    def catch_up(self, job: Job) -> SlotResult | None:
        """Run the newest slot that is due and count older ones as missed; None if no slot is due."""
        if self._guard is not None:
            self._guard.look()
            if self._corrections.get(job.name, 0) != self._guard.corrections:
                self._corrections[job.name] = self._guard.corrections
                job.forget()
        slot, missed = due(job.interval, self._last_slot(job.name), self._clock.now())
        return None if slot is None else self.run(job, slot, missed)

    def run(self, job: Job, slot: datetime, missed: int = 0) -> SlotResult:
        """Run a slot unless any process has run it already. Raises only if the store cannot be used."""
        lease = self.lease(job)
        # Read after acquiring the lease. Without the lease it may still change, but only to a later slot.
        last = self._last_slot_under(job.name, lease)
        if last is not None and last >= slot:
            return SlotResult(SlotOutcome.DONE_BEFORE)
        if lease is None:
            return SlotResult(SlotOutcome.ANOTHER_PROCESS)
        started, began = self._clock.now(), time.perf_counter()
        done, failure = self._attempt(job, Run(slot, started, lease, lambda: self.beat(lease), self.stop.is_set))
        seconds = time.perf_counter() - began
        if done.outcome in (SlotOutcome.SUCCESS, SlotOutcome.FAILURE):
            try:
                recorded = self._not_ahead(job, slot)
                self._record(job, recorded, min(started, self._clock.now()), seconds, missed, lease, done, failure)
                self._last_slots[job.name] = (lease.fence, recorded)
                if self._guard is not None and self._guard.is_future(started):
                    self._guard.correct()
            except FencedError as exc:
                job.forget()
                done = SlotResult(SlotOutcome.ANOTHER_PROCESS, error=str(exc))
        if done.outcome is SlotOutcome.ANOTHER_PROCESS:
            with self._lock:
                self._held.pop(job.name, None)
        return done

    def _attempt(self, job: Job, run: Run) -> tuple[SlotResult, Exception | None]:
        try:
            return SlotResult(SlotOutcome.SUCCESS, job.run(run)), None
        except FencedError as exc:
            job.forget()
            return SlotResult(SlotOutcome.ANOTHER_PROCESS, error=str(exc)), exc
        except ShutdownError as exc:
            job.forget()
            return SlotResult(SlotOutcome.GIVEN_UP, error=str(exc)), exc
        except MonitorError as exc:
            job.forget()
            log.error("%s: %s", job.name, exc)
            return SlotResult(SlotOutcome.FAILURE, error=str(exc)), exc
        except OSError as exc:
            job.forget()
            message = f"{exc.filename or 'a file or connection'}: {exc.strerror or exc}; the next slot tries again"
            log.error("%s: %s", job.name, message)
            return SlotResult(SlotOutcome.FAILURE, error=message), exc
        except Exception as exc:
            job.forget()
            log.exception("%s: unexpected failure", job.name)
            return SlotResult(SlotOutcome.FAILURE, error=f"unexpected {type(exc).__name__}: {exc}"), exc

    def beat(self, lease: Lease) -> None:
        """Renew a lease if a third of its time has passed; ShutdownError if the process is about to end, FencedError if
        another process turns out to hold it."""
        if self.stop.is_set():
            raise ShutdownError(f"{lease.name}: abandoned because of shutdown; its slot is run at the next start")
        if self._fresh(lease.name) == lease:
            return
        with self._store.write() as connection:
            renew(self._store, connection, lease)
        with self._lock:
            if self._held.get(lease.name, (None, 0.0))[0] == lease:
                self._held[lease.name] = (lease, time.monotonic())

    def _fresh(self, name: str) -> Lease | None:
        """A lease held here that was renewed in the last third of its time."""
        with self._lock:
            lease, renewed = self._held.get(name, (None, 0.0))
            return lease if time.monotonic() - renewed < self._ttl / 3 else None

    def _last_slot_under(self, name: str, lease: Lease | None) -> datetime | None:
        """The last slot of a job; from memory if the lease is the same, because no other process has run one since."""
        fence, slot = self._last_slots.get(name, (None, None))
        if lease is None or lease.fence != fence or self._is_future(slot):
            return self._last_slot(name)
        return slot

    def _last_slot(self, name: str) -> datetime | None:
        with self._store.read() as connection:
            slot = last_slot(connection, name)
        if self._guard is not None and self._is_future(slot):
            self._guard.settle()
            return None
        return slot

    def _is_future(self, slot: datetime | None) -> bool:
        return slot is not None and self._guard is not None and self._guard.is_future(slot)

    def _not_ahead(self, job: Job, slot: datetime) -> datetime:
        """The slot to record for a run of `slot`: none from the future, if the clock was set back meanwhile."""
        now = self._clock.now()
        return slot if self._guard is None or slot <= now else due(job.interval, None, now)[0] or slot

    def _record(
        self,
        job: Job,
        slot: datetime,
        started: datetime,
        seconds: float,
        missed: int,
        lease: Lease,
        done: SlotResult,
        failure: Exception | None,
    ) -> None:
        scope = job.scope
        run = JobRun(
            name=job.name, source=scope.source, partition=scope.partition, gate=scope.gate, slot=slot,
            started_at=started, duration_seconds=seconds, result=done.outcome.value,
            good=done.outcome is SlotOutcome.SUCCESS, rows=done.result.rows, lag=done.result.lag, missed_slots=missed,
            error=done.error, unreadable=failure.reason.value if isinstance(failure, SourceError) else "",
        )  # fmt: skip
        with self._store.write() as connection:
            renew(self._store, connection, lease)
            record_run(connection, run)
            if isinstance(failure, SourceError):
                reason = failure.reason.value
                key = tally_key("gatewatch_source_read_errors_total", source=scope.source, reason=reason)
                add_counts(connection, {key: 1})

    def give_back(self, job: Job) -> None:
        """Release the lease of a job, if this process holds it; for another one that is to run it meanwhile."""
        with self._lock:
            held = self._held.pop(job.name, None)
        if held is not None:
            release(self._store, [held[0]])

    def release_leases(self) -> None:
        """Release all leases, so that other processes can take over at once."""
        with self._lock:
            held = list(self._held.values())
            self._held.clear()
        release(self._store, [lease for lease, _ in held])
