"""A number predicted by the other folds: ridge regression, with products where the training folds like them."""

from __future__ import annotations

import numpy as np

from inference.steps.design import Design
from inference.steps.parts import Counts, Reached, ignored
from inference.steps.ridge import Folded
from monitor.model import Floats


def held_out(design: Design, target: Floats, fold_of: Counts, reached: Reached = ignored) -> Floats:
    """The prediction of each part (parts,) by the other folds, which also choose the candidate and the penalty."""
    middle = target.mean()
    folded = Folded(design, (target - middle)[:, None], fold_of)
    predicted = np.empty(len(target))
    for fold, (width, penalty, _) in folded.choices(reached).items():
        others = [other for other in folded.folds if other != fold]
        weights = folded.weights(others, width, np.array([penalty]))[0, :, 0]
        here = fold_of == fold
        predicted[here] = design.columns[here, :width] @ weights + middle
    return predicted


def losses(predicted: Floats, target: Floats) -> Floats:
    """The squared error of each part (parts,)."""
    return np.square(target - predicted)


def slopes(old: Floats, new: Floats, target: Floats) -> Floats:
    """How fast each part's loss (parts,) falls where the way from the old predictions to the new begins."""
    return 2 * (target - old) * (new - old)
