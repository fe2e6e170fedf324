"""What the board says now, and which findings change it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from monitor.model import Finding
from monitor.store import tables as t


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
