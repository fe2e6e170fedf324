"""Whether intervals hold what they promise: one rule for a challenger and for the model in force.

Parts that the model calls out of distribution do not count, for the gate holds them; nor do parts whose error is beyond
`CAP` half widths, for such a part was at fault in a way that no model of the gate could know, such as a wrong recipe at
a later step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from monitor.model import Floats, Prediction

CONFIDENCE = 0.95
"""Of every bound in a comparison, one-sided: what is as good as it should be looks otherwise in 1 of 20."""
CAP = 2.0
"""Half widths of an interval beyond which an error counts no further."""

Mask = NDArray[np.bool_]


def intervals_hold(target: Floats, predictions: Sequence[Prediction], coverage: float) -> bool:
    """Whether the intervals cover the target (parts,) as often as they promise, but for chance."""
    counts = counted(target, predictions, CAP * half_widths(predictions))
    return enough_inside(inside(target, predictions)[counts], len(target), coverage)


def enough_inside(inside: Mask, parts: int, coverage: float) -> bool:
    """Whether chance alone explains how few of the counted intervals held, by the exact binomial test, one-sided.

    A model that counts with fewer than half of the `parts` cannot show that its intervals hold.
    """
    return (
        2 * len(inside) >= parts and probability_of_so_few(int(inside.sum()), len(inside), coverage) >= 1 - CONFIDENCE
    )


def probability_of_so_few(successes: int, trials: int, chance: float) -> float:
    """The probability of so few successes or fewer, each with probability `chance`."""
    return float(bdtr(successes, trials, chance))


def counted(target: Floats, predictions: Sequence[Prediction], cap: float | Floats) -> Mask:
    """Which parts count: known to the model, and with an error below `cap`."""
    known = np.array([p.distance <= p.distance_limit for p in predictions], dtype=np.bool_)
    return np.asarray(known & (errors(target, predictions) < cap))


def errors(target: Floats, predictions: Sequence[Prediction]) -> Floats:
    """Absolute errors (parts,)."""
    return np.asarray(np.abs(target - np.array([p.value for p in predictions])))


def inside(target: Floats, predictions: Sequence[Prediction]) -> Mask:
    """Which intervals hold the target."""
    bounds = np.array([(p.lower, p.upper) for p in predictions]).reshape(-1, 2)
    return np.asarray((bounds[:, 0] <= target) & (target <= bounds[:, 1]))


def half_widths(predictions: Sequence[Prediction]) -> Floats:
    """Half of each interval's width (parts,)."""
    return np.array([(p.upper - p.lower) / 2 for p in predictions])
