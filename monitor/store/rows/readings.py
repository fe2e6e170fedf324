"""Stored machine readings and states, saved detector states, and aggregated windows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import chunked, fetch_one, fetch_rows, select_columns
from monitor.store.database.statements import mark, unindexed

_PAGE = 5000


class StoredReading(NamedTuple):
    """A revision of what a source says of a machine at an instant.

    `values` has the sensors that are new or changed with it; None where the source withdrew a value.
    """

    arrival: int
    source: str
    machine: str
    at: datetime
    revision: int
    recipe: str
    values: Mapping[str, float | None]


class JudgedSpan(NamedTuple):
    """A machine was judged from `after` (None: its first reading) to `until`, with the rows up to an arrival number.

    Rows between two spans came too late: the other machines of the group had been judged past them.
    """

    machine: str
    until: datetime
    after: datetime | None
    arrival: int


class StoredState(NamedTuple):
    """A change of a machine's state."""

    arrival: int
    machine: str
    at: datetime
    state: str


class SavedDetector(NamedTuple):
    """The saved state of a detector that has seen its machine up to an instant, as JSON text."""

    detector: str
    until: datetime | None
    text: str


class MachineWindow(NamedTuple):
    """A sensor's readings in an interval: rows, how many lack a value, and aggregates of the others."""

    machine: str
    sensor: str
    start: datetime
    rows: int
    missing: int
    minimum: float | None
    maximum: float | None
    total: float
    square_total: float


def readings_page(
    connection: sa.Connection, machines: Collection[str], after: datetime | None, until: datetime, arrival: int
) -> tuple[Sequence[StoredReading], bool]:
    """The first readings of machines with a time in (after, until] and arrival numbers up to `arrival`.

    In order of time, the readings of one instant never split; and whether there are more.
    """
    r = t.reading.c
    # By the index of times: that of machines and arrival numbers leads to all that a machine ever sent.
    where = [unindexed(r.machine).in_(machines), r.at <= until, r.arrival <= arrival]
    query = select_columns(StoredReading, t.reading).order_by(r.at, r.machine, r.source, r.revision)
    query = query.where(*where, *(() if after is None else (r.at > after,)))
    size = _PAGE
    while True:
        rows = list(fetch_rows(connection, StoredReading, query.limit(size)))
        if len(rows) < size:
            return rows, False
        whole = [row for row in rows if row.at < rows[-1].at]
        if whole:
            return whole, True
        size *= 4  # all of one instant


def readings_between(
    connection: sa.Connection, machines: Collection[str], after: datetime | None, until: datetime, arrival: int
) -> Iterator[Sequence[StoredReading]]:
    """All pages of these readings."""
    more = True
    while more:
        page, more = readings_page(connection, machines, after, until, arrival)
        if page:
            yield page
            after = page[-1].at


def readings_behind(
    connection: sa.Connection, machines: Collection[str], until: datetime, after: int | None, arrival: int
) -> list[StoredReading]:
    """New readings of machines with a time up to `until`, by their arrival numbers in (after, arrival].

    Of a revision, the sensors that the source had not given for that instant before; corrections are left out. None
    where `after` is None.
    """
    if after is None:
        return []
    r = t.reading.c
    query = select_columns(StoredReading, t.reading).where(
        r.machine.in_(machines), r.arrival > after, r.arrival <= arrival, r.at <= until
    )
    rows = list(fetch_rows(connection, StoredReading, query.order_by(r.arrival)))
    given = _given_before(connection, [row for row in rows if row.revision])
    new = [row._replace(values=_without(row.values, given.get(row.arrival, ()))) for row in rows]
    return [row for row in new if row.values or not row.revision]


def _without(values: Mapping[str, float | None], names: Collection[str]) -> Mapping[str, float | None]:
    return {name: value for name, value in values.items() if name not in names} if names else values


def _given_before(connection: sa.Connection, revisions: Sequence[StoredReading]) -> dict[int, set[str]]:
    """By arrival number of a revision, the sensors that earlier revisions of its reading have."""
    r = t.reading.c
    earlier: dict[tuple[str, str, datetime], list[StoredReading]] = {}
    for chunk in chunked(row.at for row in revisions):
        query = select_columns(StoredReading, t.reading).where(
            r.at.in_(chunk), r.machine.in_({row.machine for row in revisions})
        )
        for row in fetch_rows(connection, StoredReading, query):
            earlier.setdefault((row.source, row.machine, row.at), []).append(row)
    return {
        row.arrival: {
            name
            for other in earlier[row.source, row.machine, row.at]
            if other.revision < row.revision
            for name in other.values
        }
        for row in revisions
    }


