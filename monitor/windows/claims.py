"""What predictions claim of themselves, and what they lost: the columns of windows of an estimate before outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.window.before_outcomes import COLUMNS
from inference.models.tables.class_losses import log_losses
from inference.policy.regions import are_probabilities
from monitor.model import ClassSpec, Floats, Prediction
from monitor.windows.classes import class_errors

Said = Sequence[Prediction | None]


def columns_of(said: Said, outcomes: Floats, classes: ClassSpec | None) -> Floats:
    """`COLUMNS` (rows, 5) of predictions and their outcomes (rows,), NaN where there is none.

    The outcome of one of `classes` is the place of its class. A loss is that of the realised performance.
    """
    rows = np.full((len(said), len(COLUMNS)), np.nan)
    for i, prediction in enumerate(said):
        if prediction is not None:
            distance = prediction.distance / prediction.distance_limit if prediction.distance_limit > 0 else np.nan
            rows[i, :3] = prediction.value, _claimed(prediction, classes), distance
    rows[:, 3:] = _of_numbers(said, outcomes) if classes is None else _of_classes(said, outcomes, classes)
    return np.where(np.isfinite(rows), rows, np.nan)


def _claimed(prediction: Prediction, classes: ClassSpec | None) -> float:
    """Half the width of an interval; of classes the mean log loss if the probabilities are true."""
    if classes is None:
        return (prediction.upper - prediction.lower) / 2
    if not are_probabilities(prediction.probabilities, classes):
        return float("nan")
    shares = np.array(prediction.probabilities, dtype=np.float64)
    losses = log_losses(np.tile(shares, (len(shares), 1)), np.arange(len(shares), dtype=np.float64))
    return float((shares * losses).sum())


def _of_numbers(said: Said, outcomes: Floats) -> Floats:
    bounds = [(np.nan,) * 3 if p is None else (p.value, p.lower, p.upper) for p in said]
    value, lower, upper = np.array(bounds, dtype=np.float64).reshape(len(said), 3).T
    error = np.abs(value - outcomes)
    missed = np.where(np.isfinite(error), (outcomes < lower) | (outcomes > upper), np.nan)
    return np.column_stack([error, missed])


def _of_classes(said: Said, outcomes: Floats, classes: ClassSpec) -> Floats:
    places = [int(place) if np.isfinite(place) else None for place in outcomes.tolist()]
    shares = [None if p is None else p.probabilities for p in said]
    unknown = np.full((len(said), len(classes.values)), np.nan)
    return class_errors(shares, places, unknown, classes)[:, [0, 2]]
