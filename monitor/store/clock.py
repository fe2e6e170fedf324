"""Times in the store that a clock wrote which was ahead: they are found, brought back, and the step is recorded once.

A slot, a pause or a cooldown from the future would hold up work until the real time has passed it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from monitor.instants import EPOCH
from monitor.store.database import tables as t
from monitor.store.database.statements import add_counts, set_gauges, tally_key
from monitor.store.rows.kinds import KINDS

_SAME = timedelta(minutes=1)
"""Two processes that notice a step within this time notice the same one."""
_LONGEST_PAUSE = timedelta(minutes=5)
"""No message waits longer than this for its next attempt."""
_REREAD = timedelta(days=1)
"""How far a source is read again whose cursor was in the future: its rows were read up to an instant that is lost."""

_LAST_STEP = tally_key("gatewatch_clock_last_step_seconds")
_LAST_STEP_AT = tally_key("gatewatch_clock_last_step_timestamp_seconds")


def newest_instant(connection: sa.Connection) -> datetime | None:
    """The newest time that the clock had when something was written; None for a new store."""
    pending = t.outbox.c.status == "pending"
    queries = [
        sa.select(sa.func.max(t.job.c.last_slot)), sa.select(sa.func.max(t.job.c.last_started_at)),
        sa.select(sa.func.max(t.cursor.c.updated_at)), sa.select(sa.func.max(t.notification.c.at)),
        sa.select(sa.func.max(t.plant_file.c.since)), sa.select(sa.func.max(t.retraining.c.requested_at)),
        sa.select(sa.func.max(t.retraining.c.finished_at)), sa.select(sa.func.max(t.alert.c.ended_at)),
        sa.select(sa.func.max(t.alert.c.since)).where(t.alert.c.ended_at.is_(None), t.alert.c.origin == "embedded"),
        sa.select(sa.func.max(t.outbox.c.created_at)).where(pending),
    ]  # fmt: skip
    found = [connection.scalar(query) for query in queries]
    retry = connection.scalar(sa.select(sa.func.max(t.outbox.c.next_at)).where(pending))
    found.append(None if retry is None else retry - _LONGEST_PAUSE)
    return max((at for at in found if at is not None), default=None)


def settle(
    connection: sa.Connection, now: datetime, tolerance: timedelta, step: timedelta | None = None, *, tell: bool = True
) -> timedelta | None:
    """Bring back times later than `now`, and record the step of the clock; returns it, None if there is none to tell.

    `step` is what this process noticed itself; without it, a time in the store beyond the tolerance shows the step,
    unless `tell` is false.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(727273)")
    newest = newest_instant(connection)
    if newest is not None and newest > now + tolerance:
        _bring_back(connection, now, tolerance)
        step = step or (now - newest if tell else None)
    if step is None or _is_recorded(connection, step, now):
        return None
    direction = "back" if step < timedelta(0) else "forward"
    add_counts(connection, {tally_key("gatewatch_clock_steps_total", direction=direction): 1})
    set_gauges(connection, {_LAST_STEP: step.total_seconds(), _LAST_STEP_AT: now.timestamp()})
    return step


def _is_recorded(connection: sa.Connection, step: timedelta, now: datetime) -> bool:
    last, at = (_gauge(connection, name) for name, _ in (_LAST_STEP, _LAST_STEP_AT))
    if last is None or at is None or (last < 0) != (step < timedelta(0)):
        return False
    return abs(now - datetime.fromtimestamp(at, UTC)) < _SAME


def _gauge(connection: sa.Connection, name: str) -> float | None:
    value: float | None = connection.scalar(sa.select(t.tally.c.value).where(t.tally.c.name == name))
    return value


def _bring_back(connection: sa.Connection, now: datetime, tolerance: timedelta) -> None:
    slot = t.job.c.last_slot
    # No slot at all: the newest one is run at once, for it may not have been.
    connection.execute(t.job.update().where(slot > now + tolerance).values(last_slot=None))
    for column, *where in _clamped():
        connection.execute(column.table.update().where(column > now, *where).values({column.name: now}))
    _bring_back_plant_files(connection, now)
    for cursor in connection.execute(sa.select(t.cursor).where(t.cursor.c.position > now)).all():
        same = [c == getattr(cursor, c.name) for c in t.cursor.primary_key]
        position = _readable(connection, cursor.source, now) if cursor.source else None
        connection.execute(t.cursor.update().where(*same).values(position=position))
    # What was judged of the future is judged again when its time has come, and the present is not too late for it.
    connection.execute(t.judged.delete().where(t.judged.c.until > now))
    connection.execute(t.detector_state.delete().where(t.detector_state.c.until > now))
    # What was taken over for rows of the future is taken over again when they are judged.
    connection.execute(t.borrowed_baseline.delete().where(t.borrowed_baseline.c.until > now))
    # What was learnt until then stays forgotten.
    f, j = t.forgotten_baseline, t.judged.c
    judged = sa.select(sa.func.max(j.until)).where(j.machine == f.c.machine).scalar_subquery()
    connection.execute(f.update().where(f.c.until > now).values(until=sa.func.coalesce(judged, EPOCH), at=now))


def _clamped() -> Iterator[tuple[sa.Column[datetime], *tuple[sa.ColumnElement[bool], ...]]]:
    """Times that hold something up while they are in the future, with conditions."""
    a, r, o = t.alert.c, t.retraining.c, t.outbox.c
    yield from ((t.job.c[name],) for name in ("last_started_at", "last_success_at"))
    yield from ((t.cursor.c.updated_at,), (t.notification.c.at,))
    yield from ((a[name], a.origin == "embedded") for name in ("since", "fired_at", "kept_since"))
    yield from ((a[name],) for name in ("ended_at", "seen_at"))
    yield from ((o[name], o.status == "pending") for name in ("created_at", "next_at"))
    yield from ((r[name],) for name in ("requested_at", "decided_at", "finished_at", "ready_at"))
    # The rows that a training in progress uses were chosen by its start.
    yield r.started_at, r.finished_at.is_not(None)
    yield from ((t.model_version.c[name],) for name in ("trained_at", "ready_at"))
    yield (t.model_in_force.c.since,)


def _bring_back_plant_files(connection: sa.Connection, now: datetime) -> None:
    """In their order: the newest is the one in force."""
    c = t.plant_file.c
    digests = connection.execute(sa.select(c.digest).where(c.since > now).order_by(c.since.desc())).scalars().all()
    for n, digest in enumerate(digests):
        connection.execute(
            t.plant_file.update().where(c.digest == digest).values(since=now - n * timedelta(microseconds=1))
        )


def _readable(connection: sa.Connection, source: str, now: datetime) -> datetime | None:
    """Where to go on reading a source: well before its newest row that is not in the future; None without one."""
    tables = list(KINDS.values())
    newest = (sa.select(sa.func.max(x.c.at)).where(x.c.source == source, x.c.at <= now) for x in tables)
    found = [at for query in newest if (at := connection.scalar(query)) is not None]
    return min(max(found), now - _REREAD) if found else None