def spans_after(connection: sa.Connection, machine: str, since: datetime | None) -> list[JudgedSpan]:
    """How a machine was judged after an instant (None: from the beginning), in order."""
    j = t.judged.c
    query = select_columns(JudgedSpan, t.judged).where(j.machine == machine).order_by(j.until)
    return list(fetch_rows(connection, JudgedSpan, query if since is None else query.where(j.until > since)))


def last_span(connection: sa.Connection, machine: str) -> JudgedSpan | None:
    """How a machine was judged last."""
    j = t.judged.c
    query = select_columns(JudgedSpan, t.judged).where(j.machine == machine).order_by(j.until.desc()).limit(1)
    return fetch_one(connection, JudgedSpan, query)


def judged_until(connection: sa.Connection, machines: Collection[str]) -> dict[str, datetime]:
    """Up to which instant each of these machines has been judged, as far as it has."""
    j = t.judged.c
    until: dict[str, datetime] = {}
    for chunk in chunked(machines):
        query = sa.select(j.machine, sa.func.max(j.until)).where(j.machine.in_(chunk)).group_by(j.machine)
        until |= {row[0]: row[1] for row in connection.execute(query)}
    return until


def last_arrival(connection: sa.Connection) -> int:
    """The last arrival number assigned; 0 before the first."""
    return mark(connection, "arrival") or 0


def states_after(connection: sa.Connection, arrival: int, until: int | None = None) -> Iterator[StoredState]:
    """Machine states after an arrival number, up to `until` if given, in arrival order."""
    s = t.machine_state.c
    query = select_columns(StoredState, t.machine_state).where(s.arrival > arrival).order_by(s.arrival)
    return fetch_rows(connection, StoredState, query if until is None else query.where(s.arrival <= until))


def saved_detectors(connection: sa.Connection, machine: str) -> dict[str, SavedDetector]:
    """The saved states of a machine's detectors, by detector."""
    d = t.detector_state.c
    # As text: invalid JSON is a damaged state to rebuild, not a failed read.
    query = sa.select(d.detector, d.until, sa.type_coerce(d.state, sa.Text)).where(d.subject == machine)
    return {row[0]: SavedDetector._make(row) for row in connection.execute(query)}


def windows_starting(
    connection: sa.Connection, machines: Iterable[str], starts: Iterable[datetime]
) -> Iterator[MachineWindow]:
    """The windows of these machines that start at one of these times."""
    w = t.machine_window.c
    of_machines = select_columns(MachineWindow, t.machine_window).where(w.machine.in_(set(machines)))
    for chunk in chunked(set(starts)):
        yield from fetch_rows(connection, MachineWindow, of_machines.where(w.start.in_(chunk)))


def window_before(connection: sa.Connection, machine: str, at: datetime, since: datetime) -> list[MachineWindow]:
    """A machine's windows, one per sensor, with the latest start in (since, at]; empty if there is none."""
    w = t.machine_window.c
    where = (w.machine == machine, w.start <= at, w.start > since)
    start = connection.scalar(sa.select(sa.func.max(w.start)).where(*where))
    query = select_columns(MachineWindow, t.machine_window).where(w.machine == machine, w.start == start)
    return [] if start is None else list(fetch_rows(connection, MachineWindow, query.order_by(w.sensor)))


_REPORTED = timedelta(minutes=10)
"""How old the reading may be by which a machine says what it makes."""


def recipes_at(connection: sa.Connection, moments: Iterable[tuple[str, datetime]]) -> list[str]:
    """The recipe that each machine reported with its newest reading at an instant; '' where it reported none."""
    return [
        connection.execute(_RECIPE_AT, {"machine": machine, "at": at, "since": at - _REPORTED}).scalar() or ""
        for machine, at in moments
    ]


def _recipe_at() -> sa.Select[Any]:
    r = t.reading.c
    lately = r.at.between(sa.bindparam("since"), sa.bindparam("at"))
    of_machine = unindexed(r.machine) == sa.bindparam("machine")
    return sa.select(r.recipe).where(lately, of_machine).order_by(r.at.desc()).limit(1)


_RECIPE_AT = _recipe_at()
