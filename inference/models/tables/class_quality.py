"""Probabilities of classes: calibration, and how good they are against what is known without looking at the part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm

from inference.models.fitting import auroc, mean_of
from inference.models.kind import TrainingData, TrainingSettings
from inference.models.tables.class_losses import FLOOR, in_likeliest, log_losses
from monitor.model import Floats

_RECENT = 100  # outcomes of the recent rate
_BLOCKS = (5, 20)  # blocks of parts in order of time, at least and at most
_BLOCK = 50  # parts a block
_RESAMPLES = 1000
_CONFIDENCE = 0.95
_BINS = (0.0, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0)

Ranks = NDArray[np.intp]


def softmax(scores: Floats) -> Floats:
    """Probabilities (rows, classes), none below `FLOOR`."""
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = np.maximum(grown / grown.sum(axis=1, keepdims=True), FLOOR)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def one_hot(target: Floats, classes: int) -> Floats:
    """1 in the column of each row's class."""
    return np.asarray(target[:, None] == np.arange(classes), dtype=np.float64)


def calibrated(probabilities: Floats, calibration: Floats) -> Floats:
    """The probabilities with their logarithms times `calibration[0]`, plus a constant a class."""
    return softmax(np.log(probabilities) * calibration[0] + calibration[1:])


def calibrate(probabilities: Floats, target: Floats, weights: Floats | None = None) -> Floats:
    """A factor and a constant a class (1 + classes,) of least log loss on rows that the model was not fitted to.

    `weights` (rows,) say as how many rows each counts; None: as one.

    Platt scaling (1999) with several classes (Guo et al., "On calibration of modern neural networks", ICML 2017, as
    vector scaling with one factor): with a factor near 0 it says the rates. A weak prior holds it near 1.
    """
    classes = probabilities.shape[1]
    truth, logs = one_hot(target, classes), np.log(probabilities)
    shares = np.ones(len(target)) if weights is None else weights

    def loss(flat: Floats) -> tuple[float, Floats]:
        found = calibrated(probabilities, flat)
        away = flat - np.eye(1, 1 + classes)[0]
        pull = (found - truth) * shares[:, None]
        slope = np.concatenate([[float((pull * logs).sum())], pull.sum(axis=0)])
        return float((log_losses(found, target) * shares).sum()) + 0.5 * float(away @ away), slope + away

    bounds = [(0.0, 3.0), *[(-20.0, 20.0)] * classes]
    return np.asarray(minimize(loss, np.eye(1, 1 + classes)[0], jac=True, method="L-BFGS-B", bounds=bounds).x)


def known_rates(target: Floats, classes: int, fold_of: Ranks, weights: Floats | None = None) -> list[Floats]:
    """What was known of the classes without looking at the part: three forecasts (parts, classes).

    The rate of all parts before it, that of the last 100, and that of the parts of the other folds.
    """
    truth = one_hot(target, classes)
    truth = truth if weights is None else truth * weights[:, None]
    before = np.vstack([np.zeros(classes), np.cumsum(truth, axis=0)[:-1]])
    past = np.maximum(np.arange(len(target)) - _RECENT, 0)
    of_others = np.array([truth[fold_of != fold].sum(axis=0) for fold in range(int(fold_of.max()) + 1)])[fold_of]
    counts = (before, before - before[past], of_others)
    return [(count + 0.5) / (count.sum(axis=1, keepdims=True) + 0.5 * classes) for count in counts]


