"""What the store and the plant files know of one part, read once for everything that its passport says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitor.plant.plant import Plant
from monitor.store.database.database import Connection
from monitor.store.delivery.outbox import OutboxMessage, messages_about
from monitor.store.rows.decisions import Said, StoredDecision, decisions_of, said_of_passages
from monitor.store.rows.outcomes import StoredDisposition, StoredOutcome, dispositions_of, outcomes_of
from monitor.store.rows.parts import PartStep, part_history
from monitor.store.rows.pictures import picture_names

ClassNames = Mapping[str, Mapping[int, str]]
"""By characteristic with classes the name of each class, by its number in outcomes."""


@dataclass(frozen=True, slots=True)
class Lens:
    """Through what a passport is read: the plant file in force, those of before, and the time.

    `plants` gives the plant file of a digest, None where it is not known. Without `plant` and `now` no due time is
    known.
    """

    plants: Callable[[Connection, str], Plant | None] = lambda connection, digest: None
    plant: Plant | None = None
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class KnownPart:
    """The rows about one part: passages, decisions, outcomes and dispositions in order, messages to the MES.

    `pictures` are the names of those of each row, `plants` the plant file of each decision, as far as it is known.
    """

    serial: str
    steps: Sequence[PartStep]
    decisions: Sequence[StoredDecision]
    outcomes: Sequence[StoredOutcome]
    dispositions: Sequence[StoredDisposition]
    messages: Sequence[OutboxMessage]
    pictures: Mapping[int, Sequence[str]] = field(default_factory=dict)
    plants: Mapping[str, Plant | None] = field(default_factory=dict)

    @property
    def rows(self) -> dict[int, PartStep]:
        """The passages by arrival number."""
        return {row.arrival: row for row in self.steps}

    @property
    def said(self) -> Said:
        """What gates predicted of its passages."""
        return said_of_passages(self.decisions)

    def newest_of_gates(self) -> list[StoredDecision]:
        """The newest decision of each gate, by the passage; the newest first."""
        newest: dict[str, StoredDecision] = {}
        for row in sorted(self.decisions, key=lambda row: (row.at, row.arrival)):
            newest[row.gate] = row
        return sorted(newest.values(), key=lambda row: (row.at, row.arrival), reverse=True)


def read_part(connection: Connection, serial: str, lens: Lens) -> KnownPart:
    """The rows about a part; empty where nothing is known of it."""
    steps, decisions = part_history(connection, [serial]), decisions_of(connection, serial)
    # The outbox also holds alerts, perhaps about a machine whose name is this serial number.
    messages = [row for row in messages_about(connection, serial) if row.payload.get("serial") == serial]
    return KnownPart(
        serial,
        steps,
        decisions,
        outcomes_of(connection, [serial]),
        dispositions_of(connection, serial),
        messages,
        picture_names(connection, [row.arrival for row in steps]),
        {digest: lens.plants(connection, digest) for digest in {row.plant_digest for row in decisions}},
    )
