"""The newest outcomes of a characteristic that were known at an instant, and how their parts were judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.model import REWORKED, JsonObject
from monitor.store.database import tables as t
from monitor.store.database.rows import chunked, fetch_rows, select_columns
from monitor.store.database.statements import bound, unindexed
from monitor.store.rows.outcomes import as_passed, is_usable

_LOOK = 2
"""So many times as many rows as parts are read at first: a part may have several outcomes."""


class KnownOutcome(NamedTuple):
    """The last word on a part by an instant."""

    arrival: int
    serial: str
    at: datetime
    available_at: datetime
    value: float


class Before(NamedTuple):
    """What `known_outcomes` returned for an earlier instant and arrival number."""

    outcomes: Sequence[KnownOutcome]
    at: datetime
    arrival: int


def known_outcomes(
    connection: sa.Connection,
    characteristic: str,
    now: datetime,
    arrival: int,
    parts: int,
    before: Before | None = None,
    step: str | None = None,
) -> list[KnownOutcome]:
    """The last outcomes of the newest `parts` parts available at `now`, from rows up to `arrival`.

    In the order in which they became available. With a `step` those of the parts as they passed it (`as_passed`). What
    was known `before` is not read again, unless it has turned out since that a part was reworked before it.
    """
    wanted = {"characteristic": characteristic, "now": now, "arrival": arrival}
    if (
        before is not None
        and before.at <= now
        and before.arrival <= arrival
        and (step is None or not _reworked_since(connection, characteristic, step, before.arrival, arrival))
    ):
        last = {"before_at": before.at, "before_arrival": before.arrival}
        new = list(fetch_rows(connection, KnownOutcome, _newest(step, since=True), {**wanted, **last}))
        if not new:
            return list(before.outcomes[-parts:])
        rows = [*new, *before.outcomes]
        return _last_of_each(sorted(rows, key=lambda row: (row.available_at, row.arrival), reverse=True), parts)
    look, found = _LOOK * parts, list[KnownOutcome]()
    while len(found) < parts:
        rows = list(fetch_rows(connection, KnownOutcome, _newest(step).limit(look), wanted))
        found = _last_of_each(rows, parts)
        if len(rows) < look:
            break
        look *= 2
    return found


@cache
def _newest(step: str | None, since: bool = False) -> sa.Select[Any]:
    """Newest first the outcomes of a characteristic known `now`, up to an arrival; `since` what was known before."""
    o, now, arrival = (
        t.outcome.c,
        sa.bindparam("now", type_=t.outcome.c.at.type),
        sa.bindparam("arrival", type_=sa.Integer),
    )
    wanted = [o.characteristic == sa.bindparam("characteristic"), is_usable(o.value)]
    wanted += [o.available_at <= now, o.arrival <= arrival]
    if step is not None:
        wanted.append(as_passed(o.serial, o.at, step, arrival))
    if since:
        wanted.append(sa.or_(o.available_at > sa.bindparam("before_at"), o.arrival > sa.bindparam("before_arrival")))
    return select_columns(KnownOutcome, t.outcome).where(*wanted).order_by(o.available_at.desc(), o.arrival.desc())


def _reworked_since(connection: sa.Connection, characteristic: str, step: str, after: int, arrival: int) -> bool:
    """Whether rows after a number, up to another, say of an earlier outcome that it is not of the part as it passed.

    Or that it is after all: a passage that arrived late. Both are dispositions before the outcome.
    """
    wanted = {"characteristic": characteristic, "after": after, "arrival": arrival}
    return any(connection.execute(query, wanted).first() is not None for query in _reworked(step))


@cache
def _reworked(step: str) -> tuple[sa.Select[Any], ...]:
    d, o, p = t.disposition.c, t.outcome.c, t.part_step.c
    characteristic, after, arrival = bound("characteristic", "after", "arrival")
    reworked = sa.and_(
        o.serial == d.serial, unindexed(o.characteristic) == characteristic, o.arrival <= after, o.at > d.at,
        d.disposition == REWORKED,
    )  # fmt: skip
    of_parts = sa.select(sa.literal(1)).select_from(t.disposition.join(t.outcome, reworked))
    late = (
        sa.select(sa.literal(1))
        .select_from(t.part_step.join(t.disposition, d.serial == p.serial).join(t.outcome, reworked))
        .where(unindexed(p.step) == step, p.arrival > after, p.arrival <= arrival, p.at > d.at, p.at <= o.at)
    )
    return of_parts.where(d.arrival > after, d.arrival <= arrival).limit(1), late.limit(1)


def _last_of_each(newest_first: Iterable[KnownOutcome], parts: int) -> list[KnownOutcome]:
    last: dict[str, KnownOutcome] = {}
    for row in newest_first:
        if len(last) == parts:
            break
        last.setdefault(row.serial, row)
    return list(last.values())[::-1]


class JudgedPart(NamedTuple):
    """When a part passed the step before it was measured, and how the gate decided on that passage, as far as it did.

    `arrival` is that of the passage; `decided_at` None where there was no decision, `predicted` None without a
    prediction, which has half an interval and the `digest` of its model; `adapted` as in the decision. `adjusted`: it
    recommended to set something otherwise, so that the prediction is not of the part as it came to be.
    """

    at: datetime
    arrival: int
    decided_at: datetime | None
    far: bool
    lot: str = ""
    digest: str = ""
    predicted: float | None = None
    half: float = 0.0
    adapted: JsonObject | None = None
    adjusted: bool = False


Passages = Mapping[str, Sequence[JudgedPart]]
"""By serial a part's passages through one step."""


