"""The distance between two samples of a feature: Evidently's normed Wasserstein distance, computed with SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from monitor.model import Floats

Distance = Callable[[Floats, Floats], float]
"""The distance of the current sample, shape (rows,), from the reference sample; neither holds NaN or infinity."""
_FARTHEST = 1e300
"""Values are clipped at this many standard deviations from 0, so that a distance stays finite."""


def wasserstein(reference: Floats, current: Floats) -> float:
    """The Wasserstein distance in standard deviations of the reference, as Evidently's reports state it.

    Both samples have shape (rows,). The formula is repeated here because importing Evidently takes longer than a day
    of drift rounds; a test compares the results bit for bit. Evidently never divides by less than 0.001, so that the
    distance of a feature with a small scale (metres instead of millimetres) comes out too small by orders of
    magnitude. Both samples are therefore first scaled by a power of two to a standard deviation between 1 and 2. This
    changes no bit of the distance where Evidently's floor does not apply, and keeps squares of huge values finite.
    ValueError for a constant reference.
    """
    # Imported late: commands that compute no distance start faster without SciPy's statistics.
    from scipy.stats import wasserstein_distance

    shrink = -int(np.frexp(np.abs(reference).max())[1])
    spread = float(np.std(np.ldexp(reference, shrink)))
    if not spread > 0:
        raise ValueError("the reference is constant; a distance in standard deviations is undefined")
    power = shrink + 1 - int(np.frexp(spread)[1])
    with np.errstate(over="ignore"):
        scaled = np.clip(np.ldexp(current, power), -_FARTHEST, _FARTHEST)
    scaled_reference = np.ldexp(reference, power)
    return float(wasserstein_distance(scaled_reference, scaled) / np.std(scaled_reference))
