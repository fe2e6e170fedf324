"""What the store says of drift now: the board's findings, and since when a step drifts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.model import Status
from monitor.store.database import tables as t

DETECTORS = ("drift", "image_drift")
_WHOLE = "worst_ratio"


def found(connection: sa.Connection, step: str | None = None) -> Sequence[dict[str, Any]]:
    """The drift findings on the board: of each step the whole first, then its features from the worst on."""
    c = t.board.c
    query = sa.select(t.board).where(c.detector.in_(DETECTORS))
    if step is not None:
        query = query.where(c.subject == step)
    rows = [dict(row._mapping) for row in connection.execute(query)]
    return sorted(rows, key=lambda r: (r["subject"], r["detector"], r["feature"] != "", -_ratio(r), r["feature"]))


def drifts_since(connection: sa.Connection, step: str) -> datetime | None:
    """The newest time at which the step began to drift, while it still does; None where it does not."""
    b, f = t.board.c, t.finding.c
    mine = sa.select(b.detector).where(
        b.detector.in_(DETECTORS), b.method == _WHOLE, b.subject == step, b.status == Status.BREACH.value
    )
    breached = list(connection.execute(mine).scalars())
    began = sa.select(sa.func.max(f.at)).where(
        f.detector.in_(breached), f.method == _WHOLE, f.subject == step, f.status == Status.BREACH.value
    )
    at: datetime | None = connection.execute(began).scalar() if breached else None
    return at


def _ratio(row: dict[str, Any]) -> float:
    return row["value"] / row["limit"] if row["value"] is not None and row["limit"] else 0.0
