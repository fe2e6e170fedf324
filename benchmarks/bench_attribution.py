"""Attribution on a simulated line: one fault of each kind at a time, and whether the first cause named is that fault.

`python -m benchmarks bench_attribution` (parameters were chosen on seeds from 1000). A line of four steps with two
machines each; parts of lots of 40 and campaigns of 65 of one recipe, both of which always differ a little. Gates after
the second and the third step predict what the test rigs measure. The product's own detectors say
what is in breach; nothing but that is attributed. They look every 20 parts from the fault's first part on, 8 times at
most; the cause that counts is that of the look after the first one with a breach, as alerts pend for an hour. A fault
without a breach in all looks counts as not right. The demo's faults, over the whole program: `bench_demo`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from detectors.attribution.causes import Cause, CauseKind, Line, attribute
from detectors.attribution.evidence import FindingKey, MachineEvidence, Measured, PartsEvidence
from detectors.attribution.likeness import likeness
from detectors.attribution.scores import normal_scores
from detectors.attribution.splits import Factor, Labels
from detectors.charts.charts import ControlCharts
from detectors.window.drift import FeatureDrift
from detectors.window.drift_groups import feature_of
from detectors.window.performance import COLUMNS, Performance
from monitor.detection import WORST_SLICE
from monitor.model import Finding, Floats, Mask, Status, Window

SEEDS, BAR = range(25), 0.85
STEPS = ("cutting", "pressing", "curing", "testing")
MACHINES = {step: (f"{step}-1", f"{step}-2") for step in STEPS}
LINE = Line(STEPS, MACHINES)
REFERENCE, LOOKED_AT, WINDOW = 500, 240, 60
LOOK, LOOKS = 20, 8
"""Parts between two looks, and the number of looks."""
FEATURES = ("f1", "f2", "image_f3")
GATES = {"early": 1, "late": 2}
"""Each gate by the place of its step: it knows what was measured up to there."""
_SIGNS = np.array([[0.5, -0.4, 0.0], [0.6, 0.3, 0.0], [-0.5, 0.4, 0.0]])


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts in the order of the line: labels, features of shape (parts, steps, features), outcome, predictions."""

    lots: np.ndarray
    recipes: np.ndarray
    machines: np.ndarray
    values: Floats
    outcome: Floats
    predicted: Mapping[str, Floats]
    broken: tuple[MachineEvidence, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.lots)


Fault = tuple[Parts, str, tuple[str, ...]]
"""The parts with a fault, and the subject and names that a right cause has."""


def parts_of(rng: np.random.Generator, count: int) -> Parts:
    """Parts of a healthy line."""
    lots, recipes = np.arange(count) // 40, np.arange(count) // 65 % 2
    machines = rng.integers(0, 2, (count, len(STEPS)))
    values = rng.normal(size=(count, 3, 3)) + 0.4 * rng.normal(size=(lots.max() + 1, 3, 3))[lots]
    values += 0.5 * rng.normal(size=(2, 3, 3))[recipes] + 0.3 * rng.normal(size=(2, 3, 3))[machines[:, 1]]
    outcome, predicted = _made_of(values, rng)
    return Parts(lots, recipes, machines, values, outcome, predicted)


def _made_of(values: Floats, rng: np.random.Generator) -> tuple[Floats, dict[str, Floats]]:
    effect = (values * _SIGNS).sum(axis=2)
    known = {gate: effect[:, : place + 1].sum(axis=1) for gate, place in GATES.items()}
    return effect.sum(axis=1) + 0.5 * rng.normal(size=len(values)), known


def _shifted(parts: Parts, rows: Mask, step: int, feature: int, size: float) -> Parts:
    """Parts of which a feature is off; what follows from it for outcome and predictions too."""
    values = parts.values.copy()
    values[rows, step, feature] += size
    effect = (_SIGNS[step, feature] * size) * rows
    known = {gate: p + effect * (step <= GATES[gate]) for gate, p in parts.predicted.items()}
    return replace(parts, values=values, outcome=parts.outcome + effect, predicted=known)


