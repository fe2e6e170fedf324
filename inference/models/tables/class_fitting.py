"""Fitting of the kind `classifier`: candidates on parts out of fold, the choice among them, and the final model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.models.gaps import Gaps
from inference.models.kind import weights_at
from inference.models.tables import logistic
from inference.models.tables.boosted_trees import MOST_TREES, STAGE, BoostedTrees, Growing
from inference.models.tables.class_losses import log_losses
from inference.models.tables.class_quality import calibrate, calibrated, softmax
from monitor.model import Floats

RIDGES = (1.0, 0.2, 0.04, 0.008, 0.0016)
_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_PATIENCE = 8  # stages without a smaller loss
_FOLDS = 5

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows (parts, inputs) with the class of each, and how its inputs are to be read.

    `levels` has the number of levels of each input that is a category, by position; what is no level is NaN already.
    `weights` (parts,) say as how many parts each counts; None: as one.
    """

    rows: Floats
    target: Floats
    classes: int
    gaps: Gaps
    levels: Mapping[int, int]
    weights: Floats | None = None

    @property
    def used(self) -> tuple[int, ...]:
        """The inputs that are not ignored, by position."""
        return tuple(i for i, ignored in enumerate(self.gaps.ignored) if not ignored)

    def grow(self, rows: Mask, seed: int) -> Growing:
        """Trees on some of the parts."""
        categories = [i for i in self.used if i in self.levels]
        weights = weights_at(self.weights, rows)
        return Growing(self.rows[rows], self.target[rows], self.classes, self.used, categories, seed, weights)


@dataclass(frozen=True, slots=True)
class Choice:
    """The stages of trees, the ridge, the weight of the trees' probabilities, and the calibration of the mean."""

    stages: int
    ridge: float
    weight: float
    calibration: Floats


@dataclass(frozen=True, slots=True)
class Candidates:
    """Out-of-fold probabilities (parts, classes): of the trees after each stage, of the regression at each ridge.

    `weights` are those of the table.
    """

    trees: Sequence[Floats]
    linear: Sequence[Floats]
    weights: Floats | None = None

    def mean(self, choice: Choice) -> Floats:
        """The weighted mean of a choice, not calibrated."""
        return self._mean(choice.stages, choice.ridge, choice.weight)

    def _mean(self, stages: int, ridge: float, weight: float) -> Floats:
        return weight * self.trees[stages - 1] + (1 - weight) * self.linear[RIDGES.index(ridge)]

    def choose(self, target: Floats, rows: Mask) -> Choice:
        """What loses least on some of the parts, calibrated on these."""

        counted = weights_at(self.weights, rows)

        def loss(probabilities: Floats) -> float:
            return weighted(log_losses(probabilities[rows], target[rows]), counted)

        stages = int(np.argmin([loss(found) for found in self.trees])) + 1
        ridge = RIDGES[int(np.argmin([loss(found) for found in self.linear]))]
        weight = _WEIGHTS[int(np.argmin([loss(self._mean(stages, ridge, share)) for share in _WEIGHTS]))]
        calibration = calibrate(self._mean(stages, ridge, weight)[rows], target[rows], counted)
        return Choice(stages, ridge, weight, calibration)

    def honest(self, target: Floats, fold_of: NDArray[np.intp]) -> Floats:
        """Calibrated probabilities (parts, classes), each fold's by what was chosen and calibrated on the others."""
        found = np.empty_like(self.trees[0])
        for fold in range(_FOLDS):
            here = fold_of == fold
            choice = self.choose(target, ~here)
            found[here] = calibrated(self.mean(choice)[here], choice.calibration)
        return found


def weighted(values: Floats, weights: Floats | None) -> float:
    """The sum of values (rows,), each as often as its weight says."""
    return float((values if weights is None else values * weights).sum())


def candidates(table: Table, fold_of: NDArray[np.intp], seed: int) -> Candidates:
    """Everything there is to choose from, predicted for the parts of each fold by what the others taught."""
    return Candidates(_trees_out_of_fold(table, fold_of, seed), _linear_out_of_fold(table, fold_of), table.weights)


def _trees_out_of_fold(table: Table, fold_of: NDArray[np.intp], seed: int) -> list[Floats]:
    growing = [table.grow(fold_of != fold, seed) for fold in range(_FOLDS)]
    scores = np.zeros((len(table.rows), table.classes))
    stages: list[Floats] = []
    losses: list[float] = []
    while len(stages) * STAGE < MOST_TREES and len(stages) - int(np.argmin([*losses, np.inf])) <= _PATIENCE:
        for fold, grown in enumerate(growing):
            scores[fold_of == fold] += grown.grow(table.rows[fold_of == fold])
        stages.append(softmax(scores))
        losses.append(weighted(log_losses(stages[-1], table.target), table.weights))
    return stages


def _linear_out_of_fold(table: Table, fold_of: NDArray[np.intp]) -> list[Floats]:
    found = [np.empty((len(table.rows), table.classes)) for _ in RIDGES]
    for fold in range(_FOLDS):
        here, weights = fold_of == fold, None
        design = logistic.learn_design(table.rows[~here], table.gaps, table.levels)
        learnt, judged = design.of(table.rows[~here]), design.of(table.rows[here])
        for place, ridge in enumerate(RIDGES):
            counted = weights_at(table.weights, ~here)
            weights = logistic.fit(learnt, table.target[~here], table.classes, ridge, weights, counted=counted)
            found[place][here] = softmax(logistic.scores(judged, weights))
    return found


def finished(table: Table, choice: Choice, seed: int) -> tuple[BoostedTrees, logistic.Design, Floats]:
    """Trees, and the design and weights of the regression, of all parts."""
    growing = table.grow(np.ones(len(table.rows), dtype=np.bool_), seed)
    for _ in range(choice.stages):
        growing.grow(table.rows[:0])
    design = logistic.learn_design(table.rows, table.gaps, table.levels)
    weights = None
    for ridge in RIDGES[: RIDGES.index(choice.ridge) + 1]:
        weights = logistic.fit(
            design.of(table.rows), table.target, table.classes, ridge, weights, counted=table.weights
        )
    assert weights is not None  # noqa: S101 - narrows the type: there is a first ridge
    return growing.trees(), design, weights
