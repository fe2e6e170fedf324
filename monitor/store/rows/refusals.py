"""How rows enter the quarantine, are tried again, and leave it. All of it inside the transaction of a batch."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.cells import keep_row, restore_row
from monitor.model import JsonObject, Reject, RejectReason
from monitor.statuses import Resolution
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.database.rows import chunked, fetch_rows, select_columns
from monitor.store.database.statements import TallyKey, add_counts, tally_key
from monitor.store.rows.intake_counts import note_unknown_names, uncount_refused

_LONGEST_VALUE = 60
_SHORTENED = re.compile(r"<\d+ bytes, sha256 [0-9a-f]+>|.*\.\.\. \(\d+ characters\)", re.DOTALL)
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
AT_ONCE = 5000
"""Rows in quarantine that are in memory at once."""


@dataclass(slots=True)
class QuarantineChanges:
    """What a batch changes in the quarantine beside adding rows, by number of the row.

    `resolved`: rows that leave it, and how. `refused`: rows that were tried again and stay, with the new reject; None
    where they could not be tried. `answered`: positions in the batch's rejects that the same batch replaces.
    """

    resolved: dict[int, Resolution] = field(default_factory=dict)
    refused: dict[int, Reject | None] = field(default_factory=dict)
    answered: Collection[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.resolved or self.refused)


class KeptRow(NamedTuple):
    """A row in quarantine with what is needed to try it again; `cells` is None if an older version put it there."""

    id: int
    reason: str
    key: str
    row: JsonObject
    cells: JsonObject | None


def cells_of(kept: KeptRow, numbers: Collection[str] = ()) -> dict[str, object] | None:
    """The cells of the row as they were read; None if they were not kept.

    An older version kept texts only: those of the columns `numbers` are read as whole numbers.
    """
    if kept.cells is not None:
        return restore_row(kept.cells) or None
    if any(text is not None and _SHORTENED.fullmatch(text) for text in kept.row.values()):
        return None
    return {name: int(v) if name in numbers and v and v.isdigit() else v for name, v in kept.row.items()}


def write_rejects(
    connection: sa.Connection,
    source: str,
    rejects: Sequence[Reject],
    now: datetime,
    answered: Collection[int] = frozenset(),
) -> int:
    """Put rows into quarantine, each only once; returns how many were new.

    Those at the positions `answered` have been replaced already. A row that had been replaced and is met again, so
    that it is the source's last word again, is back in quarantine.
    """
    by_digest = {_digest(r): (r, i in answered) for i, r in enumerate(rejects)}
    stored = _stored(connection, source, by_digest)
    new = {d: pair for d, pair in by_digest.items() if d not in stored}
    insert_new(connection, t.quarantine, [_entry(source, r, d, now, done) for d, (r, done) in new.items()])
    _complete(connection, source, [(d, by_digest[d][0]) for d, row in stored.items() if row.cells_missing])
    again = [d for d, row in stored.items() if row.resolution == Resolution.REPLACED and not by_digest[d][1]]
    q = t.quarantine.c
    for digests in chunked(again):
        back = t.quarantine.update().where(q.source == source, q.digest.in_(digests))
        connection.execute(back.values(resolved_at=None, resolution=""))
    note_unknown_names(connection, source, (r for r, _ in new.values()), now)
    tallies: Counter[TallyKey] = Counter()
    for r, done in new.values():
        tallies[_left(source, Resolution.REPLACED)] += done
        tallies[tally_key("gatewatch_source_rows_total", source=source, outcome="quarantined")] += 1
        tallies[tally_key("gatewatch_source_quarantined_rows_total", source=source, reason=r.reason.value)] += 1
    add_counts(connection, tallies)
    return len(new)


def _digest(reject: Reject) -> str:
    content: list[Any] = [reject.reason.value, reject.key, dict(reject.row)]
    shortened = {n: v for n, v in reject.cells.items() if isinstance(v, str) and v != reject.row.get(n)}
    text = json.dumps([*content, shortened] if shortened else content, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class _Stored(NamedTuple):
    resolution: str
    cells_missing: bool


def _stored(connection: sa.Connection, source: str, digests: Iterable[str]) -> dict[str, _Stored]:
    q = t.quarantine.c
    found: dict[str, _Stored] = {}
    for some in chunked(digests):
        query = sa.select(q.digest, q.resolution, q.cells.is_(None)).where(q.source == source, q.digest.in_(some))
        found |= {row[0]: _Stored(row[1], bool(row[2])) for row in connection.execute(query)}
    return found


def _entry(source: str, reject: Reject, digest: str, now: datetime, answered: bool) -> dict[str, object]:
    resolution = Resolution.REPLACED.value if answered else ""
    return {
        "source": source, "at": reject.at, "digest": digest, "first_seen_at": now, **_described(reject),
        "resolved_at": now if answered else None, "resolution": resolution,
    }  # fmt: skip


def _described(reject: Reject) -> dict[str, object]:
    """What an entry says of its row."""
    return {
        "reason": reject.reason.value, "key": reject.key, "row": dict(reject.row), "column": reject.column,
        "value": printed(reject.row.get(reject.column)), "cells": keep_row(reject.cells) or {},
    }  # fmt: skip


def printed(value: str | None) -> str:
    """A value as a person reads it: quoted, of one line, shortened."""
    if value is None:
        return ""
    text = value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}..."
    return '"' + _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + '"'


def _complete(connection: sa.Connection, source: str, rows: Sequence[tuple[str, Reject]]) -> None:
    """Add what an older version did not keep, now that the row is met again."""
    q = t.quarantine.c
    for digest, reject in rows:
        described = _described(reject)
        values = {name: described[name] for name in ("column", "value", "cells")}
        connection.execute(t.quarantine.update().where(q.source == source, q.digest == digest).values(values))


def open_rows(
    connection: sa.Connection, source: str, first: datetime, last: datetime, timeless: bool
) -> Iterator[list[KeptRow]]:
    """Rows of a source in quarantine with a time in [first, last], a few at a time.

    If `timeless`, those without a usable time too.
    """
    after, query = 0, _open_rows(timeless, AT_ONCE)
    while True:
        wanted = {"source": source, "first": first, "last": last, "after": after}
        rows = list(fetch_rows(connection, KeptRow, query, wanted))
        if rows:
            yield rows
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].id


@cache
def _open_rows(timeless: bool, at_once: int) -> sa.Select[Any]:
    q = t.quarantine.c
    first: sa.BindParameter[datetime] = sa.bindparam("first")
    last: sa.BindParameter[datetime] = sa.bindparam("last")
    wanted: sa.ColumnElement[bool] = sa.and_(q.at >= first, q.at <= last)
    if timeless:
        wanted = sa.or_(wanted, q.at.is_(None), q.reason == RejectReason.AHEAD_OF_CLOCK.value)
    query = select_columns(KeptRow, t.quarantine).where(q.source == sa.bindparam("source"), q.resolved_at.is_(None))
    return query.where(wanted, q.id > sa.bindparam("after")).order_by(q.id).limit(at_once)


def ask_again(connection: sa.Connection, sources: Collection[str], now: datetime) -> int:
    """Ask for another try of every row in quarantine of these sources; returns how many."""
    q = t.quarantine.c
    wanted = (q.source.in_(sources), q.resolved_at.is_(None))
    return int(connection.execute(t.quarantine.update().where(*wanted).values(asked_at=now)).rowcount)


def asked_rows(connection: sa.Connection, source: str) -> list[int]:
    """The numbers of the rows that wait for another try, oldest first."""
    return list(connection.execute(_asked_rows(), {"source": source}).scalars())


@cache
def _asked_rows() -> sa.Select[Any]:
    q = t.quarantine.c
    of_source = q.asked_at.is_not(None), q.source == sa.bindparam("source"), q.resolved_at.is_(None)
    return sa.select(q.id).where(*of_source).order_by(q.at, q.id)


def waiting_rows(connection: sa.Connection, sources: Collection[str]) -> int:
    """How many rows of these sources wait for another try."""
    q = t.quarantine.c
    wanted = (q.asked_at.is_not(None), q.source.in_(sources), q.resolved_at.is_(None))
    return int(connection.execute(sa.select(sa.func.count()).select_from(t.quarantine).where(*wanted)).scalar_one())


def kept_rows(connection: sa.Connection, ids: Sequence[int]) -> list[KeptRow]:
    """The rows of these numbers that are still in quarantine, in their order."""
    q = t.quarantine.c
    found: dict[int, KeptRow] = {}
    for some in chunked(ids):
        query = select_columns(KeptRow, t.quarantine).where(q.id.in_(some), q.resolved_at.is_(None))
        found |= {row.id: row for row in fetch_rows(connection, KeptRow, query)}
    return [found[i] for i in ids if i in found]


def settle(connection: sa.Connection, source: str, changes: QuarantineChanges, now: datetime) -> None:
    """Let rows leave the quarantine, and note what came of trying the others."""
    if not changes:
        return
    q = t.quarantine.c
    tallies: Counter[TallyKey] = Counter()
    for how in Resolution:
        for ids in chunked(i for i, way in changes.resolved.items() if way is how):
            left = t.quarantine.update().where(q.id.in_(ids), q.resolved_at.is_(None))
            rows = connection.execute(left.values(resolved_at=now, resolution=how.value, asked_at=None)).rowcount
            tallies[_left(source, how)] += rows
    for ids in chunked(changes.refused):
        connection.execute(t.quarantine.update().where(q.id.in_(ids)).values(asked_at=None))
    for i, reject in changes.refused.items():
        if reject is not None and not _describe_again(connection, source, i, reject):
            merged = t.quarantine.update().where(q.id == i)
            connection.execute(merged.values(resolved_at=now, resolution=Resolution.MERGED.value))
            tallies[_left(source, Resolution.MERGED)] += 1
    add_counts(connection, tallies)
    uncount_refused(connection, source, round(sum(tallies.values())), now)


def _left(source: str, how: Resolution) -> TallyKey:
    return tally_key("gatewatch_source_resolved_rows_total", source=source, resolution=how.value)


def _describe_again(connection: sa.Connection, source: str, number: int, reject: Reject) -> bool:
    """Give an entry the reason of today's plant file, unless there is an entry that says the same of its row."""
    q, digest = t.quarantine.c, _digest(reject)
    same = connection.execute(sa.select(q.id).where(q.source == source, q.digest == digest)).scalar_one_or_none()
    if same is not None and same != number:
        return False
    # The cells stay as they were read: today's plant file may read fewer columns.
    described = {name: value for name, value in _described(reject).items() if name != "cells"}
    connection.execute(
        t.quarantine.update().where(q.id == number).values({**described, "at": reject.at, "digest": digest})
    )
    return True