def _since(count: int) -> Mask:
    """The parts made since the fault began: before them is all that a look needs."""
    return np.arange(count) >= count - LOOK * LOOKS


def _size(rng: np.random.Generator) -> float:
    return float(rng.choice([-1, 1]) * rng.uniform(3.0, 6.0))


def machine(parts: Parts, rng: np.random.Generator) -> Fault:
    """One machine makes something off."""
    step, which = int(rng.integers(0, 3)), int(rng.integers(0, 2))
    rows = _since(len(parts)) & (parts.machines[:, step] == which)
    return _shifted(parts, rows, step, int(rng.integers(0, 2)), _size(rng)), MACHINES[STEPS[step]][which], ()


def lot(parts: Parts, rng: np.random.Generator) -> Fault:
    """One to three lots are off, from the one that is made when the fault begins."""
    first = int(parts.lots[_since(len(parts))][0])
    lots = tuple(range(first, first + int(rng.integers(1, 4))))
    rows = np.isin(parts.lots, lots)
    return _shifted(parts, rows, 0, int(rng.integers(0, 2)), _size(rng)), "", tuple(f"L{n}" for n in lots)


def recipe(parts: Parts, rng: np.random.Generator) -> Fault:
    """One recipe is set wrongly at a step."""
    which, step = int(rng.integers(0, 2)), int(rng.integers(0, 3))
    rows = _since(len(parts)) & (parts.recipes == which)
    return _shifted(parts, rows, step, int(rng.integers(0, 2)), _size(rng)), STEPS[step], (f"R{which}",)


def process(parts: Parts, rng: np.random.Generator) -> Fault:
    """Everything at a step is off since a moment."""
    step = int(rng.integers(0, 3))
    return _shifted(parts, _since(len(parts)), step, int(rng.integers(0, 2)), _size(rng)), STEPS[step], ()


def camera(parts: Parts, rng: np.random.Generator) -> Fault:
    """The picture feature of a step is off since a moment; no part is."""
    step = int(rng.integers(0, 3))
    return _shifted(parts, _since(len(parts)), step, 2, _size(rng)), STEPS[step], ()


def test_rig(parts: Parts, rng: np.random.Generator) -> Fault:
    """The rigs read too high or too low since a moment."""
    rows = _since(len(parts))
    return replace(parts, outcome=parts.outcome + rows * _size(rng) * 0.5), "strength", ()


def model(parts: Parts, rng: np.random.Generator) -> Fault:
    """A gate's model is replaced by one that is off."""
    gate, rows = str(rng.choice(list(GATES))), _since(len(parts))
    off = parts.predicted[gate] + rows * _size(rng) * 0.5
    return replace(parts, predicted={**parts.predicted, gate: off}), gate, ()


def sensor(parts: Parts, rng: np.random.Generator) -> Fault:
    """A sensor is dead, and because of it its machine looks unusual."""
    name, feature = f"{STEPS[int(rng.integers(0, 4))]}-{int(rng.integers(1, 3))}", f"s{int(rng.integers(0, 4))}"
    step = name.split("-")[0]
    dead = MachineEvidence(FindingKey("limits", "dead", name, feature), name, step, (feature,), True, 10)
    odd = MachineEvidence(FindingKey("anomaly", "condition_alarm", name, ""), name, step, (feature,), False, 20)
    return replace(parts, broken=(dead, odd)), name, (feature,)


KINDS: Mapping[CauseKind, Callable[[Parts, np.random.Generator], Fault]] = {
    CauseKind.MACHINE: machine, CauseKind.LOT: lot, CauseKind.RECIPE: recipe, CauseKind.SENSOR: sensor,
    CauseKind.CAMERA: camera, CauseKind.TEST_RIG: test_rig, CauseKind.MODEL: model, CauseKind.PROCESS: process,
}  # fmt: skip


