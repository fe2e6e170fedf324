"""Intervals of a model that follow its outcomes, so that they hold although the plant changes.

Quantile tracking (Angelopoulos, Candes and Tibshirani, "Conformal PID Control for Time Series Prediction", 2023) on a
logarithmic scale: an outcome outside widens the next intervals, one inside narrows them by as much less as it is more
frequent. It is a function of the newest known outcomes alone, so that it can be computed again at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log, sqrt

import numpy as np
from scipy.special import gammaln, stdtrit

from inference.models.forecasting import overdispersion
from monitor.model import Floats, Prediction

STEP = 0.03
"""How far the logarithm of the scale moves with an outcome, if all lie outside and parts are unlike each other."""
_FAR = 1000.0  # half widths; of errors beyond, and of intervals of no width, no distribution says anything
_INVERSE = np.linspace(0.001, 0.499, 84)
_FREEDOMS = 1 / _INVERSE
_CONSTANTS = gammaln((_FREEDOMS + 1) / 2) - gammaln(_FREEDOMS / 2) - np.log(np.pi * _FREEDOMS) / 2
_FARTHEST = log(8.0)
"""Beyond, a model needs other remedies than wider intervals."""


def tracked_scale(scores: Floats, lots: Sequence[str], coverage: float) -> float:
    """The factor by which the half widths of a model are to be multiplied so that they cover as often as `coverage`.

    `scores` (outcomes,), in the order in which the outcomes became known, are errors in half widths as the model gives
    them; `lots` names the lot of each part. Where parts of a lot miss together, each counts for less.
    """
    miss, level = 1 - coverage, 0.0
    step = STEP / sqrt(_alike(scores, lots, coverage)) if len(scores) else STEP
    for score in scores.tolist():
        level += step * ((score > exp(level)) - miss)
        level = min(max(level, -_FARTHEST), _FARTHEST)
    return exp(level)


def _alike(scores: Floats, lots: Sequence[str], coverage: float) -> float:
    """The variance of the number of misses of whole lots over that of independent parts, at least 1."""
    missed = (scores > np.quantile(scores, coverage, method="lower")).astype(np.float64)
    _, lot_of = np.unique(np.array(lots, dtype=object), return_inverse=True)
    return overdispersion(missed, lot_of)


def tail_freedom(scores: Floats, lots: Sequence[str], coverage: float) -> float:
    """The degrees of freedom of the Student distribution of errors whose central interval is the calibrated one.

    `scores` (outcomes,) are absolute errors in half widths of calibrated intervals, `lots` the lot of each part. The
    inverse of the posterior mean of 1 / freedom, with a uniform prior from 0 (normal) to 1 / 2 (heavier than any error
    of practice): 4 without outcomes, and more as they show that far errors are rare. Where parts of a lot are alike,
    the likelihood counts for less.
    """
    if not len(scores):
        return 1 / float(_INVERSE.mean())
    quantiles = stdtrit(_FREEDOMS, (1 + coverage) / 2)
    units = np.square(np.minimum(scores, _FAR))[:, None] * np.square(quantiles)
    each = np.log(quantiles) + _CONSTANTS - (_FREEDOMS + 1) / 2 * np.log1p(units / _FREEDOMS)
    likelihood = each.sum(axis=0) / _alike(scores, lots, coverage)
    weights = np.exp(likelihood - likelihood.max())
    return float(weights.sum() / (weights @ _INVERSE))


def scaled(prediction: Prediction, scale: float) -> Prediction:
    """A prediction with an interval that is `scale` times as wide on both sides of its value."""
    lower = prediction.value - (prediction.value - prediction.lower) * scale
    return replace(prediction, lower=lower, upper=prediction.value + (prediction.upper - prediction.value) * scale)
