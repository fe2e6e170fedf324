"""The decisions of a page as they stand, one after the other in the order in which its rows arrive.

What an earlier row of the page was decided counts for a later one, as if each had been a page of its own: how rows are
cut into pages changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from inference.policy.confirming import BY_MODEL, NEWEST
from monitor.confirming.signals import Newest, Seen, counts, finds_scrap, is_scrap_by_cost, settled
from monitor.plant.plant import Plant
from monitor.store.database.database import Connection, Store
from monitor.store.rows.decisions import (
    EarlierDecision,
    NewestDecision,
    StoredDecision,
    earlier_decisions,
    newest_decisions,
)
from monitor.store.rows.outcomes import StoredOutcome, outcomes_of

Visits = Mapping[int, Mapping[str, int]]
"""By arrival number of a row, the visit of the part's newest earlier passage through each step."""


def settle_page(
    store: Store, plant: Plant, rows: Sequence[StoredDecision], visits: Visits, arrival: int, page: int
) -> list[StoredDecision]:
    """The decisions of a page as they stand; `rows` are in the order of the page.

    Of stored rows, those up to number `arrival` count. `page` is the number of the page's first row.
    """
    may_scrap = [row for row in rows if is_scrap_by_cost(row, plant)]
    if not may_scrap:
        return [settled(row, plant, Seen()) for row in rows]
    with store.read() as connection:
        known = _Known(connection, may_scrap, arrival)
    found = []
    for row in rows:
        seen = known.of(row, visits.get(row.arrival, {}), page) if is_scrap_by_cost(row, plant) else Seen()
        found.append(settled(row, plant, seen))
        known.add(found[-1])
    return found


def as_earlier(row: StoredDecision) -> EarlierDecision:
    """A decision as another one may rest on it."""
    return EarlierDecision._make(getattr(row, name) for name in EarlierDecision._fields)


def newest_of(rows: Iterable[NewestDecision]) -> Newest:
    """Newest decisions as counts."""
    rows = list(rows)
    scraps = sum(finds_scrap(row.reason) for row in rows)
    return Newest(len(rows), scraps, min((row.at for row in rows), default=None))


class _Known:
    """What is known of the parts that may be scrapped, and of the gates that may scrap them."""

    def __init__(self, connection: Connection, rows: Sequence[StoredDecision], arrival: int) -> None:
        self._arrival = arrival
        serials = {row.serial for row in rows}
        self._decisions: dict[str, dict[tuple[str, int], EarlierDecision]] = {serial: {} for serial in serials}
        for decision in earlier_decisions(connection, serials):
            if decision.arrival <= arrival:
                self._decisions[decision.serial][decision.step, decision.visit] = decision
        self._outcomes: dict[str, list[StoredOutcome]] = {serial: [] for serial in serials}
        for outcome in outcomes_of(connection, serials):
            if outcome.arrival <= arrival:
                self._outcomes[outcome.serial].append(outcome)
        self._newest = {
            gate: deque(newest_decisions(connection, gate, BY_MODEL, arrival, NEWEST), maxlen=NEWEST)
            for gate in {row.gate for row in rows}
        }

    def of(self, row: StoredDecision, visits: Mapping[str, int], page: int) -> Seen:
        """What is known when a decision is made."""
        decisions, outcomes = self._decisions[row.serial], self._outcomes[row.serial]
        return Seen(self._arrival, page, visits, decisions, outcomes, newest_of(self._newest[row.gate]))

    def add(self, row: StoredDecision) -> None:
        """Let a decision count for those after it."""
        if row.serial in self._decisions:
            self._decisions[row.serial][row.step, row.visit] = as_earlier(row)
        if row.gate in self._newest and counts(row.reason):
            self._newest[row.gate].append(NewestDecision(row.arrival, row.at, row.reason))
