"""`gatewatch machine forget`: a machine's baseline starts anew, under the lease of the job that judges it."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from monitor.errors import FencedError, StoreError, StoreReason, UsageError
from monitor.jobs.detect import Asked, DetectJob, detect_jobs
from monitor.plant.plant import Plant
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease, release, take_over
from monitor.store.rows.forgotten import ForgottenBaseline

_ATTEMPTS = 3
"""Another process takes the lease back if rebuilding the states takes longer than it lasts."""


def forget_baseline(store: Store, plant: Plant, asked: Asked, now: datetime) -> ForgottenBaseline:
    """Forget at once, also while another process runs the plant: its lease is taken over.

    What that one was about to commit is refused, and its next slot starts from the states that are saved here.
    """
    job = _job_of(store, plant, asked.machine)
    for _ in range(_ATTEMPTS):
        with _lease(store, plant, job) as lease:
            try:
                return job.start_anew(asked, now, lease)
            except FencedError:
                continue
    raise StoreError(
        f"machine {asked.machine!r}: another process took over job {job.name!r} {_ATTEMPTS} times meanwhile; "
        "nothing was forgotten, try again",
        StoreReason.FENCED,
    )


def _job_of(store: Store, plant: Plant, machine: str) -> DetectJob:
    if machine not in plant.machines:
        names = ", ".join(plant.machines) or "none"
        raise UsageError(f"machine {machine!r}: the plant file has no such machine; it has {names}")
    for job in detect_jobs(store, plant):
        if job.watches(machine):
            return job
    raise UsageError(f"machine {machine!r}: no source gives readings of its sensors, so there is no baseline to forget")


@contextmanager
def _lease(store: Store, plant: Plant, job: DetectJob) -> Iterator[Lease]:
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    lease = take_over(store, job.name, holder, plant.store.lease.total_seconds())
    try:
        yield lease
    finally:
        release(store, [lease])
