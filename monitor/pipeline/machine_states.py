"""The reported states of each machine over time."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable
from datetime import datetime, timedelta

from monitor.model import MachineState
from monitor.store.rows.readings import StoredState


class StateTimeline:
    """The states reported so far. Rows come in arrival order; of several for one instant the last counts."""

    def __init__(self, keep: timedelta = timedelta(days=2)) -> None:
        self.arrival = 0
        self._keep = keep
        self._times: dict[str, list[datetime]] = {}
        self._states: dict[tuple[str, datetime], MachineState] = {}

    def learn(self, rows: Iterable[StoredState]) -> None:
        """Add rows of the store's machine_state table, those after `arrival` only."""
        for row in rows:
            if (row.machine, row.at) not in self._states:
                insort(self._times.setdefault(row.machine, []), row.at)
            self._states[row.machine, row.at] = MachineState(row.state)
            self.arrival = max(self.arrival, row.arrival)

    def at(self, machine: str, times: Iterable[datetime]) -> list[MachineState]:
        """The state at each time; UNKNOWN before the first report."""
        reports = self._times.get(machine, [])
        states = []
        for time in times:
            i = bisect_right(reports, time)
            states.append(self._states[machine, reports[i - 1]] if i else MachineState.UNKNOWN)
        return states

    def forget_before(self, instant: datetime) -> None:
        """Drop states that ended long before `instant`, so that memory does not grow with history."""
        for machine, times in self._times.items():
            last = max(0, bisect_right(times, instant - self._keep) - 1)
            for old in times[:last]:
                del self._states[machine, old]
            del times[:last]
