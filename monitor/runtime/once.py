"""`gatewatch once`: the jobs that are due, then the end."""

from __future__ import annotations

from monitor.runtime.app import App
from monitor.scheduling.runner import SlotOutcome, SlotResult


def once(app: App) -> dict[str, SlotResult]:
    """Run the newest due slot of each job in order, unless stopped; returns the results by job."""
    results: dict[str, SlotResult] = {}
    for job in app.jobs:
        if app.runner.stop.is_set():
            break
        slot = app.runner.catch_up(job)
        if slot is not None:
            results[job.name] = slot
    app.save_states()
    return results


def failures(results: dict[str, SlotResult]) -> list[str]:
    """A sentence for each job that failed."""
    return [f"{name}: {slot.error}" for name, slot in results.items() if slot.outcome is SlotOutcome.FAILURE]
