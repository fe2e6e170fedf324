"""Retraining requests, one row each: what was requested, decided, trained, compared and put in force."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.model import JsonObject
from monitor.model import RetrainingReason as Reason
from monitor.model import RetrainingState as State
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.database.rows import fetch_rows, select_columns
from monitor.store.database.statements import add_counts, set_gauges, tally_key

OPEN = (State.REQUESTED, State.QUEUED, State.TRAINING)
MANUAL = "manual"
"""The cause of a request made by a person."""


def add_request(connection: sa.Connection, gate: str, cause: str, key: str, now: datetime) -> None:
    """Add a request; an existing one of that key stays unchanged."""
    row = {
        "gate": gate, "key": key, "cause": cause, "requested_at": now, "state": State.REQUESTED,
        "reason": Reason.REQUESTED, "arrival": 0, "changes": 0, "mirrored": 0,
    }  # fmt: skip
    insert_new(connection, t.retraining, [row])
    _set_open_gauges(connection, gate)


class RetrainingRequest(NamedTuple):
    """A request. `arrival` and `changes` are frozen at its start: the last row to use, and the model in force."""

    id: int
    gate: str
    key: str
    cause: str
    requested_at: datetime
    state: State
    reason: Reason
    decided_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    arrival: int
    changes: int
    data_digest: str
    champion: str
    challenger: str
    ready_at: datetime | None
    comparison: JsonObject | None
    mirrored: int

    @property
    def start_time(self) -> datetime:
        """When it was started; ValueError if it was not."""
        if self.started_at is None:
            raise ValueError(f"request {self.key!r} was not started")
        return self.started_at


def list_requests(connection: sa.Connection, gate: str | None = None) -> list[RetrainingRequest]:
    """Every request, of one gate or of all, oldest first."""
    return _read(connection, *(() if gate is None else (t.retraining.c.gate == gate,)))


def request_by_key(connection: sa.Connection, key: str) -> RetrainingRequest:
    """The request of that key."""
    (row,) = _read(connection, t.retraining.c.key == key)
    return row


def unfinished(connection: sa.Connection) -> list[RetrainingRequest]:
    """Requests that are open, or ended without being mirrored to MLflow; oldest first."""
    return list(fetch_rows(connection, RetrainingRequest, _unfinished()))


@cache
def _unfinished() -> sa.Select[Any]:
    c = t.retraining.c
    unmirrored = sa.and_(c.mirrored == 0, c.challenger != "")
    return select_columns(RetrainingRequest, t.retraining).where(c.state.in_(OPEN) | unmirrored).order_by(c.id)


def started_since(connection: sa.Connection, since: datetime) -> list[RetrainingRequest]:
    """Requests of the whole plant that started or ended since then, or are still running."""
    c = t.retraining.c
    recent = (c.finished_at >= since) | (c.started_at >= since) | c.finished_at.is_(None)
    return _read(connection, c.started_at.is_not(None), recent)


def _read(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[RetrainingRequest]:
    query = select_columns(RetrainingRequest, t.retraining).where(*where).order_by(t.retraining.c.id)
    return list(fetch_rows(connection, RetrainingRequest, query))


def update_request(connection: sa.Connection, row: RetrainingRequest, **values: object) -> None:
    """Update columns of a request."""
    connection.execute(t.retraining.update().where(t.retraining.c.id == row.id).values(**values))
    _set_open_gauges(connection, row.gate)


def finish_request(
    connection: sa.Connection, row: RetrainingRequest, state: State, reason: Reason, now: datetime, **values: object
) -> None:
    """End a request, and count it under its reason."""
    update_request(connection, row, state=state, reason=reason, finished_at=now, **values)
    key = tally_key("gatewatch_retraining_requests_total", gate=row.gate, state=state.value, reason=reason.value)
    add_counts(connection, {key: 1})
    if row.started_at is not None or state is State.ROLLED_BACK:
        last = tally_key("gatewatch_retraining_last_end_timestamp_seconds", gate=row.gate)
        set_gauges(connection, {last: now.timestamp()})


def record_rollback(connection: sa.Connection, gate: str, before: str, version: str, now: datetime) -> None:
    """Record that a person rolled back to a version; like the end of a retraining, it starts a cooldown."""
    key = f"rollback:{gate}:{now.isoformat()}"
    add_request(connection, gate, MANUAL, key, now)
    row = request_by_key(connection, key)
    values = {"started_at": now, "decided_at": now, "champion": before, "challenger": version, "mirrored": 1}
    finish_request(connection, row, State.ROLLED_BACK, Reason.BY_A_PERSON, now, **values)


def _set_open_gauges(connection: sa.Connection, gate: str) -> None:
    """Set the gauges of open requests of the gate."""
    c = t.retraining.c
    rows = connection.execute(
        sa.select(c.state, sa.func.count()).where(c.gate == gate, c.state.in_(OPEN)).group_by(c.state)
    )
    counts = {state: int(n) for state, n in rows}
    set_gauges(connection, {tally_key("gatewatch_retraining_open", gate=gate, state=s): counts.get(s, 0) for s in OPEN})
