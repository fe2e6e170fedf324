"""History at full speed: every slot of every job in order of time, under a simulated clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from monitor.clock import SimulatedClock
from monitor.errors import StoreError, StoreReason
from monitor.runtime.app import App
from monitor.scheduling.job import Job
from monitor.scheduling.runner import SlotOutcome, SlotResult
from monitor.scheduling.slots import merged
from monitor.store.database.database import shown


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
    """Run a slot; where another process holds the job, wait until it ends or goes silent, for history has an order."""
    patience = 3 * app.plant.store.lease.total_seconds()
    waited = 0.0
    while True:
        done = app.runner.run(job, slot)
        if done.ran is not SlotOutcome.ANOTHER_PROCESS or app.runner.stop.is_set():
            return done
        if waited > patience:
            raise StoreError(
                f"store {shown(app.plant.store.url)}: another process works at job {job.name!r}; "
                "end it, or replay into a store of its own with --set store.url=…",
                StoreReason.LOCKED,
            )
        app.runner.stop.wait(patience / 100)
        waited += patience / 100
