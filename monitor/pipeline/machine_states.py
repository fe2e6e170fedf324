"""The reported states of each machine over time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from monitor.instants import to_nanos
from monitor.model import MachineState
from monitor.store.rows.readings import StoredState


@dataclass(slots=True)
class _Reports:
    """What was reported of one machine: instants (ns) in order, and the state from each of them on."""

    at: list[int] = field(default_factory=list)
    states: list[MachineState] = field(default_factory=list)

    def add(self, at: int, state: MachineState) -> None:
        """Add a report; of several for one instant the last counts."""
        place = bisect_left(self.at, at)
        if place < len(self.at) and self.at[place] == at:
            self.states[place] = state
        else:
            self.at.insert(place, at)
            self.states.insert(place, state)


class StateTimeline:
    """The states reported so far. Rows come in arrival order; of several for one instant the last counts."""

    def __init__(self, keep: timedelta = timedelta(days=2)) -> None:
        self.arrival = 0
        self._keep = int(keep / timedelta(microseconds=1)) * 1000
        self._reports: dict[str, _Reports] = {}

    def learn(self, rows: Iterable[StoredState]) -> None:
        """Add rows of the store's machine_state table, those after `arrival` only."""
        for row in rows:
            self._reports.setdefault(row.machine, _Reports()).add(to_nanos(row.at), MachineState(row.state))
            self.arrival = max(self.arrival, row.arrival)

    def at(self, machine: str, instants: NDArray[np.int64]) -> list[MachineState]:
        """The state at each instant (ns); UNKNOWN before the first report."""
        reports = self._reports.get(machine, _Reports())
        states = [MachineState.UNKNOWN, *reports.states]
        places = np.searchsorted(np.array(reports.at, dtype=np.int64), instants, side="right")
        return [states[place] for place in places.tolist()]

    def forget_before(self, instant: datetime) -> None:
        """Drop states that ended long before `instant`, so that memory does not grow with history."""
        for reports in self._reports.values():
            last = max(0, bisect_right(reports.at, to_nanos(instant) - self._keep) - 1)
            del reports.at[:last], reports.states[:last]
