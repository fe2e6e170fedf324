"""`gatewatch once`: the jobs that are due, then the end."""

from __future__ import annotations

from monitor.runtime.app import App
from monitor.scheduling.runner import SlotOutcome, SlotResult
from monitor.store.rounds import begin_round, end_round


def once(app: App) -> dict[str, SlotResult]:
    """Run the newest due slot of each job in order, unless stopped; returns the results by job."""
    results: dict[str, SlotResult] = {}
    with app.store.write() as connection:
        begin_round(connection, app.clock.now())
    for job in app.jobs:
        if app.runner.stop.is_set():
            break
        slot = app.runner.catch_up(job)
        if slot is not None:
            results[job.name] = slot
    app.save_states()
    with app.store.write() as connection:
        end_round(connection, app.clock.now())
    return results


def failures(results: dict[str, SlotResult]) -> list[str]:
    """A sentence for each job that failed."""
    return [f"{name}: {slot.error}" for name, slot in results.items() if slot.outcome is SlotOutcome.FAILURE]
