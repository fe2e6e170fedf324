"""What gates knew beside their own predictions when they decided, from the stored rows, in order of arrival."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from inference.policy.confirming import BY_MODEL, NEWEST
from monitor.confirming.page import newest_of
from monitor.confirming.signals import Newest, Seen, counts
from monitor.model import JsonObject
from monitor.pipeline.passages import KnownPassages
from monitor.plant.plant import Plant
from monitor.store.database.database import Connection
from monitor.store.rows.decisions import (
    EarlierDecision,
    NewestDecision,
    StoredDecision,
    earlier_decisions,
    newest_decisions,
    oldest_decided,
)
from monitor.store.rows.outcomes import StoredOutcome, oldest_outcome, outcomes_of
from monitor.store.rows.parts import PartStep, part_history

_REMEMBERED = 10_000
"""Decisions of a gate that are remembered: those of other pages that were decided at the same time do not count."""


_OfPart = TypeVar("_OfPart", PartStep, EarlierDecision, StoredOutcome)


def _by_serial(rows: Iterable[_OfPart]) -> dict[str, list[_OfPart]]:
    found: dict[str, list[_OfPart]] = defaultdict(list)
    for row in rows:
        found[row.serial].append(row)
    return found


class SignalsThen:
    """What was known at each decision. Decisions are given in order of arrival, batch by batch."""

    def __init__(self) -> None:
        self._newest: dict[str, deque[NewestDecision]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))
        self._oldest: dict[tuple[str, str], datetime | None] = {}
        self._history: dict[str, list[PartStep]] = {}
        self._decisions: dict[str, list[EarlierDecision]] = {}
        self._outcomes: dict[str, list[StoredOutcome]] = {}

    def read(self, connection: Connection, rows: Sequence[StoredDecision]) -> None:
        """Read what is stored of the parts of a batch that were, or might have been, scrapped by cost."""
        serials = {row.serial for row in rows if row.signals is not None and "page" in row.signals}
        self._history = _by_serial(part_history(connection, serials))
        self._decisions = _by_serial(earlier_decisions(connection, serials))
        self._outcomes = _by_serial(outcomes_of(connection, serials))

    def of(self, connection: Connection, row: StoredDecision, plant: Plant) -> Seen:
        """What was known at a decision by what it recorded; nothing where it recorded nothing."""
        record = row.signals
        if record is None or "page" not in record:
            return Seen()
        arrival, page = int(record["arrival"]), int(record["page"])

        def was_known(number: int) -> bool:
            return number <= arrival or page <= number < row.arrival

        passages = KnownPassages(
            plant.max_ages(), [p for p in self._history.get(row.serial, ()) if was_known(p.arrival)]
        )
        decisions = {(d.step, d.visit): d for d in self._decisions.get(row.serial, ()) if was_known(d.arrival)}
        return Seen(
            arrival, page, {step: p.visit for step, p in passages.before(row.serial, row.at).items()}, decisions,
            [o for o in self._outcomes.get(row.serial, ()) if o.arrival <= arrival],
            self._newest_then(connection, row, record["newest"], was_known),
            [one for one in record["confirmed_by"] if self._is_deleted(connection, one)],
        )  # fmt: skip

    def remember(self, connection: Connection, row: StoredDecision) -> None:
        """Read the gate's newest decisions before a decision, for one that is given without those before it."""
        record = row.signals
        if record is None or "page" not in record:
            return
        of_page = newest_decisions(connection, row.gate, BY_MODEL, row.arrival - 1, NEWEST)
        known = newest_decisions(connection, row.gate, BY_MODEL, int(record["arrival"]), NEWEST)
        self._newest[row.gate] = deque(sorted({one.arrival: one for one in (*known, *of_page)}.values()))

    def add(self, row: StoredDecision) -> None:
        """Let a decision count for those after it."""
        if counts(row.reason):
            self._newest[row.gate].append(NewestDecision(row.arrival, row.at, row.reason))

    def _newest_then(
        self, connection: Connection, row: StoredDecision, record: JsonObject, was_known: Callable[[int], bool]
    ) -> Newest:
        """The gate's newest decisions; as they were recorded, where some of them may have been deleted since."""
        known = [one for one in self._newest[row.gate] if was_known(one.arrival)][-NEWEST:]
        oldest = None if record["oldest"] is None else datetime.fromisoformat(record["oldest"])
        lacking = len(known) < min(record["decisions"], NEWEST)
        if lacking and oldest is not None and self._is_older(connection, "gate", row.gate, oldest):
            return Newest(record["decisions"], record["scraps"], oldest)
        return newest_of(known)

    def _is_deleted(self, connection: Connection, signal: JsonObject) -> bool:
        """Whether what a recorded signal rests on is older than anything of its kind that is still stored."""
        kind, name = ("outcome", "characteristic") if signal["signal"] == "outcome" else ("gate", "gate")
        return self._is_older(connection, kind, signal[name], datetime.fromisoformat(signal["at"]))

    def _is_older(self, connection: Connection, kind: str, name: str, at: datetime) -> bool:
        if (kind, name) not in self._oldest:
            read = oldest_outcome if kind == "outcome" else oldest_decided
            self._oldest[kind, name] = read(connection, name)
        oldest = self._oldest[kind, name]
        return oldest is None or at < oldest
