"""Conditions that a person must know of, from when they begin to when they end: one row each, never one a part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.store import tables as t
from monitor.store.writing import TallyKey, count, tallied


@dataclass(frozen=True, slots=True)
class Condition:
    """What holds now of one subject: `summary` says what is wrong, None that nothing is."""

    name: str
    subject: str
    severity: str
    summary: str | None


def note(connection: sa.Connection, conditions: Iterable[Condition], now: datetime) -> None:
    """Open an alert for each condition that began and end those that are over; the others stay as they are."""
    tallies: Counter[TallyKey] = Counter()
    for condition in conditions:
        mine = (t.alert.c.name == condition.name, t.alert.c.subject == condition.subject, t.alert.c.ended_at.is_(None))
        active = connection.execute(sa.select(t.alert.c.id).where(*mine)).scalar_one_or_none()
        if active is not None and condition.summary is None:
            connection.execute(t.alert.update().where(t.alert.c.id == active).values(ended_at=now))
        elif active is None and condition.summary is not None:
            row = {"name": condition.name, "subject": condition.subject, "severity": condition.severity}
            connection.execute(t.alert.insert().values(**row, summary=condition.summary, since=now))
            opened = tallied("gatewatch_alerts_opened_total", alert=condition.name, severity=condition.severity)
            tallies[opened] += 1
    count(connection, tallies)
