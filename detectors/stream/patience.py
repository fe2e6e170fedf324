"""How many rows a change of a machine's status takes."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.model import Status


@dataclass(slots=True)
class Verdict:
    """A status; `wanted`: the one that recent rows indicate; `run`: consecutive rows that indicate it instead;
    `blind`: consecutive rows without enough values."""

    status: Status = Status.NO_DATA
    wanted: Status = Status.NO_DATA
    run: int = 0
    blind: int = 0

    def set(self, status: Status) -> bool:
        """Set the status; True, because it changed."""
        self.status = self.wanted = status
        self.run = 0
        return True

    def keeps(self, status: Status) -> bool:
        """Whether rows that indicate this status change nothing."""
        return self.status is status and self.wanted is status


@dataclass(frozen=True, slots=True)
class Patience:
    """The number of rows that a change of status takes, consecutive unless stated otherwise. All >= 1.

    `breach_rows` anomalous rows start a breach, `clear_rows` normal ones end it; `blind_rows` rows without enough
    values lead to NO_DATA. `recipes`: baselines kept; the least recently used one is dropped first. `settle_rows` (0 or
    more): running rows after a start or a changeover that are neither judged nor learnt, because the machine has not
    settled yet.
    """

    breach_rows: int = 5
    clear_rows: int = 20
    blind_rows: int = 10
    recipes: int = 16
    settle_rows: int = 10

    def count(self, verdict: Verdict, indicated: Status) -> bool:
        """Count one row towards the status that it indicates; whether the status changed."""
        if indicated is Status.NO_DATA:
            # A row without values neither confirms nor contradicts the rows before it.
            verdict.blind += 1
            return verdict.status is not Status.NO_DATA and verdict.blind >= self.blind_rows and verdict.set(indicated)
        verdict.blind = 0
        if indicated is verdict.status:
            verdict.wanted, verdict.run = indicated, 0
            return False
        verdict.run = verdict.run + 1 if indicated is verdict.wanted else 1
        verdict.wanted = indicated
        return verdict.run >= self._rows_needed(verdict.status, indicated) and verdict.set(indicated)

    def _rows_needed(self, status: Status, indicated: Status) -> int:
        if indicated is Status.CANNOT_JUDGE:
            return 1
        return self.clear_rows if status is Status.BREACH else self.breach_rows
