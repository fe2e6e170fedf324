"""Capability: how wide a specification is for what the process does, with intervals of confidence.

Cp and Cpk by the short-term sigma, Pp and Ppk by the standard deviation of all values. Of values that are not normal,
Pp and Ppk by quantiles (ISO 22514-2), and no Cp or Cpk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm

from detectors.spc.intervals import ENDS, Estimate
from detectors.spc.limits import short_term
from detectors.spc.points import Points
from detectors.spc.scales import Kind, Scale, choose, quantiles, transformed
from monitor.errors import UsageError
from monitor.model import Floats

LEAST_VALUES = 10
LEAST_DIFFERENT = 5
"""Different values below which a gauge is too coarse for the spread (AIAG MSA, 4th ed.: five categories)."""
_RESAMPLES = 400
_MOST_RESAMPLED = 5_000
_SEED = 20


@dataclass(frozen=True, slots=True)
class Specification:
    """The limits of a characteristic, in its unit; None on a side without one."""

    low: float | None
    high: float | None

    @property
    def width(self) -> float | None:
        """From side to side."""
        return None if self.low is None or self.high is None else self.high - self.low

    def outside(self, values: Floats) -> int:
        """How many of the values are beyond it; NaN is not."""
        below = 0 if self.low is None else int((values < self.low).sum())
        return below + (0 if self.high is None else int((values > self.high).sum()))


@dataclass(frozen=True, slots=True)
class Capability:
    """From `count` values, of which `outside` are beyond the specification. `cp` and `pp` need both of its sides, `cp`
    and `cpk` values that are normal; None otherwise.
    """

    kind: Kind
    count: int
    outside: int
    cp: Estimate | None
    cpk: Estimate | None
    pp: Estimate | None
    ppk: Estimate


def capability(values: Floats, points: Points, specification: Specification) -> Capability:
    """The capability of values (n,), NaN where missing, that make these points; UsageError where too few are known, or
    they are too coarse.
    """
    known = values[np.isfinite(values)]
    if len(known) < LEAST_VALUES:
        raise UsageError(f"{len(known)} values are known; capability needs at least {LEAST_VALUES}")
    if len(np.unique(known)) < LEAST_DIFFERENT:
        raise UsageError(_COARSE)
    sigma, degrees = short_term(points)
    overall = float(known.std(ddof=1))
    count, outside = len(known), specification.outside(known)
    scale = choose(known, overall).scale
    if scale.kind is not Kind.NORMAL:
        pp, ppk = _by_quantiles(known, scale, specification)
        return Capability(scale.kind, count, outside, None, None, pp, ppk)
    mean = float(known.mean())
    cp, cpk = _normal(specification, mean, sigma, count, degrees)
    pp, ppk = _normal(specification, mean, overall, count, count - 1)
    return Capability(scale.kind, count, outside, cp, cpk, pp, ppk)


def indices(specification: Specification, low: float, middle: float, high: float) -> tuple[float | None, float]:
    """The specification's width over that from the quantile `low` to `high`, which stand for 3 sigma on each side, None
    where it has one side; and the least of the distances of its sides from the middle over those of the quantiles.
    """
    sides = []
    if specification.high is not None:
        sides.append((specification.high - middle) / (high - middle))
    if specification.low is not None:
        sides.append((middle - specification.low) / (middle - low))
    width = specification.width
    return None if width is None else width / (high - low), min(sides)


def _normal(
    specification: Specification, mean: float, sigma: float, count: int, degrees: float
) -> tuple[Estimate | None, Estimate]:
    width, nearest = indices(specification, mean - 3 * sigma, mean, mean + 3 * sigma)
    return None if width is None else ratio_interval(width, degrees), nearest_interval(nearest, count, degrees)


def ratio_interval(value: float, degrees: float) -> Estimate:
    """Cp or Pp with the interval that chi-square gives of sigma (Kane 1986)."""
    low, high = (value * math.sqrt(chi2.ppf(level, degrees) / degrees) for level in ENDS)
    return Estimate(value, low, high)


def nearest_interval(value: float, count: int, degrees: float) -> Estimate:
    """Cpk or Ppk with Bissell's interval (1990): the mean of `count` values, sigma of so many degrees of freedom."""
    reach = norm.ppf(ENDS[1]) * math.sqrt(1 / (9 * count) + value**2 / (2 * degrees))
    return Estimate(value, value - float(reach), value + float(reach))


_ENDS = np.array([-3.0, 0.0, 3.0])
_COARSE = "the values are too coarse for capability: too many are equal; measure with more digits"


def _ends(scale: Scale) -> tuple[float, float, float] | None:
    """The quantiles that stand for -3, 0 and 3 sigma; None where they are not apart."""
    low, middle, high = scale.values(_ENDS).tolist()
    return (low, middle, high) if low < middle < high else None


def _by_quantiles(
    values: Floats, scale: Scale, specification: Specification
) -> tuple[Estimate | None, Estimate]:  # fmt: skip
    """Pp and Ppk by the quantiles of 0.135, 50 and 99.865 %, with bootstrap intervals.

    Of many values the resamples are smaller (m out of n, Bickel, Goetze and van Zwet 1997) and their spread scaled.
    """
    ends = _ends(scale)
    if ends is None:
        raise UsageError(_COARSE)
    width, nearest = indices(specification, *ends)
    rng = np.random.default_rng(_SEED)
    size = min(len(values), _MOST_RESAMPLED)
    found = []
    for _ in range(_RESAMPLES):
        sample = rng.choice(values, size)
        fitted = transformed(sample) if scale.kind is Kind.TRANSFORMED else None
        ends = _ends(fitted or quantiles(sample)) if np.ptp(sample) > 0 else None
        if ends is not None:
            found.append(indices(specification, *ends))
    if len(found) < _RESAMPLES / 2:
        raise UsageError(_COARSE)
    shrink = math.sqrt(size / len(values))
    nearest_found = _estimate(nearest, np.array([pair[1] for pair in found]), shrink)
    if width is None:
        return None, nearest_found
    return _estimate(width, np.array([pair[0] for pair in found], dtype=np.float64), shrink), nearest_found


def _estimate(value: float, found: Floats, shrink: float) -> Estimate:
    low, high = (value + shrink * (float(q) - value) for q in np.quantile(found, ENDS))
    return Estimate(value, low, high)
