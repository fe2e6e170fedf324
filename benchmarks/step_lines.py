"""The simulated line as a ranking of its steps takes it: seven steps that matter, and four decoys between them.

Parts, lots, tools and outcomes come from `monitor.simulator`. What each step truly adds follows from the physics: the
loss that is left to somebody who knows the true quantities of the steps so far. The decoys are noise a part, a value a
lot, a copy of what an earlier step measured with more noise, and values that wander.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from inference.steps.parts import LineParts, StepBlock
from monitor.model import Floats
from monitor.simulator import line
from monitor.simulator.flow import run_line
from monitor.simulator.history import PARTS_PER_DAY
from monitor.simulator.parts import draw_blades, draw_orders, process_of
from monitor.simulator.shifts import WORK_DAY_MS, shifts_between

DECOYS = ("washing", "storage", "marking", "transport")
AS_BUILT = (
    "forging", "washing", "heat_treatment", "storage", "milling", "tooling", "marking", "finishing", "coating",
    "curing", "transport",
)  # fmt: skip
SHAPE_LAST = (
    "washing", "heat_treatment", "storage", "milling", "tooling", "finishing", "coating", "curing", "transport",
    "forging", "marking",
)  # fmt: skip
"""The shape explains most of the outcome. Measured last, the other steps are weak: 1 to 5 % of the loss."""
_KNOWS = {
    "heat_treatment": "hardness", "milling": "stock", "tooling": "tool_wear", "finishing": "roughness",
    "coating": "coat", "curing": "cure",
}  # fmt: skip
_GAUGES = {
    "heat_treatment": "hardness", "milling": "stock_removed", "coating": "coat_thickness",
    "curing": "cure_temperature",
}  # fmt: skip
_START = datetime(2026, 1, 5, tzinfo=UTC)


def line_parts(seed: int, parts: int, order: Sequence[str], drift_hz: float = 0.0) -> LineParts:
    """Parts of one line; `drift_hz` is the standard deviation of a slow wander of the outcome."""
    rng = np.random.default_rng(seed)
    orders = draw_orders(parts, rng)
    blades = draw_blades(orders, rng)
    shifts = shifts_between(_START, _START + timedelta(days=parts / PARTS_PER_DAY + 10))
    release = np.arange(parts) * (WORK_DAY_MS / PARTS_PER_DAY)
    passes = run_line(release, orders.recipe, orders.rework, shifts, rng).passes
    process = process_of(blades, orders, passes)
    outcome = line.resonance(blades.shape, process, blades.noise) + drift_hz * _wandering(parts, 1, rng)[:, 0]
    blocks = _blocks(blades.shape, process, orders.lot, rng)
    at = np.arange(parts, dtype=np.float64) * 86_400 / PARTS_PER_DAY
    lots = [f"HT{lot:04d}" for lot in orders.lot.tolist()]
    named = [StepBlock(step, [f"v{i}" for i in range(blocks[step].shape[1])], blocks[step]) for step in order]
    return LineParts(named, outcome, lots, at, at + 86_400)


def _blocks(shape: Floats, process: Floats, lot: np.ndarray, rng: np.random.Generator) -> dict[str, Floats]:
    parts = len(shape)
    profile = line.measure_profile(shape, rng)
    found = {"forging": profile}
    for step, gauge in _GAUGES.items():
        found[step] = line.measure(gauge, _quantity(process, step), rng)[:, None]
    wear = _quantity(process, "tooling")
    found["tooling"] = line.measure("tool_wear", wear, rng)[:, None]
    rough = line.visible_roughness(_quantity(process, "finishing"), wear)
    found["finishing"] = line.measure("roughness", rough, rng)[:, None]
    found["washing"] = rng.standard_normal((parts, 8))
    found["storage"] = rng.standard_normal((int(lot[-1]) + 1, 2))[lot] + 0.05 * rng.standard_normal((parts, 2))
    found["marking"] = profile[:, ::4] + 0.1 * rng.standard_normal((parts, 8))
    found["transport"] = _wandering(parts, 4, rng) + 0.1 * rng.standard_normal((parts, 4))
    return found


def _quantity(process: Floats, step: str) -> Floats:
    return process[:, line.PROCESS.index(_KNOWS[step])]


def _wandering(parts: int, columns: int, rng: np.random.Generator) -> Floats:
    """Columns of variance 1 whose correlation falls to 1/e within some 300 parts."""
    kept = np.exp(-1 / 300)
    found = np.empty((parts, columns))
    level = rng.standard_normal(columns)
    for i, step in enumerate(np.sqrt(1 - kept**2) * rng.standard_normal((parts, columns))):
        found[i] = level = kept * level + step
    return found


def only_wandering(seed: int, parts: int, classes: bool) -> LineParts:
    """Four steps of four columns that are random walks, and an outcome, or a rate of failures, that is another one."""
    rng = np.random.default_rng(seed)
    walks = np.cumsum(rng.standard_normal((parts, 17)), axis=0)
    walks = (walks - walks.mean(axis=0)) / walks.std(axis=0)
    blocks = [StepBlock(f"step_{i + 1}", [""] * 4, walks[:, 4 * i : 4 * i + 4]) for i in range(4)]
    level = walks[:, 16]
    failed = rng.random(parts) < 1 / (1 + np.exp(2.0 - 1.5 * level))
    target = failed.astype(np.float64) if classes else level + rng.standard_normal(parts)
    at = np.arange(parts, dtype=np.float64) * 86_400 / PARTS_PER_DAY
    return LineParts(blocks, target, [f"L{i // 40}" for i in range(parts)], at, at + 86_400, 2 if classes else 0)


def true_gains(order: Sequence[str], parts: int = 200_000) -> Mapping[str, float]:
    """What each step adds to who knows the true quantities: the share of the loss left by the steps before it."""
    rng = np.random.default_rng(0)
    shape, process = rng.standard_normal((parts, len(line.SHAPE))), rng.standard_normal((parts, len(line.PROCESS)))
    process[:, line.PROCESS.index("tool_wear")] = line.standardised_wear(rng.random(parts))
    outcome = line.resonance(shape, process, rng.standard_normal(parts))
    known, seen, gains = np.zeros_like(process), False, {}
    before = float(np.var(outcome))
    for step in order:
        if step in _KNOWS:
            place = line.PROCESS.index(_KNOWS[step])
            known[:, place] = process[:, place]
        seen |= step == "forging"
        # Where the shape is unknown, its mean effect is 0, and so is that of its product with the coat.
        effect = line.process_effect(shape if seen else np.zeros_like(shape), known)
        mean = line.expected_from_all(shape, known) if seen else effect * _PROCESS_HZ
        after = float(np.var(outcome - mean))
        gains[step] = 1 - after / before
        before = after
    return gains


_PROCESS_HZ = float(
    (line.expected_from_all(np.zeros((1, 6)), np.ones((1, 7))) - line.expected_from_shape(np.zeros((1, 6))))[0]
    / line.process_effect(np.zeros((1, 6)), np.ones((1, 7)))[0]
)
