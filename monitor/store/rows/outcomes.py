"""Outcomes and dispositions of parts, and the decisions that outcomes belong to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.model import LARGEST_NUMBER, REWORKED
from monitor.store.database import tables as t
from monitor.store.database.rows import chunked, fetch_rows, select_columns
from monitor.store.database.statements import unindexed
from monitor.store.models.versions import ModelInForce

_NEWEST = sa.select(sa.func.coalesce(sa.func.max(t.outcome.c.arrival), 0))


def newest_outcome(connection: sa.Connection) -> int:
    """The arrival number of the newest outcome; 0 where there is none."""
    return int(connection.execute(_NEWEST).scalar_one())


class StoredOutcome(NamedTuple):
    """The outcome of a part; `value` is None if the measurement gave none."""

    arrival: int
    source: str
    serial: str
    characteristic: str
    at: datetime
    available_at: datetime
    revision: int
    value: float | None


class StoredDisposition(NamedTuple):
    """The disposition of a part by people."""

    arrival: int
    source: str
    serial: str
    step: str
    at: datetime
    revision: int
    disposition: str


class DecidedOutcome(NamedTuple):
    """An outcome and a decision on its part: `at` and `revision` are the outcome's, `arrival` the decision's."""

    serial: str
    value: float
    available_at: datetime
    at: datetime
    revision: int
    predicted: float
    lower: float
    upper: float
    decided_at: datetime
    arrival: int
    machine: str
    recipe: str
    probabilities: Sequence[float | None] | None = None


def is_usable(value: sa.ColumnElement[float]) -> sa.ColumnElement[bool]:
    """Whether an outcome has a value to compute with; earlier versions stored larger ones too."""
    return value.between(-LARGEST_NUMBER, LARGEST_NUMBER)


def as_passed(
    serial: sa.ColumnElement[str],
    at: sa.ColumnElement[datetime],
    step: str,
    arrival: int | sa.ColumnElement[int] | None = None,
) -> sa.ColumnElement[bool]:
    """Whether what was measured of a part at `at` is of the part as it last passed a step: it was not reworked since.

    What a gate predicts is the part as it is, not what people make of it. So where a part was reworked between the step
    and a measurement, this says nothing of the prediction; a measurement from before does. By rows up to `arrival`.
    """
    people, passage = t.disposition.alias(), t.part_step.alias()
    d, p = people.c, passage.c
    again = sa.select(sa.literal(1)).where(p.serial == serial, unindexed(p.step) == step, p.at > d.at, p.at <= at)
    reworked = sa.select(sa.literal(1)).where(d.serial == serial, d.disposition == REWORKED, d.at < at)
    if arrival is not None:
        again, reworked = again.where(p.arrival <= arrival), reworked.where(d.arrival <= arrival)
    # What is correlated is said, because of itself a query in a query in a query takes only its own and the nearest.
    since = reworked.where(~again.correlate_except(passage).exists())
    return ~since.correlate_except(people).exists()


def outcomes_of(connection: sa.Connection, serials: Collection[str]) -> list[StoredOutcome]:
    """Every outcome of these parts, in order of arrival."""
    rows: list[StoredOutcome] = []
    for chunk in chunked(serials):
        query = select_columns(StoredOutcome, t.outcome).where(t.outcome.c.serial.in_(chunk))
        rows += fetch_rows(connection, StoredOutcome, query)
    return sorted(rows, key=lambda row: row.arrival)


def newest_measured(
    connection: sa.Connection, characteristic: str, serials: Collection[str], now: datetime
) -> dict[str, datetime]:
    """When each of these parts was last measured, as far as that is available; without it, it is left out."""
    o, found = t.outcome.c, dict[str, datetime]()
    for chunk in chunked(dict.fromkeys(serials)):
        query = sa.select(o.serial, sa.func.max(o.at)).where(o.serial.in_(chunk), *_available(characteristic, now))
        found |= {row.serial: row[1] for row in connection.execute(query.group_by(o.serial))}
    return found


def oldest_outcome(connection: sa.Connection, characteristic: str) -> datetime | None:
    """When the oldest stored outcome of a characteristic was measured; None without any."""
    o = t.outcome.c
    oldest = sa.select(sa.func.min(o.at)).where(o.characteristic == characteristic)
    found: datetime | None = connection.scalar(oldest)
    return found


def dispositions_of(connection: sa.Connection, serial: str) -> list[StoredDisposition]:
    """Every disposition of a part, in order of arrival."""
    return dispositions_of_parts(connection, [serial])


def dispositions_of_parts(connection: sa.Connection, serials: Collection[str]) -> list[StoredDisposition]:
    """Every disposition of these parts, in order of arrival."""
    rows: list[StoredDisposition] = []
    for chunk in chunked(serials):
        query = select_columns(StoredDisposition, t.disposition).where(t.disposition.c.serial.in_(chunk))
        rows += fetch_rows(connection, StoredDisposition, query)
    return sorted(rows, key=lambda row: row.arrival)


def last_values(connection: sa.Connection, characteristic: str, step: str) -> dict[str, float]:
    """The last outcome with a value of each part as it passed a step (`as_passed`)."""
    o = t.outcome.c
    measured = o.characteristic == characteristic, is_usable(o.value), as_passed(o.serial, o.at, step)
    query = sa.select(o.serial, o.value).where(*measured).order_by(o.at, o.revision)
    return {row.serial: row.value for row in connection.execute(query)}


def decided_outcomes(
    connection: sa.Connection, gate: str, step: str, characteristic: str, used: ModelInForce, now: datetime, limit: int
) -> tuple[list[DecidedOutcome], int]:
    """Of the newest `limit` outcomes available at `now`, those that the version in force predicted, newest first.

    Also returns how many outcomes were examined. Outcomes older than the version in force are not examined; parts out
    of distribution are left out, outcomes of parts that were reworked since (`as_passed`), and parts of which something
    was to be set otherwise: what was predicted is the part as it was planned.
    """
    newest = {"characteristic": characteristic, "since": used.since, "now": now, "limit": limit}
    version = {"version": used.version, "digest": used.digest}
    decided, count = _decided_on(gate, step)
    rows = list(fetch_rows(connection, DecidedOutcome, decided, {**newest, **version}))
    return rows, connection.execute(count, newest).scalar_one()


def _newest_outcomes() -> sa.Subquery:
    # Limited in the subquery, so that the index is used.
    o = t.outcome.c
    since, now = (sa.bindparam(name, type_=o.available_at.type) for name in ("since", "now"))
    wanted = is_usable(o.value), o.available_at > since, o.available_at <= now
    query = sa.select(o.serial, o.value, o.available_at, o.at, o.revision)
    newest = query.where(o.characteristic == sa.bindparam("characteristic"), *wanted)
    newest = newest.order_by(o.available_at.desc(), o.arrival.desc())
    return newest.limit(sa.bindparam("limit", type_=sa.Integer)).subquery()


@cache
def _decided_on(gate: str, step: str) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """The newest outcomes with their decisions, and how many of the newest there are."""
    outcomes = _newest_outcomes()
    o, d, p = outcomes.c, t.decision.c, t.part_step.c
    columns = (*o, d.predicted, d.lower, d.upper, d.decided_at, d.arrival, p.machine, p.recipe, d.probabilities)
    decided = (
        sa.select(*columns)
        .select_from(outcomes)
        .join(t.decision, belongs_to(o.serial, o.at, gate))
        .join(t.part_step, p.arrival == d.arrival)
        .where(
            d.gate == gate, d.characteristic == sa.bindparam("characteristic"), d.version == sa.bindparam("version"),
            d.model_digest == sa.bindparam("digest"), d.predicted.is_not(None), d.distance <= d.distance_limit,
            d.adjustment.is_(None), as_passed(o.serial, o.at, step),
        )
        .order_by(o.available_at.desc(), o.at.desc(), o.revision.desc(), d.arrival.desc(), o.serial)
    )  # fmt: skip
    return decided, sa.select(sa.func.count()).select_from(outcomes)


def belongs_to(serial: sa.ColumnElement[str], at: sa.ColumnElement[datetime], gate: str) -> sa.ColumnElement[bool]:
    """Whether an outcome of a part, measured at `at`, belongs to a decision: the last one at its step by then."""
    d, other = t.decision.c, t.decision.alias().c
    # Without the gate, which the step implies: SQLite would walk the gate's index of times until it meets the part.
    of_part = (other.serial == serial, other.step == d.step, other.at <= at)
    last = sa.select(sa.func.max(other.at)).where(*of_part)
    return sa.and_(d.serial == serial, d.gate == gate, d.at == last.scalar_subquery())


@dataclass(frozen=True, slots=True)
class LatestOutcome:
    """The newest outcome of a part, when it was measured, and when the part's first one became available."""

    value: float
    at: datetime
    first_available_at: datetime


