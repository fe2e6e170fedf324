"""The parts of a campaign: latent shape and process, effects of faults, and resonance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats
from monitor.simulator import line
from monitor.simulator.faults import FaultKind, FaultTruth
from monitor.simulator.flow import NO_REWORK, Passes
from monitor.simulator.machines import MACHINES, RECIPES, STEPS
from monitor.simulator.shifts import Ints, to_ms

_LOT_PARTS, _CAMPAIGN_PARTS = 40, 80
_REWORK_SHARE = 0.03
_TRIAL_SHARE, _TRIAL_THICKNESS, _TRIAL_STOCK = 0.25, 8.0, 16.0
FORGING, MACHINING, COATING, TESTING = range(4)
_DRAWN = ("stock", "roughness", "coat", "cure", "porosity")
"""Latent quantities drawn at each visit."""


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders, one row per part: recipe, material lot (both indexes) and the step passed twice, if any."""

    recipe: Ints
    lot: Ints
    rework: Ints


@dataclass(frozen=True, slots=True)
class Blades:
    """The latent truth of the parts; `drawn` has shape (parts, 2 visits, 5) in the order of `_DRAWN`."""

    shape: Floats
    lot_hardness: Floats
    drawn: Floats
    noise: Floats


@dataclass(frozen=True, slots=True)
class Affected:
    """The parts that a fault affected, and the lots if the material was at fault, as indexes."""

    parts: Ints
    lots: Ints


@dataclass(frozen=True, slots=True)
class FaultEffects:
    """The effects of the faults: the blades; recipe and light per passage; the test rig's bias in Hz per part; and the
    parts and lots of each fault, in the order of the faults."""

    blades: Blades
    recipe: Ints
    light: Floats
    bias: Floats
    affected: tuple[Affected, ...]


