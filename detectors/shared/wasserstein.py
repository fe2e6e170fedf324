"""The distance between two samples of a feature: Evidently's normed Wasserstein distance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

_FARTHEST = 1e300
"""Values are clipped at this many standard deviations from 0, so that a distance stays finite."""
_FACTOR = 1000
"""A power of two up to this one is a factor; a larger one takes longer."""


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

    power = _power(reference)
    scaled_reference = np.ldexp(reference, power)
    return float(wasserstein_distance(scaled_reference, _scaled(current, power)) / np.std(scaled_reference))


@dataclass(frozen=True, slots=True)
class SortedSample:
    """A reference that many samples are compared with: sorted once, shape (n,), scaled by a power of two.

    `spread`: the standard deviation of the scaled values.
    """

    values: Floats
    power: int
    spread: float

    @classmethod
    def of(cls, rising: Floats) -> SortedSample:
        """Of sorted values; ValueError where they are constant."""
        power = _power(rising)
        values = np.ldexp(rising, power)
        return cls(values, power, float(np.std(values)))

    @property
    def farthest(self) -> float:
        """How many standard deviations any value lies from the mean, at most."""
        mean = float(np.mean(self.values))
        return max(mean - float(self.values[0]), float(self.values[-1]) - mean) / self.spread

    def distance(self, rising: Floats) -> float:
        """`wasserstein` of sorted values, shape (m,), up to rounding, without sorting or searching anything again.

        The area between the inverses of both distribution functions, which step at multiples of 1 / n and 1 / m.
        """
        n, m = len(self.values), len(rising)
        current = _scaled(rising, self.power)
        if n == m:
            between = np.subtract(current, self.values)
            return float(np.abs(between, out=between).mean()) / self.spread
        mine, others, shares = _quantiles(n, m)
        between = current[others]
        between -= self.values[mine]
        np.abs(between, out=between)
        between *= shares
        return float(between.sum()) / self.spread


@lru_cache(maxsize=64)
def _quantiles(n: int, m: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """The values of either sorted sample between any two steps of both distribution functions, and their shares."""
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    return (ends - 1) // m, (ends - 1) // n, np.diff(ends, prepend=0) / (n * m)


def _power(reference: Floats) -> int:
    """The power of two that scales the values to a standard deviation between 1 and 2; ValueError for a constant."""
    shrink = -int(np.frexp(np.abs(reference).max())[1])
    spread = float(np.std(np.ldexp(reference, shrink)))
    if not spread > 0:
        raise ValueError("the reference is constant; a distance in standard deviations is undefined")
    return shrink + 1 - int(np.frexp(spread)[1])


def _scaled(values: Floats, power: int) -> Floats:
    with np.errstate(over="ignore"):
        scaled = values * 2.0**power if abs(power) <= _FACTOR else np.ldexp(values, power)
    return np.clip(scaled, -_FARTHEST, _FARTHEST)
