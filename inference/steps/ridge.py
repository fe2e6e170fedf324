"""Ridge regression on folds of parts: the choice of candidate and penalty by the training folds, and held-out values.

Sums over the parts of a fold (Gram matrices) are all that a ridge needs, so that leaving out one fold, or two for the
choice, takes no further pass over the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from inference.steps.design import Design
from inference.steps.parts import Counts, Reached, ignored
from monitor.model import Floats

PENALTIES = np.logspace(-1, 5, 19)


class Choice(NamedTuple):
    """The width and the penalty that lose least, and the penalty that does with the first candidate."""

    width: int
    penalty: float
    narrow: float


@dataclass(frozen=True)
class Folded:
    """A design with targets (parts, targets) of mean 0, and the fold of each part."""

    design: Design
    targets: Floats
    fold_of: Counts

    @cached_property
    def folds(self) -> list[int]:
        """The folds that have parts."""
        return [int(fold) for fold in np.unique(self.fold_of)]

    @cached_property
    def _sums(self) -> dict[int, tuple[Floats, Floats, float]]:
        """By fold the sums of products of columns, of columns and targets, and of squares of targets."""
        found = {}
        for fold in self.folds:
            x, y = self.design.columns[self.fold_of == fold], self.targets[self.fold_of == fold]
            found[fold] = (x.T @ x, x.T @ y, float(np.square(y).sum()))
        return found

    def weights(self, folds: Sequence[int], width: int, penalties: Floats) -> Floats:
        """The ridge weights (penalties, width, targets) from some folds and the first columns."""
        gram = np.sum([self._sums[fold][0][:width, :width] for fold in folds], axis=0)
        cross = np.sum([self._sums[fold][1][:width] for fold in folds], axis=0)
        sizes, axes = np.linalg.eigh(gram)
        shrunk = (axes.T @ cross) / (np.maximum(sizes, 0.0)[None, :, None] + penalties[:, None, None])
        return np.asarray(axes @ shrunk)

    def losses(self, fold: int, weights: Floats) -> Floats:
        """The squared errors (penalties,) on a fold, over all targets."""
        gram, cross, square = self._sums[fold]
        width = weights.shape[1]
        explained = np.einsum("pwt,wt->p", weights, cross[:width])
        return np.asarray(square - 2 * explained + np.einsum("pwt,pwt->p", weights, gram[:width, :width] @ weights))

    def choices(self, reached: Reached = ignored) -> dict[int, Choice]:
        """For each fold what loses least when the other folds predict one another."""
        pairs = list(combinations(self.folds, 2))
        total = {fold: np.zeros((len(self.design.candidates), len(PENALTIES))) for fold in self.folds}
        for done, (one, other) in enumerate(pairs, 1):
            rest = [fold for fold in self.folds if fold not in (one, other)]
            for place, width in enumerate(self.design.candidates):
                weights = self.weights(rest, width, PENALTIES)
                total[one][place] += self.losses(other, weights)
                total[other][place] += self.losses(one, weights)
            reached(done / len(pairs))
        return {fold: self._choice(loss) for fold, loss in total.items()}

    def _choice(self, losses: Floats) -> Choice:
        """From losses (candidates, penalties)."""
        place, best = np.unravel_index(int(losses.argmin()), losses.shape)
        narrow = PENALTIES[int(losses[0].argmin())]
        return Choice(self.design.candidates[place], float(PENALTIES[best]), float(narrow))
