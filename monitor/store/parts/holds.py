"""The holds that wait: parts that a gate held and of which nothing has been heard since."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import Verdict
from monitor.store.database import tables as t
from monitor.store.database.rows import fetch_rows
from monitor.store.parts.lists import kinds_of

HELD_FOR = timedelta(days=30)
"""An older hold no longer waits: nobody is going to decide on that part."""
MOST_HOLDS = 1000
"""Newest holds of a gate and reason that are looked at, so that a gate that holds every part costs no more."""


class WaitingHold(NamedTuple):
    """A hold that waits. `at` is when the part passed the step, `on_hold` the step's procedure."""

    serial: str
    step: str
    visit: int
    gate: str
    reason: str
    on_hold: str
    decided_at: datetime
    at: datetime


def waiting_holds(connection: sa.Connection, now: datetime) -> list[WaitingHold]:
    """The parts whose newest decision is a hold, without a disposition, outcome or passage since; oldest first.

    Of each gate and reason the newest `MOST_HOLDS` holds of the last `HELD_FOR` are looked at.
    """
    rows: list[WaitingHold] = []
    for gate, reason in kinds_of(connection, Verdict.HOLD):
        rows += fetch_rows(connection, WaitingHold, _waiting(gate, reason, now - HELD_FOR))
    return sorted(rows, key=lambda row: (row.decided_at, row.at, row.serial))


def _waiting(gate: str, reason: str, since: datetime) -> sa.Select[tuple[object, ...]]:
    d = t.decision.c
    kind = (d.verdict == Verdict.HOLD.value, d.gate == gate, d.reason == reason, d.at > since)
    # Limited before the other tables are asked, each of them by the serial number.
    newest = sa.select(t.decision).where(*kind).order_by(d.at.desc()).limit(MOST_HOLDS).subquery()
    n, p, other = newest.c, t.part_step.c, t.decision.alias().c
    later = [
        sa.select(t.disposition.c.arrival).where(t.disposition.c.serial == n.serial, t.disposition.c.at >= n.at),
        sa.select(t.outcome.c.arrival).where(t.outcome.c.serial == n.serial, t.outcome.c.at >= n.at),
        sa.select(p.arrival).where(p.serial == n.serial, _is_later(p, n), p.revision == 0),
        sa.select(other.arrival).where(other.serial == n.serial, _is_later(other, n)),
    ]
    return sa.select(*(n[name] for name in WaitingHold._fields)).where(*(~one.exists() for one in later))


def _is_later(row: sa.sql.ColumnCollection[str, sa.Column[object]], hold: object) -> sa.ColumnElement[bool]:
    """Whether a passage, or the decision on one, is after that of a hold; of the same instant the later arrival."""
    at, arrival = hold.at, hold.arrival  # type: ignore[attr-defined]
    return sa.or_(row.at > at, sa.and_(row.at == at, row.arrival > arrival))
