"""What a prediction's loss will be, from the losses of parts whose outcome is known: direct loss estimation.

The loss (absolute error, log loss, or whether the interval misses) is regressed on what is known of a part when it is
predicted: the uncertainty that the prediction claims, the prediction, its distance from the training data, and the
inputs. Of a calibrated forecast the claimed uncertainty is the expected loss up to a factor, which the regression
recalibrates; the inputs add where it is noisier than claimed. The mean of the fitted losses of new parts estimates
their mean loss, wherever in the known region they lie. Idea: direct loss estimation of NannyML (2022), and performance
from calibrated confidences (Guillory et al., ICCV 2021); here by ridge regression (Hoerl and Kennard, Technometrics
1970), whose penalty is chosen on folds of consecutive parts, because parts of one lot err alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.model import Floats

FOLDS = 5
"""Consecutive parts of the known ones, each estimated by a fit to the others."""
_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0, np.inf)
"""In variances of a column; the last one leaves the plain mean."""
_ROUNDING = 1e-10
"""Of the largest variance; what is smaller is rounding."""
_FARTHEST = 3.0
"""Columns are clipped at this many standard deviations: nothing is extrapolated far."""


@dataclass(frozen=True, slots=True)
class Scales:
    """Mean and standard deviation (columns,) of what varies among the known parts, and which columns do."""

    mean: Floats
    deviation: Floats
    varies: Floats

    def design(self, values: Floats) -> Floats:
        """The terms of the regression, (rows, terms): the columns and their squares; a missing value is the mean."""
        kept = self.varies > 0
        standard = np.clip((values[:, kept] - self.mean[kept]) / self.deviation[kept], -_FARTHEST, _FARTHEST)
        standard = np.where(np.isfinite(standard), standard, 0.0)
        return np.column_stack([standard, np.square(standard) - 1.0])


def scales_of(values: Floats) -> Scales:
    """The scales of known parts, (rows, columns), NaN where missing."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    square = np.where(known, np.square(values - mean), 0.0).sum(axis=0) / count
    deviation = np.sqrt(square)
    # Rounding makes no constant vary.
    varies = (deviation > 1e-9 * np.abs(mean)).astype(np.float64)
    return Scales(mean, deviation, varies)


@dataclass(frozen=True, slots=True)
class DirectLoss:
    """A fit: `residuals` (rows,) are losses of the known parts less what a fit to other folds made of them, NaN where
    the loss is unknown; `level` their mean loss, `most` the largest.
    """

    scales: Scales
    centre: Floats
    weights: Floats
    spread: Floats
    level: float
    most: float
    residuals: Floats

    def expected(self, values: Floats) -> Floats:
        """The expected loss (rows,) of parts with these columns; never below 0 or above any that was seen."""
        terms = self.scales.design(values) - self.centre
        return np.asarray(np.clip(self.level + (terms * self.weights).sum(axis=1), 0.0, self.most))

    def leverage(self, values: Floats) -> float:
        """The variance of the estimated mean loss of these parts, in variances of one known residual."""
        middle = (self.scales.design(values) - self.centre).mean(axis=0)
        known = int(np.isfinite(self.residuals).sum())
        return (1.0 + float(middle @ self.spread @ middle)) / known


def fit(values: Floats, losses: Floats) -> tuple[DirectLoss, ...]:
    """The fit of each loss to known parts in their order: columns (rows, columns), losses (rows, losses).

    A loss is NaN where it is unknown; a row counts where all are known. ValueError with fewer than `FOLDS` such rows.
    """
    known = np.flatnonzero(np.isfinite(losses).all(axis=1))
    if len(known) < FOLDS:
        raise ValueError(f"{len(known)} losses are known; expected {FOLDS} or more")
    scales = scales_of(values[known])
    terms, targets = scales.design(values[known]), losses[known]
    guesses = np.empty((len(_PENALTIES), *targets.shape))
    for fold in np.array_split(np.arange(len(known)), FOLDS):
        rest = np.ones(len(known), dtype=np.bool_)
        rest[fold] = False
        solved = _solve(terms[rest], targets[rest])
        for i, penalty in enumerate(_PENALTIES):
            guesses[i, fold] = solved.levels + (terms[fold] - solved.centre) @ solved.weights(penalty)
    # Of penalties that do equally well the largest: the simplest fit.
    errors = np.square(guesses - targets).mean(axis=1)
    best = [int(np.flatnonzero(one <= one.min() * (1 + 1e-12))[-1]) for one in errors.T]
    whole = _solve(terms, targets)
    residuals = np.full(losses.shape, np.nan)
    residuals[known] = targets - np.stack([guesses[i, :, k] for k, i in enumerate(best)], axis=1)
    return tuple(
        DirectLoss(
            scales, whole.centre, whole.weights(_PENALTIES[i])[:, k], whole.spread(_PENALTIES[i]),
            float(whole.levels[k]), float(targets[:, k].max()), residuals[:, k],
        )
        for k, i in enumerate(best)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Solved:
    """The regression for every penalty: means, and the moments of the terms along their principal directions."""

    centre: Floats
    levels: Floats
    values: Floats
    vectors: Floats
    along: Floats

    def weights(self, penalty: float) -> Floats:
        """Shape (terms, losses)."""
        return np.asarray(self.vectors @ (self.along / (self.values + penalty)[:, None]))

    def spread(self, penalty: float) -> Floats:
        """The covariance of a loss's weights (terms, terms), times rows / residual variance."""
        return np.asarray((self.vectors * (self.values / np.square(self.values + penalty))) @ self.vectors.T)


def _solve(terms: Floats, targets: Floats) -> _Solved:
    centre, levels = terms.mean(axis=0), targets.mean(axis=0)
    centred = terms - centre
    values, vectors = _directions(centred)
    along = vectors.T @ (centred.T @ (targets - levels) / len(terms))
    return _Solved(centre, levels, values, vectors, along)


def _directions(centred: Floats) -> tuple[Floats, Floats]:
    """The variances (directions,) along the principal directions of the rows, and these (terms, directions).

    Of fewer rows than terms by the rows' products, which are fewer; then only directions with a variance are given.
    """
    rows, terms = centred.shape
    if rows >= terms:
        values, vectors = np.linalg.eigh(centred.T @ centred / rows)
        return np.maximum(values, 0.0), vectors
    values, of_rows = np.linalg.eigh(centred @ centred.T / rows)
    kept = values > _ROUNDING * values.max(initial=0.0)
    return values[kept], centred.T @ (of_rows[:, kept] / np.sqrt(rows * values[kept]))
