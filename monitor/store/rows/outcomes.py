"""Outcomes of parts, and the decisions they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.store.database import tables as t


def newest_outcome(connection: sa.Connection) -> int:
    """The arrival number of the newest outcome; 0 where there is none."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(t.outcome.c.arrival), 0))).scalar_one())


def _newest_outcomes(characteristic: str, since: datetime, now: datetime, rows: int) -> sa.Subquery:
    """What no decision since then could have been about is left out. Limited here, so that it is read by its index."""
    o = t.outcome.c
    known = (o.characteristic == characteristic, o.value.is_not(None), o.available_at > since, o.available_at <= now)
    query = sa.select(o.serial, o.value, o.available_at, o.at, o.revision).where(*known)
    return query.order_by(o.available_at.desc(), o.arrival.desc()).limit(rows).subquery()


def _decided_on(outcomes: sa.Subquery, gate: str, characteristic: str, used: Any) -> sa.Select[Any]:
    o, d, p = outcomes.c, t.decision.c, t.part_step.c
    columns = (*o, d.predicted, d.lower, d.upper, d.decided_at, d.arrival, p.machine, p.recipe)
    return (
        sa.select(*columns)
        .join(t.decision, d.serial == o.serial)
        .join(t.part_step, p.arrival == d.arrival)
        .where(
            d.gate == gate, d.characteristic == characteristic, d.version == used.version,
            d.model_digest == used.digest, d.predicted.is_not(None), d.distance <= d.distance_limit,
        )
        .order_by(o.available_at.desc(), o.at.desc(), o.revision.desc(), d.arrival.desc(), o.serial)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownOutcome:
    """The last word on a part's characteristic, and when a first one was available."""

    value: float
    first_known_at: datetime


def outcomes(
    connection: sa.Connection, characteristic: str, now: datetime, newest: int, arrival: int | None = None
) -> dict[str, KnownOutcome]:
    """What was known by `now`, in rows up to `arrival` if given, of the newest parts."""
    o = t.outcome.c
    known = _known(characteristic, now)
    if arrival is not None:
        known = (*known, o.arrival <= arrival)
    last = sa.func.max(o.at)
    parts = (
        sa.select(o.serial, last.label("at"), sa.func.min(o.available_at).label("first"))
        .where(*known)
        .group_by(o.serial)
        .order_by(last.desc(), o.serial)
    )
    newest_parts = parts.limit(newest).subquery()
    mine = sa.and_(o.serial == newest_parts.c.serial, o.at == newest_parts.c.at)
    columns = (o.serial, o.value, newest_parts.c.first)
    query = sa.select(*columns).join(newest_parts, mine).where(*known).order_by(o.revision)
    return {row.serial: KnownOutcome(row.value, row.first) for row in connection.execute(query)}


def _known(characteristic: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    o = t.outcome.c
    return (o.characteristic == characteristic, o.available_at <= now, o.value.is_not(None))


def count_outcomes(connection: sa.Connection, characteristic: str, now: datetime) -> int:
    """How many parts have an available outcome."""
    query = sa.select(sa.func.count(t.outcome.c.serial.distinct())).where(*_known(characteristic, now))
    return int(connection.execute(query).scalar_one())


def count_new_outcomes(connection: sa.Connection, characteristic: str, since: datetime, now: datetime) -> int:
    """How many parts got their first outcome after `since`."""
    o = t.outcome.c
    first = sa.select(o.serial).where(*_known(characteristic, now)).group_by(o.serial)
    new = first.having(sa.func.min(o.available_at) > since).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(new)).scalar_one())
