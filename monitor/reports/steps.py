"""The steps of a plant ranked by what they tell of a characteristic, from the stored parts with an outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exporters.metrics.shared.snapshot import StepRankRow
from exporters.report.ranking.page import steps_page
from exporters.report.ranking.values import LossKind, RankedStep, StepFigures, StepRanking
from inference.steps.parts import MIN_UNITS, LineParts, Reached, StepBlock, ignored, units_of
from inference.steps.ranking import StepGain, rank
from monitor.errors import MonitorError
from monitor.model import Floats
from monitor.plant.plant import Plant
from monitor.reports.plant import write
from monitor.store.database.database import Connection, Store
from monitor.store.rows.outcomes import LatestOutcome, outcomes
from monitor.store.rows.parts import PartStep, part_history
from monitor.store.watching.step_ranks import keep_ranks

MIN_PARTS = 30
"""Parts that must have passed a step for it to be ranked."""
MIN_RARE = 10
"""Of classes, parts of other ones than the most frequent that a ranking needs."""


class _Passed(NamedTuple):
    """A part with its outcome: the last passage through each step at or before the outcome's own time."""

    serial: str
    outcome: LatestOutcome
    passages: Mapping[str, PartStep]

    @property
    def first(self) -> PartStep:
        return min(self.passages.values(), key=lambda row: (row.at, row.arrival))

    @property
    def lot(self) -> str:
        """That of the first passage that has one."""
        rows = sorted(self.passages.values(), key=lambda row: (row.at, row.arrival))
        return next((row.lot for row in rows if row.lot), "")


def rank_plant(
    store: Store, plant: Plant, characteristics: Sequence[str], now: datetime, newest: int, *, trial: bool = False,
    reached: Callable[[float, str], None] = lambda share, name: None,
) -> tuple[list[StepRanking], dict[str, str]]:  # fmt: skip
    """Rank the steps by each characteristic, and keep the rankings for the metrics, unless it is a `trial`.

    Also returns why others could not be ranked, by characteristic. `reached` is told the share that is done, and the
    characteristic.
    """
    rankings, refused = [], {}
    for place, name in enumerate(characteristics):

        def done(share: float, place: int = place, name: str = name) -> None:
            reached((place + share) / len(characteristics), name)

        try:
            with store.read() as connection:
                parts = read_parts(connection, plant, name, now, newest)
            rankings.append(rank_steps(plant, name, parts, now, done))
        except MonitorError as exc:
            refused[name] = str(exc)
    with store.write() as connection:
        for ranking in () if trial else rankings:
            keep_ranks(connection, ranking.characteristic, _kept(ranking))
    return rankings, refused


def write_page(file: Path, site: str, rankings: Sequence[StepRanking], refused: Mapping[str, str]) -> None:
    """Write the rankings as a self-contained page."""
    write(file, steps_page(site, rankings, refused))


@dataclass(frozen=True, slots=True)
class RankedParts:
    """What a ranking is made from, and how many of the parts passed each step."""

    line: LineParts
    passed: Mapping[str, int]


def read_parts(connection: Connection, plant: Plant, characteristic: str, now: datetime, newest: int) -> RankedParts:
    """The newest parts whose outcome was available at `now`, with the values of each step that has enough of them.

    What was measured of a part after people reworked it says nothing of its steps, unless it began again.
    MonitorError where there are no outcomes, too few, outcomes that are all alike, or no values.
    """
    found = outcomes(connection, characteristic, now, newest, step=next(iter(plant.steps)))
    target, classes, parts = _targets(plant, characteristic, _passed(part_history(connection, found), found))
    _check(characteristic, parts, target, classes)
    passed = {step: sum(step in part.passages for part in parts) for step in plant.steps}
    blocks = [_block(step, parts) for step in plant.steps if passed[step] >= MIN_PARTS]
    blocks = [block for block in blocks if block.features]
    if not blocks:
        raise MonitorError(
            f"characteristic {characteristic!r}: no step has values of its parts; give a part_steps source `values`"
        )
    began = np.array([part.first.at.timestamp() for part in parts])
    available = np.array([part.outcome.first_available_at.timestamp() for part in parts])
    line = LineParts(blocks, target, [part.lot for part in parts], began, available, classes)
    return RankedParts(line, passed)


