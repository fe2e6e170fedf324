"""Stored machine readings and states, saved detector states, and aggregated windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import chunked, fetch_rows, select_columns

_REBUILD_ROWS = 5000


class StoredReading(NamedTuple):
    """A reading as first recorded; sensors without a value are not in `values`."""

    arrival: int
    machine: str
    at: datetime
    recipe: str
    state: str
    values: Mapping[str, float]


class StoredState(NamedTuple):
    """A change of a machine's state."""

    arrival: int
    machine: str
    at: datetime
    state: str


class SavedDetector(NamedTuple):
    """A detector's saved state after the reading of an arrival number, as JSON text."""

    detector: str
    arrival: int
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


def stored_readings(connection: sa.Connection, machine: str, after: int) -> Iterator[Sequence[StoredReading]]:
    """A machine's readings after an arrival number, without corrections, in arrival order and in batches."""
    r = t.reading.c
    while True:
        query = select_columns(StoredReading, t.reading).where(r.machine == machine, r.arrival > after, r.revision == 0)
        rows = list(fetch_rows(connection, StoredReading, query.order_by(r.arrival).limit(_REBUILD_ROWS)))
        if not rows:
            return
        after = rows[-1].arrival
        yield rows


def last_arrival(connection: sa.Connection) -> int:
    """The last arrival number assigned; 0 before the first."""
    query = sa.select(t.sequence.c.value).where(t.sequence.c.name == "arrival")
    return int(connection.execute(query).scalar() or 0)


def states_after(connection: sa.Connection, arrival: int) -> Iterator[StoredState]:
    """Machine states after an arrival number, in arrival order."""
    s = t.machine_state.c
    query = select_columns(StoredState, t.machine_state).where(s.arrival > arrival).order_by(s.arrival)
    return fetch_rows(connection, StoredState, query)


def saved_detectors(connection: sa.Connection, machine: str) -> dict[str, SavedDetector]:
    """The saved states of a machine's detectors, by detector."""
    d = t.detector_state.c
    # As text: invalid JSON is a damaged state to rebuild, not a failed read.
    query = sa.select(d.detector, d.arrival, sa.type_coerce(d.state, sa.Text)).where(d.subject == machine)
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
