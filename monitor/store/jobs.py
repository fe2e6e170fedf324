"""The last slot of each job, and every run on record."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new, upsert


class JobRun(NamedTuple):
    """The run of a slot; counts are of this run.

    `source`, `partition` and `gate` are those of the job, '' if it has none; a job with a partition is a pull.
    `unreadable` is why the source could not be read, '' if it could.
    """

    name: str
    source: str
    partition: str
    gate: str
    slot: datetime
    started_at: datetime
    duration_seconds: float
    result: str
    good: bool
    rows: int
    lag: timedelta | None
    missed_slots: int
    error: str | None
    unreadable: str


def last_slot(connection: sa.Connection, name: str) -> datetime | None:
    """The newest slot that the job ran; None before the first."""
    return connection.execute(sa.select(t.job.c.last_slot).where(t.job.c.name == name)).scalar_one_or_none()


class PullProgress(NamedTuple):
    """How far a pull has come: its newest success, the position of its cursor, and whether its last run failed."""

    last_success_at: datetime | None = None
    position: datetime | None = None
    failing: bool = False


def pull_progress(connection: sa.Connection, names: Collection[str]) -> dict[str, PullProgress]:
    """By name how far these pulls have come; those that never ran are left out."""
    j, c = t.job.c, t.cursor.c
    query = (
        sa.select(j.name, j.last_success_at, c.position, j.result)
        .select_from(t.job.outerjoin(t.cursor, c.job == j.name))
        .where(j.name.in_(names))
    )
    return {
        name: PullProgress(at, position, result != "success")
        for name, at, position, result in connection.execute(query)
    }


def newest_slot(connection: sa.Connection) -> datetime | None:
    """The newest slot that any job ran; None before the first."""
    slot: datetime | None = connection.execute(sa.select(sa.func.max(t.job.c.last_slot))).scalar_one_or_none()
    return slot


def record_run(connection: sa.Connection, run: JobRun) -> None:
    """Record a run and add it to the job's counts; an already recorded slot stays unchanged."""
    row: dict[str, object] = {
        "name": run.name, "source": run.source, "partition": run.partition, "gate": run.gate, "last_slot": run.slot,
        "last_started_at": run.started_at, "result": run.result, "duration_seconds": run.duration_seconds,
        "rows": run.rows, "missed_slots": run.missed_slots, "runs": 1, "failures": int(not run.good),
        "error": run.error, "unreadable": run.unreadable,
    }  # fmt: skip
    if run.good:
        lag = None if run.lag is None else run.lag.total_seconds()
        row |= {"last_success_at": run.started_at, "lag_seconds": lag}
    upsert(connection, t.job, [row], add=("rows", "missed_slots", "runs", "failures"))
    values = {name: row[name] for name in ("result", "duration_seconds", "rows", "error")}
    insert_new(connection, t.job_run, [{**values, "job": run.name, "slot": run.slot, "started_at": run.started_at}])