def rank_steps(
    plant: Plant, characteristic: str, parts: RankedParts, now: datetime, reached: Reached = ignored
) -> StepRanking:
    """Every step of the plant in line order, those with values ranked."""
    ranking = rank(parts.line, reached=reached)
    gains = {gain.step: gain for gain in ranking.gains}
    gates = {gate.step: name for name, gate in plant.gates.items() if gate.characteristic == characteristic}
    steps = [_ranked(step, passed, gates.get(step, ""), gains.get(step)) for step, passed in parts.passed.items()]
    return StepRanking(
        characteristic, plant.characteristics[characteristic].unit, now, ranking.parts, ranking.units,
        ranking.are_lots, LossKind.LOG_LOSS if parts.line.classes else LossKind.SQUARED_ERROR, ranking.loss, steps,
    )  # fmt: skip


def _ranked(step: str, passed: int, gate: str, gain: StepGain | None) -> RankedStep:
    if gain is None:
        return RankedStep(step, passed, gate, unranked=_why_not(passed))
    figures = StepFigures(
        gain.features, gain.gain, gain.low, gain.high, gain.p, gain.q, gain.loss, gain.explained, gain.matters
    )
    return RankedStep(step, passed, gate, figures, gain.deserves_gate)


def _kept(ranking: StepRanking) -> list[StepRankRow]:
    """What the store keeps of a ranking: the steps that could be ranked."""
    return [
        StepRankRow(ranking.characteristic, ranked.step, ranking.at, found.gain, found.low, found.high,
                    ranked.deserves_gate)
        for ranked in ranking.steps if (found := ranked.figures) is not None
    ]  # fmt: skip


def _passed(history: Iterable[PartStep], found: Mapping[str, LatestOutcome]) -> list[_Passed]:
    """The parts with a passage, in order of their first one; rows as they first came, without corrections."""
    last: dict[str, dict[str, PartStep]] = {}
    for row in history:
        if row.revision or row.at > found[row.serial].at:
            continue
        steps = last.setdefault(row.serial, {})
        other = steps.get(row.step)
        if other is None or (row.at, row.visit) > (other.at, other.visit):
            steps[row.step] = row
    parts = [_Passed(serial, found[serial], steps) for serial, steps in last.items()]
    return sorted(parts, key=lambda part: (part.first.at, part.serial))


def _targets(plant: Plant, name: str, parts: Sequence[_Passed]) -> tuple[Floats, int, Sequence[_Passed]]:
    """The outcomes (parts,), how many classes occur (0: numbers), and the parts, without those of no known class."""
    spec = plant.characteristics[name].class_spec(0.9)
    values = [part.outcome.value for part in parts]
    if spec is None:
        return np.array(values, dtype=np.float64), 0, parts
    known = [spec.index(value) is not None for value in values]
    parts = [part for part, is_known in zip(parts, known, strict=True) if is_known]
    present, places = np.unique([part.outcome.value for part in parts], return_inverse=True)
    return places.astype(np.float64), len(present), parts


def _check(name: str, parts: Sequence[_Passed], target: Floats, classes: int) -> None:
    if not parts:
        raise MonitorError(f"characteristic {name!r}: no part has an outcome yet; wait for outcomes")
    units = units_of([part.lot for part in parts])
    if units.count < MIN_UNITS:
        raise MonitorError(
            f"characteristic {name!r}: {len(parts)} parts with an outcome make {units.count} blocks; at least "
            f"{MIN_UNITS} blocks of 10 parts, or {MIN_UNITS} lots, are needed; wait for more outcomes"
        )
    if np.ptp(target) == 0:
        raise MonitorError(
            f"characteristic {name!r}: the outcomes of all {len(parts)} parts are alike, so no step can tell them apart"
        )
    rare = len(parts) - max(Counter(target.tolist()).values())
    if classes and rare < MIN_RARE:
        raise MonitorError(
            f"characteristic {name!r}: {rare} of {len(parts)} parts are of another class than the most frequent one; "
            f"at least {MIN_RARE} are needed; wait for more, or raise --newest"
        )


def _block(step: str, parts: Sequence[_Passed]) -> StepBlock:
    rows = [part.passages[step].values if step in part.passages else {} for part in parts]
    names = sorted({name for row in rows for name, value in row.items() if value is not None})
    cells = [[np.nan if (value := row.get(name)) is None else value for name in names] for row in rows]
    return StepBlock(step, names, np.array(cells, dtype=np.float64).reshape(len(parts), len(names)))


def _why_not(passed: int) -> str:
    if not passed:
        return "no part passed it before its outcome"
    return "it has no values" if passed >= MIN_PARTS else f"only {passed} parts passed it, {MIN_PARTS} are needed"
