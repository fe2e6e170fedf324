"""Machine windows that the lake lacks: those that are over and were noted when they changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from monitor.instants import from_micros, to_micros
from monitor.store.database import tables as t
from monitor.store.database.bulk import upsert
from monitor.store.database.rows import chunked, fetch_rows, select_columns
from monitor.store.lake.taken import Marks, Note, Taken, by_column
from monitor.store.rows.readings import MachineWindow, judged_until

_QUIET = timedelta(hours=1)
"""How long after its end a window counts as over where its machine says nothing more."""


def note_windows(connection: sa.Connection, windows: Collection[tuple[str, datetime]]) -> None:
    """Note that these windows changed, in the transaction that changes them."""
    rows = [{"machine": machine, "start": start, "changes": 1} for machine, start in sorted(windows)]
    upsert(connection, t.lake_window, rows, add=("changes",))


def note_unsent(connection: sa.Connection, marks: Marks) -> None:
    """Note windows that began after all that were sent of their machine: from before there was a lake, or without it.

    `marks` are those of `take_windows`.
    """
    w, n = t.machine_window.c, t.lake_window.c
    noted = sa.select(n.machine).where(n.machine == w.machine, n.start == w.start)
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(t.lake_window)
    for machine in _each(connection, w.machine):
        new = sa.select(w.machine, w.start, sa.literal(1)).distinct().where(w.machine == machine, ~noted.exists())
        if machine in marks:
            new = new.where(w.start > from_micros(marks[machine]))
        connection.execute(insert.from_select(["machine", "start", "changes"], new).on_conflict_do_nothing())


def take_windows(connection: sa.Connection, marks: Marks, now: datetime, length: timedelta, limit: int) -> Taken:
    """The next windows that are over, all sensors of a machine together: at most about `limit` rows.

    The marks are the newest start of each machine, in microseconds since 1970.
    """
    notes: list[Note] = []
    rows: list[MachineWindow] = []
    for note_group in _over(connection, now, length, limit):
        rows += _windows_of(connection, note_group)
        notes += note_group
        if len(rows) >= limit:
            break
    newest = dict(marks)
    for note in notes:
        newest[note.machine] = max(newest.get(note.machine, 0), to_micros(note.start))
    return Taken(by_column(MachineWindow._fields, rows), newest, notes)


def count_windows(connection: sa.Connection) -> int:
    """How many windows the lake lacks, those that are not over yet included, a machine each."""
    return int(connection.scalar(sa.select(sa.func.count()).select_from(t.lake_window)) or 0)


_AT_ONCE = 200
"""Windows of a machine that are read at a time."""


def _over(connection: sa.Connection, now: datetime, length: timedelta, limit: int) -> Iterator[list[Note]]:
    n = t.lake_window.c
    machines = list(_each(connection, n.machine))
    judged = judged_until(connection, machines)
    for machine in machines:
        until = max(judged.get(machine, now - _QUIET), now - _QUIET) - length
        query = select_columns(Note, t.lake_window).where(n.machine == machine, n.start <= until)
        notes = list(fetch_rows(connection, Note, query.order_by(n.start).limit(limit)))
        for first in range(0, len(notes), _AT_ONCE):
            yield notes[first : first + _AT_ONCE]


def _windows_of(connection: sa.Connection, notes: Sequence[Note]) -> list[MachineWindow]:
    w = t.machine_window.c
    rows: list[MachineWindow] = []
    for chunk in chunked(note.start for note in notes):
        query = select_columns(MachineWindow, t.machine_window).where(w.machine == notes[0].machine, w.start.in_(chunk))
        rows += fetch_rows(connection, MachineWindow, query.order_by(w.start, w.sensor))
    return rows


def _each(connection: sa.Connection, machine: sa.ColumnElement[str]) -> Iterator[str]:
    """Every machine in a column that its table's key begins with, one index lookup each."""
    first = sa.select(sa.func.min(machine))
    name = connection.scalar(first)
    while name is not None:
        yield name
        name = connection.scalar(first.where(machine > name))
