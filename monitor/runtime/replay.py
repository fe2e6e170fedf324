"""Replay of history at full speed: every slot of every job in chronological order, under a simulated clock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime

from monitor.clock import SimulatedClock
from monitor.runtime.app import App
from monitor.scheduling.job import Job
from monitor.scheduling.runner import SlotOutcome, SlotResult
from monitor.scheduling.slots import merged
from monitor.store.database.database import redacted

log = logging.getLogger(__name__)

_WAITING = (
    "store %s: waiting for another process, which runs job %r; end it, or replay into a separate store "
    "with --set store.url=..."
)
_WARN_AFTER_LEASES = 3
"""A longer wait is logged; the unit is the duration of a lease."""
_POLLS_PER_LEASE = 33


def replay(
    app: App, clock: SimulatedClock, start: datetime, end: datetime, before: Callable[[datetime], object] | None = None
) -> Iterator[tuple[datetime, str, SlotResult]]:
    """Run every slot in (start, end] through the same jobs as `gatewatch run`; yields each with its result.

    `before` is called when the clock has moved, before the slots of that instant. A slot that this or another process
    has already run is not run again.
    """
    jobs = {job.name: job for job in app.jobs}
    current: datetime | None = None
    for slot, name in merged({name: job.interval for name, job in jobs.items()}, start, end):
        if app.runner.stop.is_set():
            break
        if slot != current:
            clock.move_to(slot)
            current = slot
            if before is not None:
                before(slot)
                if app.runner.stop.is_set():
                    break
        yield slot, name, _run_in_order(app, jobs[name], slot)
    app.save_states()


def _run_in_order(app: App, job: Job, slot: datetime) -> SlotResult:
    """Run a slot, after waiting for another process that runs the job: history has an order.

    The wait needs no time limit: a holder that is alive runs the slot or releases its lease, the lease of a dead one
    expires. A long wait is logged.
    """
    lease = app.plant.store.lease.total_seconds()
    waited = 0.0
    while True:
        result = app.runner.run(job, slot)
        if result.outcome is not SlotOutcome.ANOTHER_PROCESS or app.runner.stop.is_set():
            return result
        pause = lease / _POLLS_PER_LEASE
        if waited < _WARN_AFTER_LEASES * lease <= waited + pause:
            log.warning(_WAITING, redacted(app.plant.store.url), job.name)
        app.runner.stop.wait(pause)
        waited += pause