def passages_of(
    connection: sa.Connection, step: str, serials: Iterable[str], arrival: int
) -> dict[str, list[JudgedPart]]:
    """The passages of these parts through a step, from rows up to `arrival`; an empty list where there is none."""
    found: dict[str, list[JudgedPart]] = {serial: [] for serial in serials}
    for chunk in chunked(found):
        rows = connection.execute(_passages(), {"serials": chunk, "step": step, "arrival": arrival})
        for serial, *columns in rows:
            part = JudgedPart._make(columns)
            found[serial].append(part._replace(far=bool(part.far), adjusted=bool(part.adjusted)))
    return found


@cache
def _passages() -> sa.Select[Any]:
    p, d = t.part_step.c, t.decision.c
    of_passage = sa.and_(d.arrival == p.arrival, d.serial == p.serial, d.step == p.step)
    far = sa.and_(d.distance.is_not(None), d.distance > d.distance_limit)
    half = sa.func.coalesce((d.upper - d.lower) / 2, 0.0)
    digest = sa.func.coalesce(d.model_digest, "")
    query = sa.select(
        p.serial,
        p.at,
        p.arrival,
        d.decided_at,
        far,
        p.lot,
        digest,
        d.predicted,
        half,
        d.adapted,
        d.adjustment.is_not(None),
    ).select_from(t.part_step.outerjoin(t.decision, of_passage))
    of_step = unindexed(p.step) == sa.bindparam("step"), p.arrival <= sa.bindparam("arrival")
    return query.where(p.serial.in_(sa.bindparam("serials", expanding=True)), *of_step)


def passed_since(connection: sa.Connection, step: str, after: int, arrival: int) -> set[str]:
    """The parts that a row about their passage through a step arrived of after one number, up to another."""
    return set(connection.execute(_passed(), {"step": step, "after": after, "arrival": arrival}).scalars())


@cache
def _passed() -> sa.Select[Any]:
    p = t.part_step.c
    between = p.arrival > sa.bindparam("after"), p.arrival <= sa.bindparam("arrival")
    return sa.select(p.serial).where(p.step == sa.bindparam("step"), *between)


def judged_parts(outcomes: Sequence[KnownOutcome], passages: Passages) -> list[JudgedPart]:
    """The passage that each outcome belongs to; without one, its own time and number."""
    return [
        max(
            (one for one in passages[outcome.serial] if one.at <= outcome.at),
            default=JudgedPart(outcome.at, outcome.arrival, None, far=False),
        )
        for outcome in outcomes
    ]
