"""How far two samples of a feature are apart: Evidently's normed Wasserstein distance, computed with SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from monitor.model import Floats

Distance = Callable[[Floats, Floats], float]
"""How far the current sample, shape (rows,), is from the reference sample; neither holds NaN or infinity."""
_FARTHEST = 1e300
"""Farther than this from 0 in standard deviations no value is told from another, so that a distance is finite."""


def wasserstein(reference: Floats, current: Floats) -> float:
    """The Wasserstein distance in standard deviations of the reference, as Evidently's reports state it.

    The formula stands here because importing Evidently for it takes longer than a day of drift rounds; a test holds
    every bit against Evidently's. Evidently never divides by less than 0.001, which makes the distance of a feature of
    small scale (metres where millimetres are meant) too small by orders of magnitude. So both samples are first
    brought to a standard deviation between 1 and 2 by a power of two, which changes no bit of the distance where that
    floor does not act, and keeps squares of huge values finite. ValueError for a reference without spread.
    """
    # Imported at the first distance: commands that compare nothing do without.
    from scipy.stats import wasserstein_distance

    shrink = -int(np.frexp(np.abs(reference).max())[1])
    spread = float(np.std(np.ldexp(reference, shrink)))
    if not spread > 0:
        raise ValueError("a reference without spread has no distance in standard deviations")
    power = shrink + 1 - int(np.frexp(spread)[1])
    with np.errstate(over="ignore"):
        scaled = np.clip(np.ldexp(current, power), -_FARTHEST, _FARTHEST)
    scaled_reference = np.ldexp(reference, power)
    return float(wasserstein_distance(scaled_reference, scaled) / np.std(scaled_reference))
