"""The distance between two samples of a feature: Evidently's normed Wasserstein distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from detectors.shared.numbers import blocks
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
    """Each of the samples (samples, n), which are sorted and not constant; they are scaled where they are."""
    shrink = -np.frexp(np.maximum(-rising[:, :1], rising[:, -1:]))[1]
    _times(rising, shrink, out=rising)
    mean = rising.mean(axis=1, keepdims=True)
    spread = rising.std(axis=1, keepdims=True, mean=mean)
    more = 1 - np.frexp(spread)[1]
    _times(rising, more, out=rising)
    powers, mean, spreads = shrink + more, np.ldexp(mean, more), np.ldexp(spread, more)
    farthest = np.maximum(mean - rising[:, :1], rising[:, -1:] - mean) / spreads
    every = zip(rising, powers[:, 0].tolist(), spreads[:, 0].tolist(), farthest[:, 0].tolist(), strict=True)
    return [SortedSample(*each) for each in every]


def distances(samples: Sequence[SortedSample], rising: Floats) -> Floats:
    """`wasserstein` of sorted values, shape (samples, m), up to rounding, without sorting or searching anything again.

    The samples are of one length. The area between the inverses of both distribution functions, which step at multiples
    of 1 / n and 1 / m.
    """
    n, m = len(samples[0].values), rising.shape[1]
    found = np.empty(len(samples))
    for block in blocks(len(samples), n + m, _AT_ONCE):
        part = samples[block]
        current = _clipped(rising[block], [sample.power for sample in part])
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
        found[block] = means / [sample.spread for sample in part]
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


def _times(values: Floats, powers: NDArray[np.int_], out: Floats | None = None) -> Floats:
    """Each row of values times its power of two, powers (rows, 1): by a product where that is the same and faster."""
    large = np.abs(powers).max() > _FACTOR
    scale = powers if large else np.ldexp(1.0, powers)
    return np.asarray((np.ldexp if large else np.multiply)(values, scale, out=out))
