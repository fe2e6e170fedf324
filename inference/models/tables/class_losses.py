"""What a forecast of classes loses, and whether a part's class is among its likeliest ones; a class is its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

FLOOR = 1e-6
"""The least probability of a class: a loss stays finite."""


def log_losses(probabilities: Floats, target: Floats) -> Floats:
    """Minus the logarithm of the probability (rows, classes) of each row's own class (rows,)."""
    return -np.log(np.maximum(probabilities[np.arange(len(target)), target.astype(np.intp)], FLOOR))


def in_likeliest(probabilities: Floats, target: Floats, coverage: float) -> NDArray[np.bool_]:
    """Whether each row's class is in the smallest set of the likeliest ones that together reach `coverage`."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=1)
    before = np.cumsum(ranked, axis=1) - ranked
    return np.asarray(((order == target[:, None].astype(np.intp)) & (before < coverage - 1e-12)).any(axis=1))
