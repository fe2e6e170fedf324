"""Runs of `gatewatch once`: how far apart they are, so that a job that waits for the next one is not overdue."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.statements import set_gauges, tally_key

_INTERVAL = tally_key("gatewatch_once_interval_seconds")
_START = tally_key("gatewatch_once_last_start_timestamp_seconds")
_END = tally_key("gatewatch_once_last_end_timestamp_seconds")


def begin_round(connection: sa.Connection, now: datetime) -> None:
    """Record the time since the last round began; 0 if that is not known, or if another process ran jobs since."""
    rows = connection.execute(sa.select(t.tally.c.name, t.tally.c.value).where(_OURS)).all()
    last = {row.name: row.value for row in rows}
    started, ended = last.get(_START[0]), last.get(_END[0])
    newest: datetime | None = connection.scalar(sa.select(sa.func.max(t.job.c.last_started_at)))
    alone = ended is not None and newest is not None and newest.timestamp() <= ended
    interval = max(now.timestamp() - started, 0.0) if alone and started is not None else 0.0
    set_gauges(connection, {_INTERVAL: interval, _START: now.timestamp()})


def end_round(connection: sa.Connection, now: datetime) -> None:
    """Record that a round ended."""
    set_gauges(connection, {_END: now.timestamp()})


def end_rounds(connection: sa.Connection) -> None:
    """Record that jobs no longer wait for rounds: a process runs them at their slots."""
    set_gauges(connection, {_INTERVAL: 0.0})


_OURS = t.tally.c.name.in_([_START[0], _END[0]])
