"""The distance between two samples of a feature: Evidently's normed Wasserstein distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

_FARTHEST = 1e300
"""Values are clipped at this many standard deviations from 0, so that a distance stays finite."""
_AT_ONCE = 2**17
"""Values that are worked on at once, so that they stay near the processor."""
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
    with np.errstate(over="ignore"):
        scaled = np.clip(np.ldexp(current, power), -_FARTHEST, _FARTHEST)
    return float(wasserstein_distance(scaled_reference, scaled) / np.std(scaled_reference))


@dataclass(frozen=True, slots=True)
class SortedSample:
    """A reference that many samples are compared with: sorted once, shape (n,), scaled by a power of two.

    `spread`: the standard deviation of the scaled values; `farthest`: how many of it any lies from their mean, at most.
    """

    values: Floats
    power: int
    spread: float
    farthest: float


def sorted_samples(rising: Floats) -> list[SortedSample]:
    """Each of the samples (samples, n), which are sorted and not constant."""
    shrink = -np.frexp(np.maximum(-rising[:, :1], rising[:, -1:]))[1]
    values = _times(rising, shrink)
    mean = values.mean(axis=1, keepdims=True)
    spread = values.std(axis=1, keepdims=True, mean=mean)
    powers = shrink + 1 - np.frexp(spread)[1]
    values, spreads = _times(values, powers - shrink), np.ldexp(spread, powers - shrink)
    mean = np.ldexp(mean, powers - shrink)
    farthest = np.maximum(mean - values[:, :1], values[:, -1:] - mean) / spreads
    every = zip(values, powers[:, 0].tolist(), spreads[:, 0].tolist(), farthest[:, 0].tolist(), strict=True)
    return [SortedSample(*each) for each in every]


def distances(samples: Sequence[SortedSample], rising: Floats) -> Floats:
    """`wasserstein` of sorted values, shape (samples, m), up to rounding, without sorting or searching anything again.

    The samples are of one length. The area between the inverses of both distribution functions, which step at multiples
    of 1 / n and 1 / m.
    """
    n, m = len(samples[0].values), rising.shape[1]
    found = np.empty(len(samples))
    at_once = max(1, _AT_ONCE // (n + m))
    for start in range(0, len(samples), at_once):
        part = samples[start : start + at_once]
        current = _clipped(rising[start : start + at_once], [sample.power for sample in part])
        if n == m:
            for values, sample in zip(current, part, strict=True):
                values -= sample.values
            means = np.abs(current, out=current).mean(axis=1)
        else:
            mine, others, shares = _quantiles(n, m)
            between = current.take(others, axis=1)
            between -= np.stack([sample.values for sample in part]).take(mine, axis=1)
            np.abs(between, out=between)
            between *= shares
            means = between.sum(axis=1)
        found[start : start + at_once] = means / [sample.spread for sample in part]
    return found


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


def _clipped(values: Floats, powers: Sequence[int]) -> Floats:
    """A copy of rising values (columns, rows), each column times a power of two, clipped."""
    with np.errstate(over="ignore"):
        scaled = _times(values, np.array(powers)[:, None])
    if not max(-float(scaled[:, 0].min()), float(scaled[:, -1].max())) <= _FARTHEST:
        np.clip(scaled, -_FARTHEST, _FARTHEST, out=scaled)
    return scaled


def _times(values: Floats, powers: NDArray[np.int_]) -> Floats:
    """Each row of values times its power of two, powers (rows, 1): by a product where that is the same and faster."""
    large = np.abs(powers).max() > _FACTOR
    return np.asarray(np.ldexp(values, powers) if large else values * np.ldexp(1.0, powers))
