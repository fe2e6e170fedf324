"""Stored findings: every change of status that a detector reported."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import Status
from monitor.store.database import tables as t
from monitor.store.database.rows import fetch_rows, select_columns


class StoredFinding(NamedTuple):
    """A change of status; `arrival` is that of the reading it is based on, 0 if it is based on a window."""

    id: int
    arrival: int
    detector: str
    method: str
    subject: str
    feature: str
    at: datetime
    status: str
    value: float | None
    limit: float | None
    causes: Sequence[str]
    step: str


def all_findings(connection: sa.Connection) -> list[StoredFinding]:
    """Every finding, in order of recording."""
    return list(
        fetch_rows(connection, StoredFinding, select_columns(StoredFinding, t.finding).order_by(t.finding.c.id))
    )


def findings_about(
    connection: sa.Connection, subject: str, start: datetime, end: datetime, limit: int
) -> list[StoredFinding]:
    """The newest findings on a subject with a time from `start` to `end` that say something, newest first."""
    f = t.finding.c
    judged = f.status.in_((Status.OK.value, Status.BREACH.value))
    query = select_columns(StoredFinding, t.finding).where(f.subject == subject, f.at.between(start, end), judged)
    return list(fetch_rows(connection, StoredFinding, query.order_by(f.at.desc(), f.id.desc()).limit(limit)))


def breaches_between(connection: sa.Connection, start: datetime, end: datetime) -> list[StoredFinding]:
    """Changes to breach with a time from `start` to `end`, in order of time."""
    f = t.finding.c
    query = select_columns(StoredFinding, t.finding).where(f.status == Status.BREACH.value, f.at >= start, f.at <= end)
    return list(fetch_rows(connection, StoredFinding, query.order_by(f.at)))
