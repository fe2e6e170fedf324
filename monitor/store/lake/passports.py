"""Parts of which something became known that the lake lacks, with all that is known of them now.

A passage with its decision, an outcome and a disposition each come in a row with an arrival number, and these are in
the order of commits: a part is due when such a row of its own has a higher one than what was sent.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import chunked, fetch_rows
from monitor.store.lake.taken import Marks, Taken, by_column

_NEWS = (t.part_step, t.outcome, t.disposition)


class Passage(NamedTuple):
    """A passage of a part, its newest revision."""

    serial: str
    step: str
    visit: int
    revision: int
    at: datetime
    machine: str
    recipe: str
    lot: str
    arrival: int


class Judged(NamedTuple):
    """A decision on a part."""

    serial: str
    step: str
    visit: int
    revision: int
    at: datetime
    gate: str
    verdict: str
    reason: str
    predicted: float | None
    lower: float | None
    upper: float | None
    model: str
    version: str
    decided_at: datetime


class Measured(NamedTuple):
    """An outcome of a part, its newest revision; None where its value was withdrawn."""

    serial: str
    characteristic: str
    at: datetime
    revision: int
    value: float | None


class Disposed(NamedTuple):
    """What people did with a part after a step, the newest revision."""

    serial: str
    step: str
    at: datetime
    revision: int
    disposition: str


Known = TypeVar("Known", bound=NamedTuple)
_NAMES = ("serial", "first_at", "changed_at", "passages", "decisions", "outcomes", "dispositions")


def take_passports(connection: sa.Connection, marks: Marks, arrived: int, limit: int) -> Taken:
    """The parts that the next `limit` rows about parts up to `arrived` tell something of, each once."""
    after = marks.get("arrival", 0)
    news = list(heapq.merge(*(_news(connection, table, after, arrived, limit) for table in _NEWS)))[:limit]
    last = news[-1][0] if len(news) == limit else arrived
    rows = _passports(connection, list(dict.fromkeys(serial for _, serial in news)))
    return Taken(by_column(_NAMES, rows), {"arrival": last})


def count_news(connection: sa.Connection, marks: Marks) -> int:
    """How many rows about parts the lake knows nothing of."""
    after = marks.get("arrival", 0)
    counts = (sa.select(sa.func.count()).select_from(table).where(table.c.arrival > after) for table in _NEWS)
    return sum(int(connection.scalar(count) or 0) for count in counts)


def _news(
    connection: sa.Connection, table: sa.Table, after: int, arrived: int, limit: int
) -> Sequence[tuple[int, str]]:
    c = table.c
    query = sa.select(c.arrival, c.serial).where(c.arrival > after, c.arrival <= arrived).order_by(c.arrival)
    return [(int(arrival), str(serial)) for arrival, serial in connection.execute(query.limit(limit))]


def _passports(connection: sa.Connection, serials: Sequence[str]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for chunk in chunked(serials):
        known = (
            _by_part(connection, Passage, t.part_step, chunk, ("step", "visit")),
            _by_part(connection, Judged, t.decision, chunk, ("step", "visit", "revision")),
            _by_part(connection, Measured, t.outcome, chunk, ("characteristic", "at")),
            _by_part(connection, Disposed, t.disposition, chunk, ("step", "at")),
        )
        for serial in chunk:
            lists = [[_without_serial(row) for row in found.get(serial, ())] for found in known]
            times = [one["at"] for of_kind in lists for one in of_kind]
            if times:  # none of a part that retention has deleted
                rows.append((serial, min(times), max(times), *lists))
    return rows


def _by_part(
    connection: sa.Connection, kind: type[Known], table: sa.Table, serials: Sequence[str], keys: Sequence[str]
) -> Mapping[str, list[Known]]:
    """By part its rows in order of time, of each key the newest revision."""
    query = sa.select(*(table.c[name] for name in kind._fields)).where(table.c.serial.in_(serials))
    places = [kind._fields.index(name) for name in ("serial", *keys)]
    revision, at = kind._fields.index("revision"), kind._fields.index("at")
    newest: dict[tuple[Any, ...], Known] = {}
    for row in sorted(fetch_rows(connection, kind, query), key=itemgetter(revision)):
        newest[tuple(row[place] for place in places)] = row
    parts: dict[str, list[Known]] = {}
    for _, row in sorted(newest.items(), key=lambda one: (one[1][at], one[0])):
        parts.setdefault(row[0], []).append(row)
    return parts


def _without_serial(row: Known) -> dict[str, Any]:
    found: dict[str, Any] = row._asdict()
    del found["serial"]
    return found
