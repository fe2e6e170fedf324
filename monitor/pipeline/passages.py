"""The latest passage of each part through each step: what a gate knows about a part's earlier steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.store.rows.parts import PartStep


@dataclass(frozen=True, slots=True)
class Passage:
    """One accepted part step, as the gates see it."""

    arrival: int
    serial: str
    step: str
    visit: int
    at: datetime
    values: Mapping[str, float]


class LatestPassages:
    """The latest passages by part and step. Passages are added in order of arrival, corrections too."""

    def __init__(self, history: Iterable[PartStep] = ()) -> None:
        self._of_part: dict[str, dict[str, Passage]] = {}
        for row in history:
            self.add(passage_of(row))

    def add(self, passage: Passage) -> Mapping[str, Passage]:
        """Add a passage; returns the part's latest passages by step before it."""
        earlier = self._of_part.get(passage.serial, {})
        self._of_part[passage.serial] = {**earlier, passage.step: passage}
        return earlier


def passage_of(row: PartStep) -> Passage:
    """The passage of a stored part step."""
    return Passage(row.arrival, row.serial, row.step, row.visit, row.at, row.values)


def with_earlier(history: Iterable[PartStep]) -> Iterator[tuple[PartStep, Passage, Mapping[str, Passage]]]:
    """Each row of a history in order of arrival, its passage, and the part's latest passages by step before it."""
    latest = LatestPassages()
    for row in history:
        passage = passage_of(row)
        yield row, passage, latest.add(passage)
