"""The one door to Evidently's statistics, opened at first use: its import takes about five seconds."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

import numpy as np

from monitor.model import Floats

Distance = Callable[[Floats, Floats], float]
"""How far the current sample, shape (rows,), is from the reference sample; neither holds NaN or infinity."""
_FARTHEST = 1e300
"""Farther than this from 0 in standard deviations no value is told from another, so that a distance is finite."""


def wasserstein(reference: Floats, current: Floats) -> float:
    """Evidently's normed Wasserstein distance: the mean shift in standard deviations of the reference.

    Evidently divides by the standard deviation but never by less than 0.001, which makes the distance of a feature
    of small scale (metres where millimetres are meant) too small by orders of magnitude. So both samples are first
    brought to a standard deviation between 1 and 2 by a power of two, which changes no bit of the distance where the
    floor does not act, and keeps squares of huge values finite. ValueError for a reference without spread.
    """
    shrink = -int(np.frexp(np.abs(reference).max())[1])
    spread = float(np.std(np.ldexp(reference, shrink)))
    if not spread > 0:
        raise ValueError("a reference without spread has no distance in standard deviations")
    power = shrink + 1 - int(np.frexp(spread)[1])
    with np.errstate(over="ignore"):
        scaled = np.clip(np.ldexp(current, power), -_FARTHEST, _FARTHEST)
    return _distance()(np.ldexp(reference, power), scaled)


@cache
def _distance() -> Distance:
    # It would report its use over the network.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently.legacy.calculations.stattests import wasserstein_stat_test
    from evidently.legacy.core import ColumnType

    statistic, threshold = wasserstein_stat_test.func, wasserstein_stat_test.default_threshold
    return lambda reference, current: float(statistic(reference, current, ColumnType.Numerical, threshold)[0])
