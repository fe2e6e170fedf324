"""Dispositions of people with the decision that each came after."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import fetch_rows


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

    One without a step is of the part's newest decision; one that no decision came before is left out. Of several
    revisions of a disposition the last one counts.
    """
    d, e, later = t.disposition.c, t.decision.c, t.disposition.alias().c
    corrected = sa.exists(
        sa.select(sa.literal(1)).where(
            later.serial == d.serial, later.step == d.step, later.at == d.at, later.revision > d.revision
        )
    )
    newest = (
        sa.select(d.serial, d.step, d.at, d.disposition, d.arrival)
        .where(d.at >= since, ~corrected)
        .order_by(d.at.desc(), d.arrival.desc())
        .limit(most)
        .subquery()
    )
    n = newest.c
    other = t.decision.alias().c
    of_part = (other.serial == n.serial, sa.or_(n.step == "", other.step == n.step), other.at <= n.at)
    last = sa.select(other.arrival).where(*of_part).order_by(other.at.desc(), other.arrival.desc()).limit(1)
    query = (
        sa.select(n.serial, e.step, n.at, n.disposition, e.gate, e.verdict, e.reason)
        .where(e.serial == n.serial, e.arrival == last.correlate(newest).scalar_subquery())
        .order_by(n.at.desc(), n.arrival.desc())
    )
    return list(fetch_rows(connection, DecidedDisposition, query))
