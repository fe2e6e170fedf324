"""What is known of a part's passages through the steps, and which of them a gate is given: the one rule of joining.

A passage is joined with the newest one of each other step at or before its own process time, whatever the order in
which they arrived. Nothing from after it is used, and nothing older than the step's `max_age`: serial numbers are
used again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from math import nan

from inference.models.categories import level_code
from monitor.model import PartInput, PartKey
from monitor.plant.gates import GateConfig
from monitor.store.rows.decisions import Said
from monitor.store.rows.parts import PartStep

MaxAges = Mapping[str, timedelta]
"""How old a passage of each step may be to count, by step."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One accepted part step, as the gates see it."""

    arrival: int
    serial: str
    step: str
    visit: int
    at: datetime
    values: Mapping[str, float]
    machine: str = ""
    recipe: str = ""
    lot: str = ""

    def text(self, what: str) -> str:
        """Its machine, recipe or lot, by that word; empty where it has none."""
        return {"machine": self.machine, "recipe": self.recipe, "lot": self.lot}[what]


class KnownPassages:
    """The passages of parts that are known so far: of each visit the newest revision. Added in order of arrival."""

    def __init__(self, max_ages: MaxAges, history: Iterable[PartStep] = ()) -> None:
        self._max_ages = max_ages
        self._of_part: dict[str, dict[tuple[str, int], Passage]] = {}
        for row in history:
            self.add(passage_of(row))

    def add(self, passage: Passage) -> None:
        """Add a passage, or the correction of one."""
        self._of_part.setdefault(passage.serial, {})[passage.step, passage.visit] = passage

    def before(self, serial: str, at: datetime) -> dict[str, Passage]:
        """The part's newest passage through each step at or before `at`, as far as it is not too old."""
        newest: dict[str, Passage] = {}
        for passage in self._of_part.get(serial, {}).values():
            if not at - self._max_ages[passage.step] <= passage.at <= at:
                continue
            if is_newer(passage, newest.get(passage.step)):
                newest[passage.step] = passage
        return newest


def is_newer(passage: Passage, other: Passage | None) -> bool:
    """Whether a passage is the later one by process time; of two at the same instant that of the higher visit."""
    return other is None or (passage.at, passage.visit) > (other.at, other.visit)


def passage_of(row: PartStep) -> Passage:
    """The passage of a stored part step."""
    return Passage(row.arrival, row.serial, row.step, row.visit, row.at, row.values, row.machine, row.recipe, row.lot)


def with_earlier(
    history: Iterable[PartStep], max_ages: MaxAges, wanted: Callable[[PartStep], bool] = lambda _: True
) -> Iterator[tuple[PartStep, Passage, Mapping[str, Passage]]]:
    """Each wanted row of a history in order of arrival, its passage, and what a gate was given with it, by step."""
    known = KnownPassages(max_ages)
    for row in history:
        passage = passage_of(row)
        if wanted(row):
            yield row, passage, known.before(row.serial, row.at)
        known.add(passage)


def gate_input(
    gate: GateConfig, passage: Passage, latest: Mapping[str, Passage], said: Said
) -> tuple[PartInput, dict[str, int]]:
    """The gate's input, from this passage and the part's latest passages through earlier steps.

    `said` has what the gates whose predictions it uses predicted of the part. Of a passage that was corrected since,
    that is what was predicted when it was decided on: a decision stands.

    A machine, recipe or lot is the number that stands for its text. Of later steps the planned values stand for those
    that nobody knows yet. Also returns, by step, the arrival numbers of the
    rows it was made from. A picture is not read yet: `picture_key`.
    """
    values: dict[str, float] = {}
    inputs = {passage.step: passage.arrival}
    for step, features in _by_step(gate.features()):
        origin = passage if step == passage.step else latest.get(step)
        if origin is None:
            values |= {name: nan for name, _ in features}
        else:
            values |= {name: origin.values.get(feature, nan) for name, feature in features}
            inputs[step] = origin.arrival
    for category in gate.category_inputs():
        origin = passage if category.step == passage.step else latest.get(category.step)
        if origin is not None:
            inputs[category.step] = origin.arrival
    texts = category_texts(gate, passage, latest)
    values |= {name: level_code(text) for name, text in texts.items()}
    for earlier in gate.earlier:
        values[earlier.input] = nan
        if (origin := latest.get(earlier.step)) is not None:
            inputs[earlier.step] = origin.arrival
            key = earlier.gate, origin.serial, origin.step, origin.visit
            values[earlier.input] = said.get(key, nan)
    values |= gate.planned()
    if gate.picture is not None and gate.picture.step in latest:
        inputs.setdefault(gate.picture.step, latest[gate.picture.step].arrival)
    part = PartKey(passage.serial, passage.step, passage.visit)
    return PartInput(part, passage.at, values, tuple(sorted(inputs.values()))), inputs


@lru_cache(maxsize=256)
def _by_step(names: tuple[str, ...]) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
    """Features in their order, those of one step that follow each other together: the step, names and features."""
    parts = [(name, *name.partition(".")[::2]) for name in names]
    runs = groupby(parts, key=lambda part: part[1])
    return [(step, [(name, feature) for name, _, feature in run]) for step, run in runs]


def category_texts(gate: GateConfig, passage: Passage, latest: Mapping[str, Passage]) -> dict[str, str]:
    """The machines, recipes and lots that are inputs of the gate, by input; empty where one is not known."""
    passages = {**latest, passage.step: passage}
    return {
        category.input: passages[category.step].text(category.what) if category.step in passages else ""
        for category in gate.category_inputs()
    }


def picture_key(gate: GateConfig, inputs: Mapping[str, int]) -> tuple[int, str] | None:
    """Where the picture of a part is, from the arrival numbers of its input by step: a row and a value of it.

    None for a gate that takes numbers, and where the step is not known of the part.
    """
    if gate.picture is None or gate.picture.step not in inputs:
        return None
    return inputs[gate.picture.step], gate.picture.name
