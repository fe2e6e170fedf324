"""Evidence for a gain from the sums of its units: a bootstrap interval, a sign-flip test, and several tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import false_discovery_control

from monitor.model import Floats

RESAMPLES = 4000
CONFIDENCE = 0.90
"""Of the interval of a gain."""


def interval(gains: Floats, losses: Floats, seed: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The percentile interval of sum(gains) / sum(losses), whole units resampled (units,).

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; a ratio of sums, because units differ in
    size.
    """
    chosen = np.random.default_rng(seed).integers(0, len(gains), (resamples, len(gains)))
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = gains[chosen].sum(axis=1) / losses[chosen].sum(axis=1)
    low, high = np.quantile(shares[np.isfinite(shares)], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def p_value(slopes: Floats, seed: int, resamples: int = RESAMPLES) -> float:
    """One-sided: how often sums of units (units,) with random signs come to the sum found or more.

    `slopes` says how the loss falls on the way from the prediction without a step's values to that with them. Its sum
    is above 0 if any part of the way is worth going, whereas the whole way may cost more than it gains, because its
    weights had to be estimated (Clark and West, "Approximately normal tests for equal predictive accuracy in nested
    models", 2007). Without anything to gain, units fall and rise alike, so their signs could as well be others
    (Fisher's randomisation test of paired differences, 1935).
    """
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (resamples, len(slopes)))
    found = slopes.sum()
    return float((1 + np.sum(signs @ slopes >= found - 1e-12 * abs(found))) / (1 + resamples))


def q_values(p_values: Sequence[float]) -> list[float]:
    """The least share of false discoveries at which each would be one (Benjamini and Hochberg, 1995).

    >>> q_values([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.03]
    """
    return [round(value, 12) for value in false_discovery_control(p_values).tolist()]
