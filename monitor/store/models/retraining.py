"""Requests to retrain, a row each from the asking to the end: what was decided, trained, compared and put in force."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import JsonObject
from monitor.model import RetrainingReason as Reason
from monitor.model import RetrainingState as State
from monitor.store.database import tables as t
from monitor.store.database.rows import fetched, selected
from monitor.store.database.statements import count, gauge, insert_new, tallied

OPEN = (State.REQUESTED, State.QUEUED, State.TRAINING)
MANUAL = "manual"
"""The cause where a person asked."""


def ask(connection: sa.Connection, gate: str, cause: str, key: str, now: datetime) -> None:
    """Make a request; one of that key stays as it is."""
    row = {
        "gate": gate, "key": key, "cause": cause, "requested_at": now, "state": State.REQUESTED,
        "reason": Reason.REQUESTED, "arrival": 0, "changes": 0, "mirrored": 0,
    }  # fmt: skip
    insert_new(connection, t.retraining, [row])
    _show(connection, gate)


class RetrainingRequest(NamedTuple):
    """A request. `arrival` and `changes` are frozen when it starts: rows up to there, and that model in force."""

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
    def began(self) -> datetime:
        """When it was started; ValueError where it was not."""
        if self.started_at is None:
            raise ValueError(f"request {self.key!r} was not started")
        return self.started_at


def rows(connection: sa.Connection, gate: str | None = None) -> list[RetrainingRequest]:
    """Every request, of one gate or of all, oldest first."""
    return _read(connection, *(() if gate is None else (t.retraining.c.gate == gate,)))


def row_of(connection: sa.Connection, key: str) -> RetrainingRequest:
    """The request of that key."""
    (row,) = _read(connection, t.retraining.c.key == key)
    return row


def unfinished(connection: sa.Connection) -> list[RetrainingRequest]:
    """What still waits or runs, and what ended without MLflow having been told; oldest first."""
    c = t.retraining.c
    untold = sa.and_(c.mirrored == 0, c.challenger != "")
    return _read(connection, c.state.in_(OPEN) | untold)


def started(connection: sa.Connection, since: datetime) -> list[RetrainingRequest]:
    """What was started over the whole plant: since then, or not yet ended."""
    c = t.retraining.c
    recent = (c.finished_at >= since) | (c.started_at >= since) | c.finished_at.is_(None)
    return _read(connection, c.started_at.is_not(None), recent)


def _read(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[RetrainingRequest]:
    query = selected(RetrainingRequest, t.retraining).where(*where).order_by(t.retraining.c.id)
    return list(fetched(connection, RetrainingRequest, query))


def change(connection: sa.Connection, row: RetrainingRequest, **values: object) -> None:
    """Write onto a request."""
    connection.execute(t.retraining.update().where(t.retraining.c.id == row.id).values(**values))
    _show(connection, row.gate)


def finish(
    connection: sa.Connection, row: RetrainingRequest, state: State, reason: Reason, now: datetime, **values: object
) -> None:
    """End a request, and count it under its reason."""
    change(connection, row, state=state, reason=reason, finished_at=now, **values)
    key = tallied("gatewatch_retraining_requests_total", gate=row.gate, state=state.value, reason=reason.value)
    count(connection, {key: 1})
    if row.started_at is not None or state is State.ROLLED_BACK:
        last = tallied("gatewatch_retraining_last_end_timestamp_seconds", gate=row.gate)
        gauge(connection, {last: now.timestamp()})


def rolled_back(connection: sa.Connection, gate: str, before: str, version: str, now: datetime) -> None:
    """Put on record that a person went back to a version; it ends like a retraining, and starts a cool-down."""
    key = f"rollback:{gate}:{now.isoformat()}"
    ask(connection, gate, MANUAL, key, now)
    row = row_of(connection, key)
    values = {"started_at": now, "decided_at": now, "champion": before, "challenger": version, "mirrored": 1}
    finish(connection, row, State.ROLLED_BACK, Reason.BY_A_PERSON, now, **values)


def _show(connection: sa.Connection, gate: str) -> None:
    """How many requests of the gate are open, for the metrics."""
    c = t.retraining.c
    states = connection.execute(
        sa.select(c.state, sa.func.count()).where(c.gate == gate, c.state.in_(OPEN)).group_by(c.state)
    )
    found = {state: int(n) for state, n in states}
    gauge(connection, {tallied("gatewatch_retraining_open", gate=gate, state=s): found.get(s, 0) for s in OPEN})
