"""Whether values are normal, and whether they depend on the ones before."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import log_ndtr, ndtr

from monitor.model import Floats

LEVEL = 0.01
_CRITICAL = 1.035
"""Of the corrected statistic at LEVEL (D'Agostino and Stephens 1986, table 4.7, mean and variance unknown)."""


def departure(values: Floats) -> float:
    """Anderson and Darling's statistic of normality over its critical value at LEVEL: above 1, normality is refused.

    `values` (n,) are finite. Ties, which rounding makes, are spread evenly over a step of the rounding, so that a
    coarse gauge alone does not refuse it. Constant values are not normal: infinity.
    """
    ordered = _untied(np.sort(values))
    count, deviation = len(ordered), ordered.std(ddof=1) if len(ordered) > 1 else 0.0
    if not deviation > 0:
        return math.inf
    z = (ordered - ordered.mean()) / deviation
    odd = 2 * np.arange(1, count + 1) - 1
    square = -count - float(odd @ (log_ndtr(z) + log_ndtr(-z[::-1]))) / count
    return square * (1 + 0.75 / count + 2.25 / count**2) / _CRITICAL


def _untied(ordered: Floats) -> Floats:
    """Sorted values with equal ones spread over the smallest step between different ones."""
    if np.diff(ordered).all():
        return ordered
    different, counts = np.unique(ordered, return_counts=True)
    if len(different) < 2:
        return ordered
    step = np.diff(different).min()
    first = np.repeat(np.cumsum(counts) - counts, counts)
    size = np.repeat(counts, counts)
    return np.asarray(ordered + step * ((np.arange(len(ordered)) - first + 0.5) / size - 0.5))


def dependence(values: Floats) -> tuple[float, float]:
    """The correlation of each value's rank with the next one's, and the chance of one as high in independent values.

    Bartels' rank form of von Neumann's ratio (Bartels 1982), one-sided: drifts, steps and slow processes make it high.
    0 and 1 of fewer than 10 values, or of constant ones.
    """
    count = len(values)
    ranks = _ranks(values)
    squares = float(np.square(ranks - ranks.mean()).sum()) if count else 0.0
    if count < 10 or squares == 0:
        return 0.0, 1.0
    ratio = float(np.square(np.diff(ranks)).sum()) / squares
    deviation = math.sqrt(
        4 * (count - 2) * (5 * count**2 - 2 * count - 9) / (5 * count * (count + 1) * (count - 1) ** 2)
    )
    return 1 - ratio / 2, float(ndtr((ratio - 2) / deviation))


def _ranks(values: Floats) -> Floats:
    """The rank of each value (n,), from 1; equal ones share the mean of theirs."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[where], dtype=np.float64)
