"""History at full speed: every slot of every job in order of time, under a simulated clock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime

from monitor.clock import SimulatedClock
from monitor.runtime.app import App
from monitor.scheduling.job import Job
from monitor.scheduling.runner import SlotOutcome, SlotResult
from monitor.scheduling.slots import merged
from monitor.store.database.database import shown

log = logging.getLogger(__name__)

_WAITING = (
    "store %s: waiting for another process, which works at job %r; end it, or replay into a store of its own "
    "with --set store.url=..."
)
_PATIENCE = 3
"""Leases after which a wait is mentioned."""
_ASK = 33
"""So many times a lease the holder is asked for."""


def replay(
    app: App, clock: SimulatedClock, start: datetime, end: datetime, before: Callable[[datetime], object] | None = None
) -> Iterator[tuple[datetime, str, SlotResult]]:
    """Run every slot in (start, end] through the same jobs as `gatewatch run`; yields each with what became of it.

    `before` is called when the clock has moved, ahead of the slots of that instant. A slot that was served before,
    by this or another process, is not served again.
    """
    jobs = {job.name: job for job in app.jobs}
    moved: datetime | None = None
    for slot, name in merged({name: job.interval for name, job in jobs.items()}, start, end):
        if app.runner.stop.is_set():
            break
        if slot != moved:
            clock.move_to(slot)
            moved = slot
            if before is not None:
                before(slot)
        yield slot, name, _in_turn(app, jobs[name], slot)
    app.save_states()


def _in_turn(app: App, job: Job, slot: datetime) -> SlotResult:
    """Run a slot. While another process works at the job, wait for it: history has an order.

    A holder that is alive renews its lease and ends the wait by serving the slot or letting go; the lease of a dead one
    runs out. Either way no time limit is needed, only a word to the person who waits.
    """
    lease = app.plant.store.lease.total_seconds()
    waited = 0.0
    while True:
        done = app.runner.run(job, slot)
        if done.outcome is not SlotOutcome.ANOTHER_PROCESS or app.runner.stop.is_set():
            return done
        if waited < _PATIENCE * lease <= waited + lease / _ASK:
            log.warning(_WAITING, shown(app.plant.store.url), job.name)
        app.runner.stop.wait(lease / _ASK)
        waited += lease / _ASK
