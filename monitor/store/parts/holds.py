"""The holds that wait: parts that a gate held and of which nothing has been heard since."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import Verdict
from monitor.store.database import tables as t
from monitor.store.parts.lists import kinds_of

HELD_FOR = timedelta(days=30)
"""An older hold no longer waits: nobody is going to decide on that part."""
MOST_HOLDS = 500
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
        given = {"gate": gate, "reason": reason, "since": now - HELD_FOR}
        rows += map(WaitingHold._make, connection.execute(_waiting(), given))
    return sorted(rows, key=lambda row: (row.decided_at, row.at, row.serial))


@cache
def _waiting() -> sa.Select[tuple[object, ...]]:
    """The holds of a `gate` and `reason` after `since` that wait; made once, for it is asked at every scrape."""
    d = t.decision.c
    since: sa.BindParameter[datetime] = sa.bindparam("since")
    kind = (d.verdict == Verdict.HOLD.value, d.gate == sa.bindparam("gate"), d.reason == sa.bindparam("reason"))
    # Limited before the other tables are asked, each of them by the serial number.
    columns = [d[name] for name in (*WaitingHold._fields, "arrival")]
    newest = sa.select(*columns).where(*kind, d.at > since).order_by(d.at.desc()).limit(MOST_HOLDS).subquery()
    n, o, disposed, passed, other = newest.c, t.outcome.c, t.disposition.c, t.part_step, t.decision.alias()
    since_then = [
        sa.select(disposed.arrival).where(disposed.serial == n.serial, disposed.at >= n.at),
        sa.select(o.arrival).where(o.serial == n.serial, o.at >= n.at),
        sa.select(passed.c.arrival).where(_is_later(passed, newest), passed.c.revision == 0),
        sa.select(other.c.arrival).where(_is_later(other, newest)),
    ]
    return sa.select(*(n[name] for name in WaitingHold._fields)).where(*(~one.exists() for one in since_then))


def _is_later(rows: sa.FromClause, holds: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a passage of the held part, or the decision on one, is later; of the same instant by arrival."""
    row, hold = rows.c, holds.c
    later = sa.or_(row.at > hold.at, sa.and_(row.at == hold.at, row.arrival > hold.arrival))
    return sa.and_(row.serial == hold.serial, later)
