"""Limits of a gate's realised performance: what the mean of a window may be, by chance alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainc

from detectors.shared.calibration import student_bound
from monitor.model import Floats

MIN_PARTS = 20
"""The minimum number of parts with an outcome; half as many in a slice."""
MOST_NAIVE = 4.0
"""The highest limit of an error, in errors of the naive baseline: the range of outcomes that are spread evenly."""
_FEWEST_LOTS = 10
"""Independent parts that a window counts as at least; with fewer, even one without a single hit could be chance."""
_LEAST_LIMIT = 1e-9
"""Limits are never 0, because values are divided by them."""
_MIN_PAIRS = 10
"""The minimum number of pairs for an autocovariance."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Parameters of the limits.

    `chance`: the probability that one mean of a healthy window exceeds its limit, if means were normally distributed.
    It was chosen on simulated plants, seeds 1000 to 1009, so that ten healthy days of two gates raise no alert: three
    methods judged every hour amount to some 200 independent windows per gate, and means are not exactly normal.
    """

    chance: float = 1e-5

    def __post_init__(self) -> None:
        if not 0 < self.chance < 0.5:
            raise ValueError(f"chance is {self.chance}; expected more than 0 and less than 0.5")


def error_limit(reference: Floats, rows: int, chance: float, two_sided: bool) -> float | None:
    """The upper prediction bound for the mean of `rows` values; None where the reference has too few outcomes."""
    finite = np.isfinite(reference)
    if finite.sum() < MIN_PARTS:
        return None
    mean = float(reference[finite].mean())
    freedom = max(len(reference) // rows - 1, 3)
    spread = math.sqrt(mean_variance(reference - mean, rows) * (1 + rows / len(reference)))
    quantile = student_bound(chance / 2 if two_sided else chance, freedom)
    bound = abs(mean) + quantile * spread
    return max(bound, _LEAST_LIMIT)


def naive_limit(naive: Floats) -> float:
    """The highest limit of an error that means anything; infinite without a naive baseline or where it never errs."""
    finite = np.abs(naive[np.isfinite(naive)])
    most = MOST_NAIVE * float(finite.mean()) if len(finite) else 0.0
    return most if most > 0 else math.inf


def coverage_limit(reference: Floats, rows: int, chance: float, miss: float) -> float | None:
    """The limit of the share of outcomes outside their interval; None where the reference has too few outcomes.

    Parts of one lot miss together, so the window counts as fewer independent parts, as far as the reference says so.
    """
    finite = np.isfinite(reference)
    if finite.sum() < MIN_PARTS:
        return None
    mean = float(reference[finite].mean())
    single = mean * (1 - mean)
    alike = mean_variance(reference - mean, rows) * rows / single if single > 0 else 1.0
    return share_limit(max(rows / max(alike, 1.0), min(rows, _FEWEST_LOTS)), miss, chance)


def share_limit(rows: float, share: float, chance: float) -> float:
    """The part of `rows` independent cases (a fraction is allowed) that is exceeded with probability `chance` only.

    Each case has the probability `share`. The binomial tail as a continuous function of the count, by the incomplete
    beta function (Clopper and Pearson, Biometrika 1934), so that the limit has no steps; always below 1.
    """

    def tail(count: float) -> float:
        return float(betainc(count, rows - count + 1, share)) - chance

    if tail(rows) >= 0:
        return 1.0 - 0.5 / rows
    return min(float(brentq(tail, 1e-9, rows)), rows - 0.5) / rows


def mean_variance(values: Floats, rows: int) -> float:
    """The variance of the mean of `rows` consecutive values, from centred values in their order (NaN: missing).

    Sums the autocovariances up to the length of the window, each estimated from the pairs without a missing value
    (Parzen, Sankhya 1963); never below the variance of the mean of independent values.
    """
    finite = np.isfinite(values)
    filled, present = np.where(finite, values, 0.0), finite.astype(np.float64)
    single = float((filled * filled).sum() / present.sum())
    total = rows * single
    for lag in range(1, min(rows, len(values) - 1)):
        pairs = float((present[lag:] * present[:-lag]).sum())
        if pairs >= _MIN_PAIRS:
            total += 2 * (rows - lag) * float((filled[lag:] * filled[:-lag]).sum()) / pairs
    return max(total / rows**2, single / rows)