def time_blocks(data: TrainingData) -> Ranks:
    """Blocks of whole groups in order of time: what of two parts of one block is alike counts once."""
    count = int(np.clip(len(data) // _BLOCK, *_BLOCKS))
    first: dict[object, int] = {}
    starts = [first.setdefault(name, i) for i, name in enumerate(data.groups or range(len(data)))]
    return np.array([start * count // len(data) for start in starts], dtype=np.intp)


def skill(losses: Floats, baselines: Sequence[Floats], blocks: Ranks, seed: int) -> tuple[float, float]:
    """1 - loss / least loss of the baselines, and its lower bound by a bootstrap over blocks (one-sided, 95 %)."""
    naive = min(baselines, key=lambda loss: float(loss.sum()))
    of_model, of_naive = (np.bincount(blocks, loss) for loss in (losses, naive))
    used = np.flatnonzero(np.bincount(blocks))
    drawn = np.random.default_rng(seed).choice(used, size=(_RESAMPLES, len(used)))
    found = 1 - of_model[drawn].sum(axis=1) / np.maximum(of_naive[drawn].sum(axis=1), 1e-12)
    return float(1 - losses.sum() / max(float(naive.sum()), 1e-12)), float(np.quantile(found, 1 - _CONFIDENCE))


def tells_apart_within(probabilities: Floats, target: Floats, blocks: Ranks) -> bool:
    """Whether parts of the same block are told apart better than by chance (stratified permutation test, 5 %).

    A rate that drifts makes a model look good that only knows the time; within a block that is worth nothing.
    """
    truth = one_hot(target, probabilities.shape[1])
    total = variance = 0.0
    for block in np.unique(blocks):
        rows = blocks == block
        count = int(rows.sum())
        if count > 1:
            guess, hit = (x[rows] - x[rows].mean(axis=0) for x in (np.log(probabilities), truth))
            total += float((guess * hit).sum())
            # exact variance of the sum over classes under permutation of the outcomes
            variance += float(((guess.T @ guess) * (hit.T @ hit)).sum()) / (count - 1)
    return variance > 0 and bool(total / np.sqrt(variance) > norm.ppf(_CONFIDENCE))


def suspicion(probabilities: Floats, settings: TrainingSettings) -> Floats:
    """The probability that a part is not of the good class; without one, that it is not of the likeliest."""
    if settings.good:
        return np.asarray(1 - probabilities[:, settings.classes.index(settings.good)])
    return np.asarray(1 - probabilities.max(axis=1))


def quality(
    probabilities: Floats, target: Floats, settings: TrainingSettings, weights: Floats | None = None
) -> dict[str, float]:
    """AUROC, losses and accuracy; all but the AUROC count each part by its weight (parts,).

    With a good class, AUROC and Brier score are those of defect against good; else the mean AUROC of each class
    against the rest, and the Brier score over all classes.
    """
    truth = one_hot(target, len(settings.classes))
    if settings.good:
        guess, defect = suspicion(probabilities, settings), target != settings.classes.index(settings.good)
        area, misses = auroc(guess, defect), np.square(guess - defect)
    else:
        present = [k for k in range(truth.shape[1]) if 0 < truth[:, k].sum() < len(target)]
        area = float(np.mean([auroc(probabilities[:, k], truth[:, k] > 0) for k in present])) if present else 0.5
        misses = np.square(probabilities - truth).sum(axis=1)
    return {
        "auroc": area,
        "log_loss": mean_of(log_losses(probabilities, target), weights),
        "brier": mean_of(misses, weights),
        "accuracy": mean_of(probabilities.argmax(axis=1) == target, weights),
    }


def coverage_of_sets(probabilities: Floats, target: Floats, coverage: float, weights: Floats | None = None) -> float:
    """How often a part's class is among the likeliest ones that together reach `coverage`."""
    return mean_of(in_likeliest(probabilities, target, coverage), weights)


def reliability(probability: Floats, happened: NDArray[np.bool_]) -> list[Mapping[str, float]]:
    """Parts by their predicted probability: how many, the mean predicted, and the share where it happened."""
    bins = np.clip(np.searchsorted(_BINS, probability, side="right") - 1, 0, len(_BINS) - 2)
    return [
        {
            "from": _BINS[k], "to": _BINS[k + 1], "parts": int((bins == k).sum()),
            "predicted": float(probability[bins == k].mean()), "happened": float(happened[bins == k].mean()),
        }
        for k in range(len(_BINS) - 1) if (bins == k).any()
    ]  # fmt: skip
