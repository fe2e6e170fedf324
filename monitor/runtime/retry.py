"""`gatewatch quarantine retry`: another try of the rows in quarantine, under the leases of the pull jobs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from monitor.errors import FencedError
from monitor.jobs.pulling.pull import PullJob
from monitor.jobs.pulling.retrying import RetryCounts
from monitor.runtime.app import App
from monitor.scheduling.job import Run
from monitor.store.rows.refusals import ask_again, waiting_rows

_POLL_SECONDS = 0.2
_LONGEST_WAIT = timedelta(minutes=1)
"""For the next pull of a process that is alive; a source that is pulled less often is left to it."""


@dataclass
class Retried:
    """What came of a retry: rows asked for, taken in here, refused here by reason, tried by others, and waiting."""

    asked: int
    taken_in: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0
    waiting: int = 0


def retry(app: App, sources: Collection[str]) -> Retried:
    """Try every row of the sources again: here, or in the process that pulls them, for which this waits a while.

    Asking is on record before anything is tried, so that after a kill the next pull goes on with it.
    """
    with app.store.write() as connection:
        done = Retried(ask_again(connection, sources, app.clock.now()))
    for counts in _tried(app, sources):
        done.taken_in += counts.taken_in
        done.refused += counts.refused
    done.waiting = _waiting(app, sources)
    done.elsewhere = max(0, done.asked - done.taken_in - done.refused.total() - done.waiting)
    return done


def _tried(app: App, sources: Collection[str]) -> Iterator[RetryCounts]:
    pending = [job for job in app.jobs if isinstance(job, PullJob) and job.source_name in sources]
    until = time.monotonic() + _patience(app, pending)
    while _waiting(app, sources) and not app.runner.stop.is_set():
        for job in list(pending):
            counts = _try(app, job)
            if counts is not None:
                pending.remove(job)
                yield counts
        if not pending or time.monotonic() > until:
            return
        app.runner.stop.wait(_POLL_SECONDS)


def _try(app: App, job: PullJob) -> RetryCounts | None:
    """What came of it; None while another process pulls this."""
    lease = app.runner.lease(job)
    if lease is None:
        return None
    now = app.clock.now()
    try:
        return job.retry(Run(now, now, lease, partial(app.runner.beat, lease), app.runner.stop.is_set))
    except FencedError:
        return None


def _patience(app: App, pulls: Sequence[PullJob]) -> float:
    """Until a living process has pulled once more, or the lease of a dead one has run out."""
    longest = max((job.interval for job in pulls), default=_LONGEST_WAIT)
    pulled_again = longest if longest <= _LONGEST_WAIT else timedelta(0)
    return (pulled_again + app.plant.store.lease).total_seconds()


def _waiting(app: App, sources: Collection[str]) -> int:
    with app.store.read() as connection:
        return waiting_rows(connection, sources)
