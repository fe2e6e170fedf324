"""Requests to retrain, a row each from the asking to the end: what was decided, trained, compared and put in force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.model import RetrainingReason as Reason
from monitor.model import RetrainingState as State
from monitor.store.database import tables as t
from monitor.store.database.statements import count, gauge, insert_new, tallied

OPEN = (State.REQUESTED, State.QUEUED, State.TRAINING)
MANUAL = "manual"
"""The cause where a person asked."""


def ask(connection: sa.Connection, gate: str, cause: str, key: str, now: datetime) -> None:
    """Make a request; one of that key stays as it is."""
    row = {
        "gate": gate, "key": key, "cause": cause, "requested_at": now, "state": State.REQUESTED.value,
        "reason": Reason.REQUESTED.value, "arrival": 0, "changes": 0, "mirrored": 0,
    }  # fmt: skip
    insert_new(connection, t.retraining, [row])
    _show(connection, gate)


def rows(connection: sa.Connection, gate: str | None = None) -> list[Any]:
    """Every request, oldest first."""
    query = sa.select(t.retraining).order_by(t.retraining.c.id)
    return list(connection.execute(query if gate is None else query.where(t.retraining.c.gate == gate)))


def row_of(connection: sa.Connection, key: str) -> Any:
    """The request of that key."""
    return connection.execute(sa.select(t.retraining).where(t.retraining.c.key == key)).one()


def unfinished(connection: sa.Connection) -> list[Any]:
    """What still waits or runs, and what ended without MLflow having been told; oldest first."""
    c = t.retraining.c
    untold = sa.and_(c.mirrored == 0, c.challenger != "")
    query = sa.select(t.retraining).where(c.state.in_([s.value for s in OPEN]) | untold)
    return list(connection.execute(query.order_by(c.id)))


def started(connection: sa.Connection, since: datetime) -> list[Any]:
    """What was started over the whole plant: since then, or not yet ended."""
    c = t.retraining.c
    recent = (c.finished_at >= since) | (c.started_at >= since) | c.finished_at.is_(None)
    return list(connection.execute(sa.select(t.retraining).where(c.started_at.is_not(None), recent)))


def firing(connection: sa.Connection, names: Sequence[str]) -> list[Any]:
    """Alerts of these names that fire now, oldest first; one that only says that nothing is known is no cause."""
    c = t.alert.c
    query = sa.select(t.alert).where(
        c.name.in_(names), c.condition == "breach", c.fired_at.is_not(None), c.ended_at.is_(None)
    )
    return list(connection.execute(query.order_by(c.id)))


def change(connection: sa.Connection, row: Any, **values: Any) -> None:
    """Write onto a request; an enum as its word."""
    plain = {name: value.value if isinstance(value, State | Reason) else value for name, value in values.items()}
    connection.execute(t.retraining.update().where(t.retraining.c.id == row.id).values(**plain))
    _show(connection, row.gate)


def finish(connection: sa.Connection, row: Any, state: State, reason: Reason, now: datetime, **values: Any) -> None:
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
        sa.select(c.state, sa.func.count())
        .where(c.gate == gate, c.state.in_([s.value for s in OPEN]))
        .group_by(c.state)
    )
    found = {state: int(n) for state, n in states}
    gauge(
        connection,
        {tallied("gatewatch_retraining_open", gate=gate, state=s.value): found.get(s.value, 0) for s in OPEN},
    )