def draw_orders(parts: int, rng: np.random.Generator) -> Orders:
    """Orders in campaigns of one recipe and lots of one melt; some parts pass machining or coating twice."""
    index = np.arange(parts, dtype=np.int64)
    uniform = rng.random(parts)
    rework = np.where(uniform < _REWORK_SHARE, MACHINING, np.where(uniform < 2 * _REWORK_SHARE, COATING, NO_REWORK))
    return Orders(index // _CAMPAIGN_PARTS % len(RECIPES), index // _LOT_PARTS, rework)


def draw_blades(orders: Orders, rng: np.random.Generator) -> Blades:
    """Blades of a healthy line."""
    parts = orders.lot.shape[0]
    return Blades(
        rng.standard_normal((parts, len(line.SHAPE))),
        rng.standard_normal(int(orders.lot[-1]) + 1),
        rng.standard_normal((parts, 2, len(_DRAWN))),
        rng.standard_normal((parts,)),
    )


def add_trials(blades: Blades, rng: np.random.Generator) -> Blades:
    """Add trials: a quarter of the first third of the parts is forged or milled far off target on purpose.

    A model trained without parts out of specification could not recognise one.
    """
    parts = blades.noise.shape[0]
    trial = (np.arange(parts) < parts // 3) & (rng.random(parts) < _TRIAL_SHARE)
    forged, offset = rng.random(parts) < 0.5, rng.uniform(-1.0, 1.0, (parts,))
    shape, drawn = blades.shape.copy(), blades.drawn.copy()
    shape[trial & forged, line.SHAPE.index("thickness")] += _TRIAL_THICKNESS * offset[trial & forged]
    drawn[trial & ~forged, :, _DRAWN.index("stock")] += _TRIAL_STOCK * offset[trial & ~forged, None]
    return replace(blades, shape=shape, drawn=drawn)


def apply_faults(blades: Blades, orders: Orders, passes: Passes, faults: Sequence[FaultTruth]) -> FaultEffects:
    """Apply the faults to the parts; faults of machine sensors affect none."""
    shape, drawn, hardness = blades.shape.copy(), blades.drawn.copy(), blades.lot_hardness.copy()
    recipe, light = orders.recipe[passes.part], np.ones(passes.part.shape)
    bias, affected = np.zeros(blades.noise.shape), []
    for fault in faults:
        rows = _affected_rows(fault, passes)
        parts, lots = np.unique(passes.part[rows]), np.empty(0, dtype=np.int64)
        if fault.kind is FaultKind.STEP_OFFSET:
            shape[parts, line.SHAPE.index("thickness")] += fault.magnitude
        elif fault.kind is FaultKind.LOT_SHIFT:
            lots = _lots_started(orders, passes, parts)
            hardness[lots] += fault.magnitude
            parts = np.flatnonzero(np.isin(orders.lot, lots))
        elif fault.kind is FaultKind.WRONG_RECIPE:
            recipe[rows] = 1 - recipe[rows]
            drawn[passes.part[rows], passes.visit[rows] - 1, _DRAWN.index("stock")] += fault.magnitude
        elif fault.kind is FaultKind.CAMERA_CHANGE:
            light[rows] *= fault.magnitude
        elif fault.kind is FaultKind.CONCEPT_CHANGE:
            bias[parts] += fault.magnitude
        affected.append(Affected(parts, lots))
    return FaultEffects(Blades(shape, hardness, drawn, blades.noise), recipe, light, bias, tuple(affected))


def _affected_rows(fault: FaultTruth, passes: Passes) -> NDArray[np.bool_]:
    """The passages at the fault's step or machine that ended while it lasted; none for a fault of a sensor."""
    if fault.sensor:
        return np.zeros(passes.part.shape, dtype=bool)
    if fault.subject in STEPS:
        at_subject = passes.step == STEPS.index(fault.subject)
    else:
        at_subject = passes.machine == MACHINES.index(fault.subject)
    rows: NDArray[np.bool_] = at_subject & (passes.end >= to_ms(fault.start))
    if not fault.lasting:
        rows &= passes.end < to_ms(fault.end)
    return rows


def _lots_started(orders: Orders, passes: Passes, parts: Ints) -> Ints:
    """The lots whose first forged part is among the given ones."""
    forged = passes.step == FORGING
    ends = np.full(orders.lot.shape, np.iinfo(np.int64).max)
    ends[passes.part[forged]] = passes.end[forged]
    in_order = np.argsort(ends, kind="stable")
    _, position = np.unique(orders.lot[in_order], return_index=True)
    first_lots: Ints = np.unique(orders.lot[np.intersect1d(in_order[position], parts)])
    return first_lots


def process_of(blades: Blades, orders: Orders, passes: Passes) -> Floats:
    """The final process quantities of each part (parts, 7), those of its last visit."""
    parts = np.arange(orders.lot.shape[0])
    process = np.empty((parts.shape[0], len(line.PROCESS)))
    process[:, line.PROCESS.index("hardness")] = blades.lot_hardness[orders.lot]
    milled = passes.step == MACHINING
    last = np.lexsort((passes.visit[milled], passes.part[milled]))
    wear = np.empty(parts.shape[0])
    wear[passes.part[milled][last]] = passes.wear[milled][last]
    process[:, line.PROCESS.index("tool_wear")] = line.standardised_wear(wear)
    for i, name in enumerate(_DRAWN):
        step = MACHINING if name in ("stock", "roughness") else COATING
        process[:, line.PROCESS.index(name)] = blades.drawn[parts, (orders.rework == step).astype(int), i]
    return process


def resonance_of(effects: FaultEffects, orders: Orders, passes: Passes) -> Floats:
    """The reading of the test rig for each part, in Hz."""
    process = process_of(effects.blades, orders, passes)
    return line.resonance(effects.blades.shape, process, effects.blades.noise) + effects.bias


def drawn_at(blades: Blades, name: str, passes: Passes) -> Floats:
    """A quantity that is drawn at each visit, one number per passage."""
    drawn: Floats = blades.drawn[passes.part, passes.visit - 1, _DRAWN.index(name)]
    return drawn
