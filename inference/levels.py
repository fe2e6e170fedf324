"""Changes of level in the outcomes that nothing measured explains: a test rig recalibrated, a method of test changed.

Outcomes come late, so the newest training set is a mixture: mostly parts from before a change, few from after. Learning
from all of them alike puts a model between the two levels, where it is wrong for every part; leaving the old parts out
leaves too few. So a change of level is looked for, and the outcomes from before it are brought to the level after it:
what the inputs mean is then learnt from all parts, the level from the newest.

What is explained by anything known of the parts is no change of level, also where the gate itself cannot know it yet,
such as the hardness of a lot or a later step: a linear fit of all of that comes first. The unit of evidence is the lot,
for the parts of one lot share their material and are no independent witnesses. The test permutes whole lots (Good,
"Permutation, Parametric and Bootstrap Tests of Hypotheses", 2005, chapter 3): if nothing changed, every order of the
lots is as likely as the one seen. Earlier changes are looked for in the same way among the lots before (binary
segmentation, Scott and Knott, 1974), and the levels are then fitted together with what explains the outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

FALSE_CHANGES = 0.01
"""How often a change may be seen among lots that differ by chance alone."""
MIN_LOT_ROWS = 10
"""Parts of a lot below which its median says too little; such lots belong to the segment they lie in."""
MIN_LOTS = 2
"""Lots after a change that must show it: one lot that differs is a lot at fault."""
_LEAST_LOTS = 8  # fewer than eight lots have no order that is seen less often than once in a hundred
_PERMUTATIONS = 2000
_OUTLIER = 3.0  # standard deviations beyond which a lot or part counts no further: one bad lot must not make a level
_BLOCK = 20  # parts made one after the other that stand for a lot where the plant knows none
_RIDGE = 1e-3  # keeps columns apart that say the same
_REFITS = 5

Segments = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Levels:
    """What was found: `lift` brings each row's outcome to the newest level, `newest` marks the rows made at it."""

    lift: Floats
    newest: NDArray[np.bool_]
    changes: int


def find_levels(known: Floats, target: Floats, lots: Sequence[str], seed: int) -> Levels:
    """The levels of the outcomes of parts in order of time.

    `known` (parts, columns) is all that is known of them, NaN where something is missing, which counts as the mean.
    """
    explaining = _standard(known)
    names = [lot or f"\n{i // _BLOCK}" for i, lot in enumerate(lots)]
    order = {name: at for at, name in enumerate(dict.fromkeys(names))}
    lot_of = np.array([order[name] for name in names], dtype=np.int64)
    large = [lot for lot in order.values() if np.count_nonzero(lot_of == lot) >= MIN_LOT_ROWS]
    left, _ = _fit(explaining, target, np.zeros(len(target), dtype=np.int64))
    medians = np.array([np.median(left[lot_of == lot]) for lot in large])
    starts = [large[at] for at in _changes(medians, seed)]
    # Counted from the newest: 0 is the segment whose level holds now.
    segment = np.array([sum(start > lot for start in starts) for lot in lot_of], dtype=np.int64)
    _, levels = _fit(explaining, target, segment)
    lift: Floats = levels[0] - levels[segment]
    return Levels(lift, segment == 0, len(starts))


def _standard(known: Floats) -> Floats:
    """Columns of mean 0 and variance 1; what is missing, or the same everywhere, is 0."""
    there = np.isfinite(known)
    counts = np.maximum(there.sum(axis=0), 1)
    centred = np.where(there, known - np.where(there, known, 0.0).sum(axis=0) / counts, 0.0)
    spread = np.sqrt(np.square(centred).sum(axis=0) / counts)
    standard: Floats = centred / np.where(spread > 1e-12 * np.abs(known[there]).max(initial=1.0), spread, np.inf)
    return standard


def _fit(explaining: Floats, target: Floats, segment: Segments) -> tuple[Floats, Floats]:
    """What is left of the target over a robust linear fit with one level a segment, its level included; the levels.

    Residuals beyond `_OUTLIER` are brought in before each refit (Huber, 1973, by modified residuals).
    """
    count = int(segment.max(initial=0)) + 1
    design = np.concatenate([np.eye(count)[segment], explaining], axis=1)
    penalty = np.concatenate([np.zeros(count), np.full(explaining.shape[1], _RIDGE * len(target))])
    gram = design.T @ design + np.diag(penalty)
    wanted, found = target, np.zeros(design.shape[1])
    for _ in range(_REFITS):
        found = np.linalg.solve(gram, design.T @ wanted)
        fitted = design @ found
        wanted = fitted + _brought_in(target - fitted)
    return target - explaining @ found[count:], found[:count]


def _brought_in(values: Floats) -> Floats:
    centre = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - centre))
    kept: Floats = values if spread == 0 else np.clip(values, centre - _OUTLIER * spread, centre + _OUTLIER * spread)
    return kept


def _changes(levels: Floats, seed: int) -> list[int]:
    """The lots at which a level begins, newest first."""
    rng, found, end = np.random.default_rng(seed), [], len(levels)
    while (begins := _change(levels[:end], rng)) is not None:
        found.append(begins)
        end = begins
    return found


def _change(levels: Floats, rng: np.random.Generator) -> int | None:
    """The first lot after the clearest change among lots in order of time; None where chance explains it."""
    if len(levels) < _LEAST_LOTS:
        return None
    kept = _brought_in(levels)
    seen = _contrasts(kept[None, :])[0]
    orders = np.argsort(rng.random((_PERMUTATIONS, len(kept))), axis=1)
    by_chance = _contrasts(kept[orders]).max(axis=1)
    # The order seen is one of the orders, so the share is never 0 (Phipson and Smyth, 2010).
    if (1 + np.count_nonzero(by_chance >= seen.max())) / (1 + _PERMUTATIONS) > FALSE_CHANGES:
        return None
    return int(np.argmax(seen)) + MIN_LOTS


def _contrasts(levels: Floats) -> Floats:
    """For each split of (orders, lots) into sides of `MIN_LOTS` or more, how far their means lie apart, in noise."""
    lots = levels.shape[1]
    before = np.arange(MIN_LOTS, lots - MIN_LOTS + 1)
    sums = np.cumsum(levels, axis=1)
    left = sums[:, before - 1] / before
    right = (sums[:, -1:] - sums[:, before - 1]) / (lots - before)
    apart: Floats = np.abs(left - right) * np.sqrt(before * (lots - before) / lots)
    return apart
