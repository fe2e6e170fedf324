"""Probabilities of classes by the other folds: multinomial logistic regression with a ridge, over what was known.

A logistic fit takes a hundred times as long as a ridge. So about how much to shrink is chosen by how the training folds
predict one another's classes as numbers 0 and 1; how much more than that, and whether products enter, by the log loss
of two training folds that the others predict.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from inference.models.tables import logistic
from inference.models.tables.class_losses import log_losses
from inference.models.tables.class_quality import one_hot, softmax
from inference.steps.design import Design
from inference.steps.parts import Counts, Reached, ignored
from inference.steps.ridge import Folded
from monitor.model import Floats, Mask

COMPONENTS = (0, 8)
"""Leading components whose squares and products are candidates, besides none."""
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_STRONGER = (64.0, 16.0, 4.0, 1.0)
_INNER = (3, 5)  # the training folds, counted from the one left out, that choose among these


def held_out(
    design: Design, before: Floats, target: Floats, fold_of: Counts, reached: Reached = ignored
) -> Floats:  # fmt: skip
    """The log probabilities (parts, classes) by the other folds, which also choose the candidate and the penalty.

    `before` (parts, classes) are the logarithms of the rates that were known when each part began, NaN where there
    were none. How far they count against the rates of the training folds is chosen by these.
    """
    classes = before.shape[1]
    truth = one_hot(target, classes)
    rates = np.where(np.isfinite(before), np.exp(before), truth.mean(axis=0))
    folded = Folded(design, truth - rates, fold_of)
    found = np.empty_like(truth)
    for done, (fold, choice) in enumerate(folded.choices().items(), 1):
        here = fold_of == fold
        start = _without_looking(before, truth, ~here)
        judged = np.isin(fold_of, [folded.folds[(fold + ahead) % len(folded.folds)] for ahead in _INNER]) & ~here
        tried = [
            (width, _same_strength(penalty, truth[~here]))
            for width, penalty in ((design.candidates[0], choice.narrow), (choice.width, choice.penalty))
        ]
        width, ridge = _chosen(design, tried, start, target, ~here & ~judged, judged)
        columns = design.columns[:, 1:width]
        weights = logistic.fit(columns[~here], target[~here], classes, ridge, offset=start[~here])
        found[here] = _log_probabilities(columns[here], weights, start[here])
        reached(done / len(folded.folds))
    return found


def _chosen(
    design: Design, tried: Iterable[tuple[int, float]], start: Floats, target: Floats, learnt: Mask, judged: Mask
) -> tuple[int, float]:
    """The width and the ridge, of some multiples of the least one, by which learnt parts lose least on judged ones."""
    found: dict[tuple[int, float], float] = {}
    for width, least in dict.fromkeys(tried):
        columns, weights = design.columns[:, 1:width], None
        for times in _STRONGER:
            weights = logistic.fit(
                columns[learnt], target[learnt], start.shape[1], times * least, weights, offset=start[learnt]
            )
            predicted = _log_probabilities(columns[judged], weights, start[judged])
            found[width, times * least] = float(losses(predicted, target[judged]).sum())
    return min(found, key=found.__getitem__)


def _log_probabilities(columns: Floats, weights: Floats, start: Floats) -> Floats:
    return np.log(softmax(logistic.scores(columns, weights) + start))


def _without_looking(before: Floats, truth: Floats, learnt: Mask) -> Floats:
    """Log probabilities (parts, classes) between the rates of the training parts and those known before.

    Their weighted mean, with the weight that loses least on the training parts.
    """
    overall = np.log((truth[learnt].sum(axis=0) + 0.5) / (learnt.sum() + 0.5 * truth.shape[1]))
    known = np.where(np.isfinite(before), before, overall)
    mixed = [np.log(softmax(share * known + (1 - share) * overall)) for share in _SHARES]
    return mixed[int(np.argmin([-(truth[learnt] * found[learnt]).sum() for found in mixed]))]


def _same_strength(penalty: float, truth: Floats) -> float:
    """The ridge of a logistic regression that shrinks as a penalty does for indicators (parts, classes) as numbers.

    The curvature of a mean log loss is that of a squared error times the variance of an indicator; with a weight for
    every class, the penalty of a difference of scores is shared by them.
    """
    rates = truth.mean(axis=0)
    return float(penalty / len(truth) * (rates * (1 - rates)).sum() / (truth.shape[1] - 1))


def losses(predicted: Floats, target: Floats) -> Floats:
    """The log loss of each part (parts,) from log probabilities (parts, classes)."""
    return log_losses(np.exp(predicted), target)


def slopes(old: Floats, new: Floats, target: Floats) -> Floats:
    """How fast each part's loss (parts,) falls where the way from the old scores to the new begins."""
    pull = one_hot(target, old.shape[1]) - np.exp(old)
    return np.asarray((pull * (new - old)).sum(axis=1))
