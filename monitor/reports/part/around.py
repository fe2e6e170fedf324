"""The parts before and after one on the same machine and in the same lot, each with its verdict and outcome."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from monitor.model import JsonObject
from monitor.reports.part.decisions import outcome
from monitor.reports.part.facts import rule_of
from monitor.reports.part.reading import KnownPart, Lens
from monitor.reports.part.values import iso
from monitor.store.database.database import Connection
from monitor.store.parts.around import NearPassage, decisions_on, passages_around
from monitor.store.parts.lists import ListedDecision
from monitor.store.rows.outcomes import StoredDisposition, StoredOutcome, dispositions_of_parts, outcomes_of
from monitor.store.rows.parts import PartStep

EACH_SIDE = 2
"""Parts that are named before and after."""
_MOST_PASSAGES = 8
"""Newest passages of the part whose neighbours are looked for."""


@dataclass(frozen=True, slots=True)
class _Near:
    """A passage of the part, what it has in common with its neighbours, and these in order of time."""

    row: PartStep
    by: str
    before: Sequence[NearPassage]
    after: Sequence[NearPassage]


def neighbours_of(connection: Connection, known: KnownPart, lens: Lens) -> list[JsonObject]:
    """By passage, the newest first, the nearest parts of the same machine and those of the same lot."""
    passed = sorted((row for row in known.steps if not row.revision), key=lambda row: (row.at, row.arrival))
    near = [one for row in passed[::-1][:_MOST_PASSAGES] for one in _near(connection, row)]
    serials = {passage.serial for one in near for passage in (*one.before, *one.after)}
    told = Told(connection, serials, lens)
    return [
        {"step": one.row.step, "visit": one.row.visit, "at": iso(one.row.at), "by": one.by,
         "name": getattr(one.row, one.by), "before": told.all(one.before), "after": told.all(one.after)}
        for one in near
    ]  # fmt: skip


def _near(connection: Connection, row: PartStep) -> Iterable[_Near]:
    if not (row.machine or row.lot):
        return
    before, after = passages_around(connection, row.step, row.at, row.arrival)
    for by in ("machine", "lot"):
        name = getattr(row, by)
        if name:
            sides = (
                [one for one in side if getattr(one, by) == name and one.serial != row.serial][:EACH_SIDE]
                for side in (before, after)
            )
            yield _Near(row, by, next(sides)[::-1], next(sides))


class Told:
    """What became of parts: by passage the decision, and the outcomes and dispositions since; read at once."""

    def __init__(self, connection: Connection, serials: Collection[str], lens: Lens) -> None:
        """For these parts."""
        self._connection, self._lens = connection, lens
        self._verdicts = {(row.serial, row.step, row.visit): row for row in decisions_on(connection, serials)}
        self._outcomes: dict[str, list[StoredOutcome]] = {}
        for row in outcomes_of(connection, serials):
            self._outcomes.setdefault(row.serial, []).append(row)
        self._dispositions: dict[str, list[StoredDisposition]] = {}
        for one in dispositions_of_parts(connection, serials):
            self._dispositions.setdefault(one.serial, []).append(one)

    def all(self, passages: Iterable[NearPassage]) -> list[JsonObject]:
        """Each passage as JSON."""
        return [self._passage(one) for one in passages]

    def became(self, row: ListedDecision) -> dict[str, object]:
        """The newest outcome of what was predicted, and the newest disposition, since the part passed; or None."""
        since = [one for one in self._outcomes.get(row.serial, ()) if one.at >= row.at]
        mine = [one for one in since if one.characteristic == row.characteristic]
        last = max(mine, key=lambda one: (one.at, one.revision), default=None)
        decided = [one.disposition for one in self._dispositions.get(row.serial, ()) if one.at >= row.at]
        return {"outcome": None if last is None else self._outcome(last, row),
                "disposition": decided[-1] if decided else None}  # fmt: skip

    def _passage(self, one: NearPassage) -> JsonObject:
        row = self._verdicts.get((one.serial, one.step, one.visit))
        said: dict[str, object] = {"gate": None, "verdict": None, "reason": None, "outcome": None, "disposition": None}
        if row is not None:
            said = {"gate": row.gate, "verdict": row.verdict, "reason": row.reason, **self.became(row)}
        return {"serial": one.serial, "visit": one.visit, "at": iso(one.at), **said}

    def _outcome(self, found: StoredOutcome, row: ListedDecision) -> JsonObject:
        plant = self._lens.plants(self._connection, row.plant_digest)
        return outcome(found, rule_of(plant, row.gate, row.characteristic, row.at))
