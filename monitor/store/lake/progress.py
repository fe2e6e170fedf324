"""How far each table of the lake has been sent, and the batch under way: fixed before it is written, then recorded."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.bulk import insert
from monitor.store.database.rows import fetch_one, select_columns
from monitor.store.lake.taken import Marks, Note


class Progress(NamedTuple):
    """How far a table has been sent: `number` is that of the last batch that was recorded, 0 before the first.

    `marks` say up to which rows of the store; `attempts`, `next_at` and `error` are of the failures since the last
    success; `kept_at` is when files were last made into few.
    """

    url: str
    name: str
    application: str
    marks: Marks
    number: int
    rows: int
    attempts: int
    next_at: datetime | None
    kept_at: datetime | None
    error: str | None


class Batch(NamedTuple):
    """A batch under way: its rows as they are written, and the marks once they are."""

    number: int
    rows: int
    fixed_at: datetime
    marks: Marks
    content: bytes


def progress_of(connection: sa.Connection, url: str, name: str) -> Progress | None:
    """How far a table has been sent; None before the first attempt."""
    c = t.lake_table.c
    return fetch_one(connection, Progress, select_columns(Progress, t.lake_table).where(c.url == url, c.name == name))


def begin(connection: sa.Connection, url: str, name: str) -> Progress:
    """A table that was never sent, under the name of a new application."""
    new = Progress(url, name, f"gatewatch-{uuid.uuid4()}", {}, 0, 0, 0, None, None, None)
    insert(connection, t.lake_table, [new._asdict()])
    return new


def open_batch(connection: sa.Connection, at: Progress) -> Batch | None:
    """The batch under way, if any: perhaps it was written and a kill came before that was recorded."""
    c = t.lake_batch.c
    query = select_columns(Batch, t.lake_batch).where(c.url == at.url, c.name == at.name)
    return fetch_one(connection, Batch, query)


def fix(connection: sa.Connection, at: Progress, batch: Batch, notes: Sequence[Note]) -> None:
    """Keep a batch as it will be written, and delete the notes that it answers, if nothing changed since."""
    insert(connection, t.lake_batch, [{"url": at.url, "name": at.name, **batch._asdict()}])
    delete_notes(connection, notes)


def delete_notes(connection: sa.Connection, notes: Sequence[Note]) -> None:
    """Delete notes of windows, unless they changed since they were read."""
    w = t.lake_window
    if notes:
        same = [w.c[name] == sa.bindparam(f"of_{name}") for name in Note._fields]
        values = [{f"of_{name}": value for name, value in note._asdict().items()} for note in notes]
        connection.execute(w.delete().where(*same), values)


def record(connection: sa.Connection, at: Progress, batch: Batch) -> Progress:
    """Record that a batch is in the lake; the table as it stands then."""
    done = at._replace(
        marks=batch.marks, number=batch.number, rows=at.rows + batch.rows, attempts=0, next_at=None, error=None
    )
    c = t.lake_batch.c
    connection.execute(t.lake_batch.delete().where(c.url == at.url, c.name == at.name))
    change(connection, done, ("marks", "number", "rows", "attempts", "next_at", "error"))
    return done


def change(connection: sa.Connection, at: Progress, names: Sequence[str]) -> None:
    """Write some of what a table's progress says."""
    values: Mapping[str, object] = {name: getattr(at, name) for name in names}
    c = t.lake_table.c
    connection.execute(t.lake_table.update().where(c.url == at.url, c.name == at.name).values(values))
