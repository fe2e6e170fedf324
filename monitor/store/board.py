"""What the board says now, and which findings change it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from monitor.model import Finding, Status
from monitor.store.database import tables as t


def changed(connection: sa.Connection, findings: Iterable[Finding]) -> Sequence[Finding]:
    """The findings whose status is not the one on the board: those that go on record as changes."""
    found = list(findings)
    c = t.board.c
    known = {
        row[:4]: row.status
        for row in connection.execute(
            sa.select(c.detector, c.method, c.subject, c.feature, c.status).where(
                c.detector.in_({f.detector for f in found})
            )
        )
    }
    return [f for f in found if known.get((f.detector, f.method, f.subject, f.feature)) != f.status.value]


def skill_of(connection: sa.Connection, gate: str, since: datetime) -> Status | None:
    """What the board says of the realised skill of the version in force since then; None where nothing newer is there.

    What was found before that is of another version. One row of a small table by its key: it is asked at every batch.
    """
    b = t.board.c
    mine = (b.detector == "performance", b.method == "skill", b.subject == gate, b.feature == "", b.at > since)
    status = connection.execute(sa.select(b.status).where(*mine)).scalar_one_or_none()
    return None if status is None else Status(status)
