"""What is due, then the end."""

from __future__ import annotations

from monitor.runtime.app import App
from monitor.scheduling.runner import Ran, Slot


def once(app: App) -> dict[str, Slot]:
    """Run the newest due slot of each job in order, until told to stop; what became of each that was due."""
    done: dict[str, Slot] = {}
    for job in app.jobs:
        if app.runner.stop.is_set():
            break
        slot = app.runner.catch_up(job)
        if slot is not None:
            done[job.name] = slot
    app.save_states()
    return done


def failures(done: dict[str, Slot]) -> list[str]:
    """A sentence for each job that failed."""
    return [f"{name}: {slot.error}" for name, slot in done.items() if slot.ran is Ran.FAILURE]
