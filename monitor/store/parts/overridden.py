"""Dispositions of people with the decision that each came after."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t


class DecidedDisposition(NamedTuple):
    """What people did with a part at `at`, and the newest decision of that step on it before then."""

    serial: str
    step: str
    at: datetime
    disposition: str
    gate: str
    verdict: str
    reason: str


def decided_dispositions(connection: sa.Connection, since: datetime, most: int) -> list[DecidedDisposition]:
    """The dispositions since an instant, the newest first and at most so many, each with the decision before it.

    Of several revisions of a disposition the last one counts; one that no decision came before is left out.
    """
    rows = connection.execute(_newest(), {"since": since, "most": most})
    return [DecidedDisposition._make(row[:-1]) for row in rows if row.gate is not None]


def first_dispositions(connection: sa.Connection, after: int, most: int) -> tuple[list[DecidedDisposition], int]:
    """The decided ones of the next `most` dispositions after an arrival number, as they were first recorded.

    And how far these reach: the arrival number of the last one that was looked at, `after` without any. What is found
    of a disposition depends on rows that arrived before it only: it is the same whenever it is looked at.
    """
    rows = connection.execute(_next(), {"after": after, "most": most}).all()
    decided = [DecidedDisposition._make(row[:-1]) for row in rows if row.gate is not None]
    return decided, rows[-1].arrival if rows else after


@cache
def _newest() -> sa.Select[Any]:
    d, later = t.disposition.c, t.disposition.alias().c
    corrected = sa.exists(
        sa.select(sa.literal(1)).where(
            later.serial == d.serial, later.step == d.step, later.at == d.at, later.revision > d.revision
        )
    )
    since: sa.BindParameter[datetime] = sa.bindparam("since")
    newest = _dispositions().where(d.at >= since, ~corrected).order_by(d.at.desc(), d.arrival.desc()).subquery()
    return _with_decisions(newest).order_by(newest.c.at.desc(), newest.c.arrival.desc())


@cache
def _next() -> sa.Select[Any]:
    d = t.disposition.c
    after: sa.BindParameter[int] = sa.bindparam("after")
    following = _dispositions().where(d.arrival > after, d.revision == 0).order_by(d.arrival).subquery()
    return _with_decisions(following).order_by(following.c.arrival)


def _dispositions() -> sa.Select[Any]:
    d = t.disposition.c
    most: sa.BindParameter[int] = sa.bindparam("most")
    return sa.select(d.serial, d.step, d.at, d.disposition, d.arrival).limit(most)


def _with_decisions(rows: sa.Subquery) -> sa.Select[Any]:
    """Each disposition with the newest decision of its step on the part before it, NULL without one, and its number.

    One without a step is of the part's newest decision. A decision on a row that arrived later was not known yet.
    """
    n, e, other = rows.c, t.decision.c, t.decision.alias().c
    of_part = (other.serial == n.serial, sa.or_(n.step == "", other.step == n.step), other.at <= n.at)
    known = sa.select(other.arrival).where(*of_part, other.arrival < n.arrival)
    last = known.order_by(other.at.desc(), other.arrival.desc()).limit(1).correlate(rows).scalar_subquery()
    joined = rows.outerjoin(t.decision, sa.and_(e.serial == n.serial, e.arrival == last))
    columns = (n.serial, e.step, n.at, n.disposition, e.gate, e.verdict, e.reason, n.arrival)
    return sa.select(*columns).select_from(joined)
