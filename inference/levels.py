"""Level shifts in the outcomes that no measurement explains, such as a recalibrated test rig or a changed test method.

Outcomes come late, so the newest training set is a mixture: mostly parts from before a shift, few from after. A model
trained on all of them alike lies between the two levels and is wrong for every part; without the old parts, too few
remain. Therefore level shifts are detected, and the outcomes before a shift are adjusted to the level after it: the
effect of the inputs is then learnt from all parts, the level from the newest.

A change that known covariates explain is no level shift, even if the gate itself does not have them yet, such as the
hardness of a lot or a later step: they are regressed out first. The unit of the test is the lot, because the parts of a
lot share their material and are not independent. Whole lots are permuted (Good, "Permutation, Parametric and Bootstrap
Tests of Hypotheses", 2005, chapter 3): if nothing changed, every order of the lots is as likely as the observed one.
Earlier shifts are searched for among the lots before (binary segmentation, Scott and Knott, 1974), and the levels are
then fitted jointly with the covariates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

SIGNIFICANCE = 0.01
"""Significance level: the probability of finding a shift where lots differ by chance alone."""
MIN_LOT_ROWS = 10
"""Smaller lots are not tested, because their median is too noisy; they belong to the segment they lie in."""
MIN_LOTS = 2
"""Minimum segment length: a single lot that differs is a faulty lot, not a shift."""
_MIN_TESTED_LOTS = 8  # with fewer lots no order reaches the significance level
_PERMUTATIONS = 2000
_OUTLIER = 3.0  # standard deviations at which lots and parts are clipped: one bad lot must not make a level
_BLOCK = 20  # consecutive parts treated as one lot where the plant records none
_RIDGE = 1e-3  # against collinear columns
_REFITS = 5

Segments = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Levels:
    """The shifts found: `adjustment` brings each row's outcome to the newest level, `newest` marks the rows at it."""

    adjustment: Floats
    newest: NDArray[np.bool_]
    changes: int


def one_level(parts: int) -> Levels:
    """No shift among so many parts: for outcomes that are classes, which have no level."""
    return Levels(np.zeros(parts), np.ones(parts, dtype=np.bool_), 0)


def find_levels(context: Floats, target: Floats, lots: Sequence[str], seed: int) -> Levels:
    """The levels of outcomes in order of time.

    `context` (parts, columns) holds the covariates; NaN is missing and replaced by the mean.
    """
    covariates = _standardised(context)
    names = [lot or f"\n{i // _BLOCK}" for i, lot in enumerate(lots)]
    order = {name: index for index, name in enumerate(dict.fromkeys(names))}
    lot_of = np.array([order[name] for name in names], dtype=np.int64)
    large = [lot for lot in order.values() if np.count_nonzero(lot_of == lot) >= MIN_LOT_ROWS]
    residuals, _ = _fit(covariates, target, np.zeros(len(target), dtype=np.int64))
    medians = np.array([np.median(residuals[lot_of == lot]) for lot in large])
    starts = [large[index] for index in _change_points(medians, seed)]
    # Counted from the newest: 0 is the current segment.
    segment = np.array([sum(start > lot for start in starts) for lot in lot_of], dtype=np.int64)
    _, levels = _fit(covariates, target, segment)
    adjustment: Floats = levels[0] - levels[segment]
    return Levels(adjustment, segment == 0, len(starts))


def _standardised(columns: Floats) -> Floats:
    """Columns of mean 0 and variance 1; missing values and constant columns are 0."""
    present = np.isfinite(columns)
    counts = np.maximum(present.sum(axis=0), 1)
    centred = np.where(present, columns - np.where(present, columns, 0.0).sum(axis=0) / counts, 0.0)
    spread = np.sqrt(np.square(centred).sum(axis=0) / counts)
    scaled: Floats = centred / np.where(spread > 1e-12 * np.abs(columns[present]).max(initial=1.0), spread, np.inf)
    return scaled


def _fit(covariates: Floats, target: Floats, segment: Segments) -> tuple[Floats, Floats]:
    """A robust linear fit with one level per segment: the target less the effect of the covariates, and the levels.

    Residuals are clipped before each refit (Huber, 1973, modified residuals).
    """
    count = int(segment.max(initial=0)) + 1
    design = np.concatenate([np.eye(count)[segment], covariates], axis=1)
    penalty = np.concatenate([np.zeros(count), np.full(covariates.shape[1], _RIDGE * len(target))])
    gram = design.T @ design + np.diag(penalty)
    response, coefficients = target, np.zeros(design.shape[1])
    for _ in range(_REFITS):
        coefficients = np.linalg.solve(gram, design.T @ response)
        fitted = design @ coefficients
        response = fitted + _clipped(target - fitted)
    return target - covariates @ coefficients[count:], coefficients[:count]


def _clipped(values: Floats) -> Floats:
    centre = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - centre))
    clipped: Floats = values if spread == 0 else np.clip(values, centre - _OUTLIER * spread, centre + _OUTLIER * spread)
    return clipped


def _change_points(levels: Floats, seed: int) -> list[int]:
    """The lots at which a level begins, newest first."""
    rng, starts, end = np.random.default_rng(seed), [], len(levels)
    while (start := _change_point(levels[:end], rng)) is not None:
        starts.append(start)
        end = start
    return starts


def _change_point(levels: Floats, rng: np.random.Generator) -> int | None:
    """The first lot after the clearest shift among lots in order of time; None where it is not significant."""
    if len(levels) < _MIN_TESTED_LOTS:
        return None
    clipped = _clipped(levels)
    observed = _contrasts(clipped[None, :])[0]
    orders = np.argsort(rng.random((_PERMUTATIONS, len(clipped))), axis=1)
    permuted = _contrasts(clipped[orders]).max(axis=1)
    # The observed order counts as a permutation, so the p-value is never 0 (Phipson and Smyth, 2010).
    if (1 + np.count_nonzero(permuted >= observed.max())) / (1 + _PERMUTATIONS) > SIGNIFICANCE:
        return None
    return int(np.argmax(observed)) + MIN_LOTS


def _contrasts(levels: Floats) -> Floats:
    """For each split of (orders, lots) with at least `MIN_LOTS` lots a side, the scaled difference of the two means."""
    lots = levels.shape[1]
    before = np.arange(MIN_LOTS, lots - MIN_LOTS + 1)
    sums = np.cumsum(levels, axis=1)
    left = sums[:, before - 1] / before
    right = (sums[:, -1:] - sums[:, before - 1]) / (lots - before)
    contrasts: Floats = np.abs(left - right) * np.sqrt(before * (lots - before) / lots)
    return contrasts