def evidence_of(parts: Parts) -> list[PartsEvidence]:
    """What the detectors say of the newest window, as evidence on the newest rows."""
    return [*_of_steps(parts), *_of_gates(parts)]


def _window(subject: str, step: str, names: tuple[str, ...], values: Floats, parts: Parts, rows: slice) -> Window:
    at, place = np.arange(len(parts), dtype=np.int64)[rows], min(STEPS.index(step), 2)
    made = zip(parts.machines[rows, place], parts.recipes[rows], strict=True)
    groups = tuple((MACHINES[step][m], f"R{r}") for m, r in made)
    lots = tuple(f"L{n}" for n in parts.lots[rows])
    return Window(subject, step, names, values[rows], at, at, groups, lots)


def _of_steps(parts: Parts) -> Iterator[PartsEvidence]:
    by_place = {place: gate for gate, place in GATES.items()}
    for place, step in enumerate(STEPS[:3]):
        names: tuple[str, ...] = FEATURES
        values = parts.values[:, place]
        for gate, at in GATES.items():
            if at == place:  # what the model of now says of the reference, as the product asks it
                names, values = (*names, "prediction"), np.column_stack([values, parts.predicted[gate]])
        before, now = (
            _window(step, step, names, values, parts, rows) for rows in (slice(REFERENCE), slice(-WINDOW, None))
        )
        for feature, found in _in_breach(before, now).items():
            column = values[:, names.index(feature)]
            measured = Measured.PREDICTION if feature == "prediction" else Measured.FEATURE
            measured = Measured.IMAGE if feature.startswith("image") else measured
            key = FindingKey(found.detector, found.method, step, feature)
            yield replace(_evidence(key, measured, parts, place, column), gate=by_place.get(place, ""))


def _in_breach(before: Window, now: Window) -> dict[str, Finding]:
    """By feature the finding of the step's detectors that is the farthest beyond its limit; of a slice its features."""
    worst: dict[str, tuple[float, Finding]] = {}
    for detector in (FeatureDrift(), ControlCharts()):
        for found in detector.judge(before, now):
            ratio = (found.value or 0.0) / found.limit if found.limit else 0.0
            of_slices = [feature_of(cause) for cause in found.causes] if found.method == WORST_SLICE else []
            for feature in of_slices or [found.feature] * bool(found.feature):
                if found.status is Status.BREACH and ratio > worst.get(feature, (0.0, found))[0]:
                    worst[feature] = ratio, found
    return {feature: found for feature, (_, found) in worst.items()}


def _of_gates(parts: Parts) -> Iterator[PartsEvidence]:
    errors = {gate: predicted - parts.outcome for gate, predicted in parts.predicted.items()}
    for gate, place in GATES.items():
        predicted, spread = parts.predicted[gate], 1.7 * errors[gate][:REFERENCE].std()
        columns = [predicted, predicted - spread, predicted + spread, parts.outcome, np.zeros(len(parts))]
        before, now = (
            _window(gate, STEPS[place], COLUMNS, np.column_stack(columns), parts, rows)
            for rows in (slice(REFERENCE), slice(-WINDOW, None))
        )
        found = [f for f in Performance(WINDOW).judge(before, now) if f.method != "skill" and not f.feature]
        worst = next((f for f in found if f.status is Status.BREACH), None)
        if worst is not None:
            key = FindingKey(worst.detector, worst.method, gate, "")
            e = _evidence(key, Measured.ERROR, parts, place, errors[gate])
            others = [_scores(parts, place, errors[other])[0] for other in GATES if other != gate]
            moved = [_scores(parts, place, column)[0] for column in (parts.outcome, predicted)]
            yield replace(e, subject="strength", gate=gate, outcome=moved[0], predicted=moved[1], others=others)


def _scores(parts: Parts, place: int, column: Floats, rows: slice = slice(-LOOKED_AT, None)) -> tuple[Floats, Floats]:
    made = [(f"{m}", f"{r}") for m, r in zip(parts.machines[:, place], parts.recipes, strict=True)]
    return normal_scores(column[:REFERENCE], made[:REFERENCE], column[rows], made[rows])


