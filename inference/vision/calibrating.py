"""Calibrated probabilities of scores: one gain for all classes and an offset a class (vector scaling).

Guo et al., "On calibration of modern neural networks", ICML 2017, with one gain: it cannot overfit a few parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

_PENALTY = 5.0  # on the offsets, in parts: with few parts or almost no errors they stay near 0
_GAINS = (-12.0, 4.0)  # logarithms
FLOOR = 1e-6
"""No class that was seen in training is less likely than this."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Probability of class k: softmax of gain * score_k + offset_k."""

    gain: float
    offsets: Floats

    def probabilities(self, scores: Floats) -> Floats:
        """Of scores (..., classes)."""
        return _softmax(self.gain * scores + self.offsets)


def fit_scaling(scores: Floats, classes: NDArray[np.intp]) -> Scaling:
    """The scaling of least log loss on parts (parts, classes) that the scores were not fitted to."""
    from scipy.optimize import minimize

    centred = scores - scores.mean(1, keepdims=True)
    unit = float(centred.std()) or 1.0
    count = scores.shape[1]
    truth = np.eye(count)[classes]

    def loss(v: Floats) -> tuple[float, Floats]:
        raw = centred * (np.exp(v[0]) / unit) + v[1:]
        found = _softmax(raw)
        error = found - truth
        value = -np.log((found * truth).sum(1)).sum() + 0.5 * _PENALTY * np.square(v[1:]).sum()
        return float(value), np.concatenate([[(error * (raw - v[1:])).sum()], error.sum(0) + _PENALTY * v[1:]])

    bounds = [_GAINS, *[(-6.0, 6.0)] * count]
    best = minimize(loss, np.zeros(count + 1), jac=True, method="L-BFGS-B", bounds=bounds).x
    return Scaling(float(np.exp(best[0]) / unit), np.asarray(best[1:]))


def log_loss(probabilities: Floats, classes: NDArray[np.intp]) -> float:
    """Mean of -log of the probability of what it was."""
    return float(-np.log(probabilities[np.arange(len(classes)), classes]).mean())


def _softmax(raw: Floats) -> Floats:
    powers = np.exp(raw - raw.max(-1, keepdims=True))
    whole = powers / powers.sum(-1, keepdims=True)
    return np.asarray((whole + FLOOR) / (1 + FLOOR * whole.shape[-1]))