def outcomes(
    connection: sa.Connection,
    characteristic: str,
    now: datetime,
    newest: int,
    arrival: int | None = None,
    step: str | None = None,
) -> dict[str, LatestOutcome]:
    """Outcomes of the newest parts available at `now`, from rows up to `arrival` if given.

    With a `step` those of the parts as they passed it (`as_passed`).
    """
    o = t.outcome.c
    available = _available(characteristic, now)
    if arrival is not None:
        available = (*available, o.arrival <= arrival)
    if step is not None:
        available = (*available, as_passed(o.serial, o.at, step, arrival))
    last = sa.func.max(o.at)
    parts = (
        sa.select(o.serial, last.label("at"), sa.func.min(o.available_at).label("first"))
        .where(*available)
        .group_by(o.serial)
        .order_by(last.desc(), o.serial)
    )
    newest_parts = parts.limit(newest).subquery()
    newest_rows = sa.and_(o.serial == newest_parts.c.serial, o.at == newest_parts.c.at)
    columns = (o.serial, o.value, o.at, newest_parts.c.first)
    query = sa.select(*columns).join(newest_parts, newest_rows).where(*available).order_by(o.revision)
    return {row.serial: LatestOutcome(row.value, row.at, row.first) for row in connection.execute(query)}


def _available(characteristic: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    o = t.outcome.c
    return (o.characteristic == characteristic, o.available_at <= now, is_usable(o.value))


def count_outcomes(connection: sa.Connection, characteristic: str, now: datetime) -> int:
    """How many parts have an available outcome."""
    query = sa.select(sa.func.count(t.outcome.c.serial.distinct())).where(*_available(characteristic, now))
    return int(connection.execute(query).scalar_one())


def count_new_outcomes(connection: sa.Connection, characteristic: str, since: datetime, now: datetime) -> int:
    """How many parts got their first outcome after `since`."""
    o = t.outcome.c
    first = sa.select(o.serial).where(*_available(characteristic, now)).group_by(o.serial)
    new = first.having(sa.func.min(o.available_at) > since).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(new)).scalar_one())
