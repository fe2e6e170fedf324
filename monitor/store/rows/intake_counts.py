"""How many rows of each source were understood lately, and which machines and steps were not known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from monitor.instants import floor_to
from monitor.model import Reject, RejectReason
from monitor.store.database import tables as t
from monitor.store.database.bulk import upsert

HOUR = timedelta(hours=1)
LONGEST = timedelta(days=7)
"""Older rows do not count, however few there are."""
MOST_NAMES = 200
"""Unknown names that are kept; a column of order numbers must not fill the store."""
_LONGEST_NAME = 60
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_KINDS = {RejectReason.UNKNOWN_MACHINE: "machine", RejectReason.UNKNOWN_STEP: "step"}


def count_intake(connection: sa.Connection, source: str, accepted: int, refused: int, now: datetime) -> None:
    """Add the new rows of a batch to the counts of this hour."""
    if accepted or refused:
        row = {"source": source, "hour": floor_to(now, HOUR), "accepted": accepted, "refused": refused}
        upsert(connection, t.source_hour, [row], add=("accepted", "refused"))


def uncount_refused(connection: sa.Connection, source: str, rows: int, now: datetime) -> None:
    """Take rows that have left the quarantine out of the counts of refused ones, the newest hours first."""
    h = t.source_hour.c
    query = sa.select(h.hour, h.refused).where(h.source == source, h.refused > 0, h.hour > now - LONGEST)
    for hour, refused in connection.execute(query.order_by(h.hour.desc())).all():
        if rows <= 0:
            return
        gone = min(rows, refused)
        rows -= gone
        connection.execute(
            t.source_hour.update().where(h.source == source, h.hour == hour).values(refused=refused - gone)
        )


def note_unknown_names(connection: sa.Connection, source: str, rejects: Iterable[Reject], now: datetime) -> None:
    """Remember which machines and steps rows of a source named that the plant file has not."""
    rows: Counter[tuple[str, str]] = Counter()
    for reject in rejects:
        kind = _KINDS.get(reject.reason)
        if kind is not None:
            rows[kind, _name(reject)] += 1
    if not rows:
        return
    n = t.unknown_name.c
    known = {(row.kind, row.name) for row in connection.execute(sa.select(n.kind, n.name).where(n.source == source))}
    total = connection.execute(sa.select(sa.func.count()).select_from(t.unknown_name)).scalar_one()
    free = MOST_NAMES - int(total)
    kept: Counter[tuple[str, str]] = Counter()
    for key, count in sorted(rows.items()):
        new = key not in known and key not in kept
        free -= new
        kept[key if not new or free >= 0 else (key[0], "")] += count
    changes = [
        {"source": source, "kind": kind, "name": name, "rows": count, "newest_at": now}
        for (kind, name), count in kept.items()
    ]
    upsert(connection, t.unknown_name, changes, add=("rows",))


def _name(reject: Reject) -> str:
    text = (reject.row.get(reject.column) or "").strip()
    text = text.removesuffix(".0")[:_LONGEST_NAME]  # a code from a column of floats
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) or "(empty)"
