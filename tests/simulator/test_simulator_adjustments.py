"""Adjustments on the simulated line: what a gate recommends before the coat, carried out, brings parts inside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pytest

from inference.models.kind import Times, TrainingData, TrainingSettings
from inference.policy.costs import Adjustable, Costs
from inference.policy.gate import judge
from inference.training import train
from monitor.model import Decision, Floats, PartInput, PartKey, Reason, ReworkBand, Spec
from monitor.simulator.line import GAUGES, POINTS, PROCESS, SHAPE, measure, measure_profile, resonance

AT = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = Spec(1238.0, 1262.0)
"""Tighter than the line's own, so that the few Hz that coat and cure can do matter."""
GAUGED = {"hardness": "hardness", "stock_removed": "stock", "tool_wear": "tool_wear", "roughness": "roughness"}
MOVED = {"coat_thickness": "coat", "cure_temperature": "cure"}
ADJUSTABLES = (
    Adjustable("coat_thickness", 25.0, 21.5, 28.5, 0.25, 20.0),
    Adjustable("cure_temperature", 180.0, 174.0, 186.0, 1.0, 10.0),
)
COSTS = Costs(2000, 1500, 300, {}, ADJUSTABLES)
INPUTS = (*(f"p{i:02d}" for i in range(POINTS)), *GAUGED, *MOVED)


@dataclass(frozen=True)
class Blades:
    """What blades are, what their gauges say (parts, inputs), and how the final test would find them."""

    shape: Floats
    process: Floats
    noise: Floats
    rows: Floats

    def planned(self) -> Floats:
        """The rows as they are known before the coat."""
        rows = self.rows.copy()
        for one in ADJUSTABLES:
            rows[:, INPUTS.index(one.name)] = one.plan
        return rows

    def tested(self, moved: dict[int, Decision] | None = None) -> Floats:
        """The resonance in Hz (parts,), after what was recommended was carried out: the whole coat or cure shifts."""
        process = self.process.copy()
        for i, decision in (moved or {}).items():
            for move in decision.adjustment.moves if decision.adjustment else ():
                shift = (move.to - move.plan) / GAUGES[move.variable].slope
                process[i, PROCESS.index(MOVED[move.variable])] += shift
        return resonance(self.shape, process, self.noise)


def blades(count: int, seed: int) -> Blades:
    rng = np.random.default_rng(seed)
    shape, process = rng.standard_normal((count, len(SHAPE))), rng.standard_normal((count, len(PROCESS)))
    gauged = [measure(name, process[:, PROCESS.index(of)], rng) for name, of in (GAUGED | MOVED).items()]
    rows = np.column_stack([measure_profile(shape, rng), *gauged])
    return Blades(shape, process, rng.standard_normal(count), rows)


SIZES = [
    ("ensemble", 450, 450),
    pytest.param("ensemble", 1000, 4000, marks=pytest.mark.soak),
    pytest.param("shape", 1000, 4000, marks=pytest.mark.soak),
]


@pytest.mark.parametrize(("kind", "learnt", "judged_parts"), SIZES)
@pytest.mark.slow
def test_of_the_parts_predicted_outside_those_that_are_adjusted_end_inside(
    kind: str, learnt: int, judged_parts: int
) -> None:
    known, new = blades(learnt, 1), blades(judged_parts, 2)
    passed = np.arange(float(learnt))
    serials = [f"B{i}" for i in range(learnt)]
    data = TrainingData(known.rows, known.tested(), serials, (), Times(passed, passed + 50), known.planned())
    model = train(data, TrainingSettings(INPUTS, POINTS, 0.9, 60, 1), kind).model()
    parts = [
        PartInput(PartKey(f"N{i}", "machining", 1), AT, dict(zip(INPUTS, row, strict=True)))
        for i, row in enumerate(new.planned().tolist())
    ]
    judged = judge(model, None, parts, lambda _: SPEC, ReworkBand(), costs=COSTS)
    without = judge(model, None, parts, lambda _: SPEC, ReworkBand(), costs=replace(COSTS, adjustables=()))
    assert not any(decision.adjustment for _, decision in without)
    limits = SPEC.lower or 0.0, SPEC.upper or 0.0
    outside = {
        i: decision
        for i, (said, decision) in enumerate(judged)
        if said is not None and not limits[0] <= said.value <= limits[1] and decision.reason is Reason.ADJUSTABLE
    }
    every = {i: decision for i, (_, decision) in enumerate(judged) if decision.reason is Reason.ADJUSTABLE}
    before, after = new.tested(), new.tested(every)
    chosen, all_moved = list(outside), list(every)
    inside = (after >= limits[0]) & (after <= limits[1])
    was = (before >= limits[0]) & (before <= limits[1])
    covered = np.mean([d.adjustment.lower <= after[i] <= d.adjustment.upper for i, d in every.items() if d.adjustment])
    moved = f"{len(chosen)} predicted outside: {was[chosen].mean():.1%} inside as planned, {inside[chosen].mean():.1%}"
    print(f"{kind}: {moved} adjusted; all {len(every)} adjusted: {was[all_moved].mean():.1%}, "
          f"{inside[all_moved].mean():.1%}; in the predicted interval {covered:.1%}")  # fmt: skip
    assert len(chosen) >= judged_parts / 50
    assert was[chosen].mean() < inside[chosen].mean() - 0.25
    assert inside[chosen].mean() >= 0.9
    assert inside[all_moved].mean() >= 0.9
    assert covered > 0.83
