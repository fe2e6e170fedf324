"""Lists of decisions, newest passage first, in pages: each page is found by the key of the last row before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import fetch_rows, select_columns


class ListedDecision(NamedTuple):
    """A decision as a list has it; `at` is when the part passed the step."""

    serial: str
    step: str
    visit: int
    revision: int
    gate: str
    arrival: int
    characteristic: str
    plant_digest: str
    predicted: float | None
    lower: float | None
    upper: float | None
    verdict: str
    reason: str
    on_hold: str
    decided_at: datetime
    at: datetime


class Key(NamedTuple):
    """Where a row stands in a list: when its part passed, and the arrival number of that passage."""

    at: datetime
    arrival: int


class Wanted(NamedTuple):
    """Which decisions a list has; None: any. `since` counts by the passage; the rows are those after `after`."""

    verdict: str | None = None
    gate: str | None = None
    reason: str | None = None
    since: datetime | None = None
    after: Key | None = None


def newest_decisions(connection: sa.Connection, wanted: Wanted, limit: int) -> list[ListedDecision]:
    """The newest `limit` decisions of those wanted, by passage and then arrival, the newest first.

    Each kind of decision that there is (gate, or verdict, gate and reason) is read by its index; at most `limit` rows
    of each.
    """
    d = t.decision.c
    rows: list[ListedDecision] = []
    for kind in _kinds(connection, wanted):
        query = select_columns(ListedDecision, t.decision).where(*kind, *_bounds(wanted))
        newest = query.order_by(d.at.desc(), d.arrival.desc()).limit(limit)
        rows += fetch_rows(connection, ListedDecision, newest)
    return sorted(rows, key=lambda row: (row.at, row.arrival, row.serial), reverse=True)[:limit]


def kinds_of(connection: sa.Connection, verdict: str) -> Iterator[tuple[str, str]]:
    """The gates and reasons with which there is a decision of that verdict, by one index look-up each."""
    d = t.decision.c
    for gate in _distinct(connection, d.gate, d.verdict == verdict):
        for reason in _distinct(connection, d.reason, d.verdict == verdict, d.gate == gate):
            yield gate, reason


def _kinds(connection: sa.Connection, wanted: Wanted) -> Iterator[tuple[sa.ColumnElement[bool], ...]]:
    """Conditions that an index begins with, which together are what is wanted of verdict, gate and reason."""
    d = t.decision.c
    if wanted.verdict is None and wanted.reason is None:
        gates = _distinct(connection, d.gate) if wanted.gate is None else (wanted.gate,)
        yield from ((d.gate == gate,) for gate in gates)
        return
    verdicts = _distinct(connection, d.verdict) if wanted.verdict is None else (wanted.verdict,)
    for verdict in verdicts:
        for gate, reason in kinds_of(connection, verdict):
            if wanted.gate in (None, gate) and wanted.reason in (None, reason):
                yield d.verdict == verdict, d.gate == gate, d.reason == reason


def _bounds(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    d = t.decision.c
    if wanted.since is not None:
        yield d.at >= wanted.since
    if wanted.after is not None:
        # The first condition is one that the index knows; the other is for rows of the same instant.
        yield d.at <= wanted.after.at
        yield sa.or_(d.at < wanted.after.at, d.arrival < wanted.after.arrival)


def _distinct(connection: sa.Connection, column: sa.Column[str], *where: sa.ColumnElement[bool]) -> Iterator[str]:
    """The values of a column that an index has after those of the conditions; a DISTINCT would read all rows."""
    value = connection.scalar(sa.select(sa.func.min(column)).where(*where))
    while value is not None:
        yield value
        value = connection.scalar(sa.select(sa.func.min(column)).where(*where, column > value))
