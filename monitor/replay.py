"""History at full speed: every slot of every job in order of time, under a simulated clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.runner import Slot
from monitor.schedule import every, merged


def replay(
    app: App, clock: SimulatedClock, start: datetime, end: datetime, before: Callable[[datetime], object] | None = None
) -> Iterator[tuple[datetime, str, Slot]]:
    """Run every slot in (start, end] through the same jobs as `gatewatch run`; yields each with what became of it.

    `before` is called when the clock has moved, ahead of the slots of that instant. A slot that was served before,
    by this or another process, is not served again.
    """
    jobs = {job.name: job for job in app.jobs}
    moved: datetime | None = None
    for slot, name in merged({n: every(j.interval) for n, j in jobs.items()}, start, end):
        if app.runner.stop.is_set():
            break
        if slot != moved:
            clock.move_to(slot)
            moved = slot
            if before is not None:
                before(slot)
        yield slot, name, app.runner.run(jobs[name], slot)
    app.save_states()
