"""How many rows a change of a machine's status takes."""

from __future__ import annotations

from dataclasses import dataclass

from detectors.stream.anomaly_state import AnomalyState
from monitor.model import Status


@dataclass(frozen=True, slots=True)
class Patience:
    """The number of rows that a change of status takes, consecutive unless stated otherwise. All >= 1.

    `breach_rows` anomalous rows start a breach, `clear_rows` normal ones end it; `blind_rows` rows without enough
    values lead to NO_DATA. When anomalous rows outnumber normal ones by `release_rows`, the baseline is dropped and
    learnt anew: a change that lasts this long is the new normal, and a detector in permanent breach detects nothing.
    `recipes`: baselines kept; the least recently used one is dropped first. `settle_rows` (0 or more): running rows
    after a start or a changeover that are neither judged nor learnt, because the machine has not settled yet.
    """

    breach_rows: int = 5
    clear_rows: int = 20
    blind_rows: int = 10
    release_rows: int = 2000
    recipes: int = 16
    settle_rows: int = 10

    def count(self, state: AnomalyState, indicated: Status) -> bool:
        """Count one row towards the status that it indicates; whether the status changed."""
        if indicated is Status.NO_DATA:
            # A row without values neither confirms nor contradicts the rows before it.
            state.blind += 1
            if state.status is Status.NO_DATA or state.blind < self.blind_rows:
                return False
            state.value, state.limit, state.causes = None, None, ()
            return set_status(state, indicated)
        state.blind = 0
        if indicated is state.status:
            state.wanted, state.run = indicated, 0
            return False
        state.run = state.run + 1 if indicated is state.wanted else 1
        state.wanted = indicated
        return state.run >= self._rows_needed(state.status, indicated) and set_status(state, indicated)

    def _rows_needed(self, status: Status, indicated: Status) -> int:
        if indicated is Status.CANNOT_JUDGE:
            return 1
        return self.clear_rows if status is Status.BREACH else self.breach_rows


def set_status(state: AnomalyState, status: Status) -> bool:
    """Set the status; True, because it changed."""
    state.status = state.wanted = status
    state.run = 0
    return True