def _evidence(key: FindingKey, measured: Measured, parts: Parts, place: int, column: Floats) -> PartsEvidence:
    newest, step = slice(-LOOKED_AT, None), STEPS[place]
    at = np.arange(len(parts), dtype=np.int64)[newest]
    level, spread = _scores(parts, place, column)
    before = [f"L{n}" for n in parts.lots[:REFERENCE]]
    alike = [likeness(scores, before) for scores in _scores(parts, place, column, slice(REFERENCE))]
    labels = [
        Labels(Factor.MACHINE, other, [MACHINES[other][m] for m in parts.machines[newest, n]],
               0.0 if n == place else math.log(len(STEPS)))
        for n, other in enumerate(STEPS)
    ]  # fmt: skip
    labels.append(Labels(Factor.LOT, step, [f"L{n}" for n in parts.lots[newest]]))
    labels.append(Labels(Factor.RECIPE, step, [f"R{n}" for n in parts.recipes[newest]]))
    return PartsEvidence(
        key, measured, step, step, [f"P{n}" for n in at], at, level, spread, labels, (alike[0], alike[1])
    )


def tried(kind: CauseKind, seed: int) -> tuple[str, bool, int]:
    """The kind of the first cause of one fault ('none' where nothing was in breach), whether it is right, how many
    causes there are in all."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    healthy = parts_of(rng, REFERENCE + LOOKED_AT + LOOK * LOOKS + int(rng.integers(0, 80)))
    parts, subject, names = KINDS[kind](healthy, rng)
    causes: list[Cause] = []
    for made in range(LOOK * (LOOKS - 1), -1, -LOOK):
        known, causes = causes, attribute(LINE, evidence_of(_first(parts, len(parts) - made)), parts.broken, causes)
        if known and causes:
            return causes[0].kind.value, _is_right(causes[0], kind, subject, names), len(causes)
    return "none", False, 0


def _first(parts: Parts, count: int) -> Parts:
    """The parts that were made first."""
    arrays = {name: getattr(parts, name)[:count] for name in ("lots", "recipes", "machines", "values", "outcome")}
    return replace(parts, **arrays, predicted={gate: p[:count] for gate, p in parts.predicted.items()})


def _is_right(cause: Cause, kind: CauseKind, subject: str, names: Sequence[str]) -> bool:
    if cause.kind is not kind:
        return False
    if kind is CauseKind.RECIPE:  # the step may be that of a gate before it, whose errors showed it first
        return tuple(cause.names) == tuple(names)
    if kind is CauseKind.LOT:
        return len(set(names) & set(cause.names)) * 2 >= len(set(names) | set(cause.names))
    return cause.subject == subject and (not names or tuple(cause.names) == tuple(names))


def measure(seeds: Sequence[int]) -> dict[str, Any]:
    """How often the first cause is right, what it is instead, and how many causes one fault has."""
    confusion: dict[str, Counter[str]] = {kind.value: Counter() for kind in KINDS}
    right: Counter[str] = Counter()
    counts: list[int] = []
    for kind in KINDS:
        for seed in seeds:
            named, is_right, count = tried(kind, seed)
            confusion[kind.value][named] += 1
            right[kind.value] += is_right
            counts += [count] if count else []
    total = len(seeds) * len(KINDS)
    return {
        "faults": total, "right": sum(right.values()) / total, "right_by_kind": dict(right),
        "confusion": {kind: dict(named) for kind, named in confusion.items()},
        "causes_a_fault": sum(counts) / max(1, len(counts)),
    }  # fmt: skip


def main() -> None:
    """Print the figures as JSON, each beside its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=SEEDS.start, help="first seed")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    args = parser.parse_args()
    found = measure(range(args.first, args.first + args.seeds))
    json.dump({**found, "bar": BAR, "holds": found["right"] >= BAR}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
