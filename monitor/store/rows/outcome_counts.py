"""Counts of a characteristic's outcomes: how many there are, how new, and how many belong to no passage."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import chunked
from monitor.store.database.statements import unindexed
from monitor.store.rows.outcomes import is_usable

FIRST_TAKES = timedelta(days=4)
"""How long the first outcome of a gate may take: the delay of outcomes is not known before it."""


class VerdictOutcome(NamedTuple):
    """The first outcome of a part, and what a gate recommended last before it."""

    arrival: int
    at: datetime
    value: float
    verdict: str


def verdict_outcomes(
    connection: sa.Connection, gate: str, characteristic: str, after: int, most: int
) -> tuple[list[VerdictOutcome], int]:
    """The decided ones of the next `most` first outcomes after an arrival number, and how far these reach.

    The arrival number of the last one that was looked at; `after` without any.
    """
    o, d = t.outcome.c, t.decision.c
    of_characteristic = unindexed(o.characteristic) == characteristic
    first = sa.select(o.arrival, o.serial, o.at, o.value).where(o.arrival > after, of_characteristic, o.revision == 0)
    rows = connection.execute(first.where(is_usable(o.value)).order_by(o.arrival).limit(most)).all()
    decided: dict[str, list[tuple[datetime, str]]] = {}
    for chunk in chunked(dict.fromkeys(row.serial for row in rows)):
        query = sa.select(d.serial, d.at, d.verdict).where(d.serial.in_(chunk), unindexed(d.gate) == gate)
        for serial, at, verdict in connection.execute(query):
            decided.setdefault(serial, []).append((at, verdict))
    found = []
    for row in rows:
        before = [one for one in decided.get(row.serial, ()) if one[0] <= row.at]
        if before:
            found.append(VerdictOutcome(row.arrival, row.at, row.value, max(before)[1]))
    return found, rows[-1].arrival if rows else after


def unmatched_outcomes(
    connection: sa.Connection, characteristic: str, step: str, now: datetime, newest: int
) -> tuple[int, int]:
    """How many of the newest outcomes belong to no passage of the step, and how many were looked at.

    An outcome belongs to its part's last passage at or before its own time; without one it has no effect.
    """
    wanted = {"characteristic": characteristic, "step": step, "now": now}
    total, found = connection.execute(_matched(newest), wanted).one()
    return int(total) - int(found), int(total)


@cache
def _matched(newest: int) -> sa.Select[Any]:
    """How many of the newest outcomes there are, and how many of these belong to a passage."""
    o, p = t.outcome.c, t.part_step.c
    by_now = o.available_at <= sa.bindparam("now", type_=o.available_at.type)
    wanted = o.characteristic == sa.bindparam("characteristic"), is_usable(o.value), by_now
    ordered = sa.select(o.serial, o.at).where(*wanted).order_by(o.available_at.desc(), o.arrival.desc())
    looked_at = ordered.limit(newest).subquery()
    # Read by the index of serials: that of steps and times holds every part of the step.
    of_step = unindexed(p.step) == sa.bindparam("step")
    passage = (p.serial == looked_at.c.serial, of_step, p.at <= looked_at.c.at)
    matched = sa.exists(sa.select(p.arrival).where(*passage))
    count = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(sa.case((matched, 1), else_=0)), 0))
    return count.select_from(looked_at)


def newest_available(connection: sa.Connection, characteristic: str, now: datetime) -> datetime | None:
    """When the newest outcome became available; None before the first."""
    o = t.outcome.c
    query = sa.select(o.available_at).where(o.characteristic == characteristic, o.available_at <= now)
    at: datetime | None = connection.scalar(query.order_by(o.available_at.desc()).limit(1))
    return at


def behind_decisions(connection: sa.Connection, gate: str, newest: datetime | None) -> timedelta:
    """For how long the gate has decided without a new outcome, up to its newest decision.

    Since its first decision after the newest outcome, for a line may have stood still; before the first outcome, since
    that was due.
    """
    d = t.decision.c
    query = sa.select(sa.func.min(d.at), sa.func.max(d.at)).where(d.gate == gate)
    first: datetime | None
    last: datetime | None
    first, last = connection.execute(query if newest is None else query.where(d.at > newest)).one()
    if first is None or last is None:
        return timedelta(0)
    return max(last - (first + FIRST_TAKES if newest is None else first), timedelta(0))
