"""Machine readings and states of the store, what detectors made of them, and the windows they are summed up in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import fetched, selected

_REBUILD_ROWS = 5000


class StoredReading(NamedTuple):
    """A reading as it was first known; a sensor without a value is not in `values`."""

    arrival: int
    machine: str
    at: datetime
    recipe: str
    state: str
    values: Mapping[str, float]


class StoredState(NamedTuple):
    """From when on a machine was in a state."""

    arrival: int
    machine: str
    at: datetime
    state: str


class SavedDetector(NamedTuple):
    """A detector's state after the reading of an arrival number, as the text that it was saved as."""

    detector: str
    arrival: int
    text: str


class MachineWindow(NamedTuple):
    """A sensor's readings in a stretch of time: rows, how many lack a value, and sums over the others."""

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
    """A machine's first revisions after an arrival number, in arrival order, some thousand at a time."""
    r = t.reading.c
    while True:
        query = selected(StoredReading, t.reading).where(r.machine == machine, r.arrival > after, r.revision == 0)
        rows = list(fetched(connection, StoredReading, query.order_by(r.arrival).limit(_REBUILD_ROWS)))
        if not rows:
            return
        after = rows[-1].arrival
        yield rows


def last_arrival(connection: sa.Connection) -> int:
    """The last number given out, also to rows pruned since; 0 before the first."""
    query = sa.select(t.sequence.c.value).where(t.sequence.c.name == "arrival")
    return int(connection.execute(query).scalar() or 0)


def states_after(connection: sa.Connection, arrival: int) -> Iterator[StoredState]:
    """Machine states after an arrival number, in arrival order."""
    s = t.machine_state.c
    query = selected(StoredState, t.machine_state).where(s.arrival > arrival).order_by(s.arrival)
    return fetched(connection, StoredState, query)


def saved_detectors(connection: sa.Connection, machine: str) -> dict[str, SavedDetector]:
    """The saved states of a machine's detectors, by detector."""
    d = t.detector_state.c
    # As text: one that is no JSON is a state that is not whole, not a failed read.
    query = sa.select(d.detector, d.arrival, sa.type_coerce(d.state, sa.Text)).where(d.subject == machine)
    return {row[0]: SavedDetector._make(row) for row in connection.execute(query)}


def windows_starting(connection: sa.Connection, machine: str, starts: Iterable[datetime]) -> Iterator[MachineWindow]:
    """A machine's windows that start at one of these times."""
    w = t.machine_window.c
    query = selected(MachineWindow, t.machine_window).where(w.machine == machine, w.start.in_(set(starts)))
    return fetched(connection, MachineWindow, query)


def window_before(connection: sa.Connection, machine: str, at: datetime, since: datetime) -> list[MachineWindow]:
    """A machine's windows, one a sensor, that start last of those in (since, at]; none where none does."""
    w = t.machine_window.c
    mine = (w.machine == machine, w.start <= at, w.start > since)
    start = connection.scalar(sa.select(sa.func.max(w.start)).where(*mine))
    query = selected(MachineWindow, t.machine_window).where(w.machine == machine, w.start == start)
    return [] if start is None else list(fetched(connection, MachineWindow, query.order_by(w.sensor)))
