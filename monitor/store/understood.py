"""What was understood of the sources lately, for metrics: new rows by source, and unknown machines and steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from exporters.metrics.shared.snapshot import IntakeRow, UnknownNameRow
from monitor.store.database import tables as t
from monitor.store.rows.intake_counts import LONGEST

ENOUGH_ROWS = 100
"""A share is taken of as many of the newest hours as have this many rows."""


def recent_intake(connection: sa.Connection, now: datetime) -> list[IntakeRow]:
    """For each source the rows of its newest hours, as many hours as it takes for enough rows."""
    h = t.source_hour.c
    query = sa.select(h.source, h.accepted, h.refused).where(h.hour > now - LONGEST, h.hour <= now)
    sums: dict[str, IntakeRow] = {}
    for source, accepted, refused in connection.execute(query.order_by(h.hour.desc())):
        so_far = sums.get(source, IntakeRow(source, 0, 0))
        if so_far.accepted + so_far.refused < ENOUGH_ROWS:
            sums[source] = IntakeRow(source, so_far.accepted + accepted, so_far.refused + refused)
    return sorted(sums.values())


def unknown_names(connection: sa.Connection, since: datetime) -> Sequence[UnknownNameRow]:
    """The names met since an instant, in a fixed order; '' stands for those too many to be kept."""
    n = t.unknown_name.c
    query = sa.select(n.source, n.kind, n.name, n.rows).where(n.newest_at > since)
    rows = connection.execute(query.order_by(n.source, n.kind, n.name))
    return [UnknownNameRow(source, kind, name, int(count)) for source, kind, name, count in rows]
