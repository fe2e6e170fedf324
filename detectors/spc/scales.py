"""Scales: how far values are from the middle of phase 1, as scores that are standard normal while all is as it was.

A limit of 3 sigma is the value whose score is 3, so limits of values that are not normal are quantiles of phase 1,
which are exceeded as rarely as 3 sigma by a normal value.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtri

from detectors.spc.shape import LEVEL, departure, dependence
from monitor.model import Floats

MOST_KNOTS = 2001


class Kind(StrEnum):
    """What limits rest on."""

    NORMAL = "normal"
    TRANSFORMED = "transformed"
    """Normal after Yeo and Johnson's transformation."""
    QUANTILES = "quantiles"
    """The quantiles of phase 1 themselves."""


class Scale(Protocol):
    """Both ways are increasing and each the other's inverse; NaN stays NaN."""

    @property
    def kind(self) -> Kind:
        """What the limits rest on."""

    def scores(self, values: Floats) -> Floats:
        """The scores of values (...)."""

    def values(self, scores: Floats) -> Floats:
        """The values of scores (...)."""


@dataclass(frozen=True, slots=True)
class Normal:
    """`center` and `sigma`, above 0, in the unit of the values."""

    center: float
    sigma: float

    @property
    def kind(self) -> Kind:
        """NORMAL."""
        return Kind.NORMAL

    def scores(self, values: Floats) -> Floats:
        """Distances from the centre in sigmas."""
        return np.asarray((values - self.center) / self.sigma)

    def values(self, scores: Floats) -> Floats:
        """The centre and so many sigmas."""
        return np.asarray(self.center + self.sigma * scores)


@dataclass(frozen=True, slots=True)
class Transformed:
    """Yeo and Johnson's transformation (2000) of values less `center` over `width`, then less `mean` over `deviation`.

    Its power is between 0 and 2, where it maps all numbers onto all numbers.
    """

    center: float
    width: float
    power: float
    mean: float
    deviation: float

    @property
    def kind(self) -> Kind:
        """TRANSFORMED."""
        return Kind.TRANSFORMED

    def scores(self, values: Floats) -> Floats:
        """Scores of the transformed values."""
        return (_bent((values - self.center) / self.width, self.power) - self.mean) / self.deviation

    def values(self, scores: Floats) -> Floats:
        """The values that are transformed to these scores."""
        return self.center + self.width * _straight(self.mean + self.deviation * scores, self.power)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """`at`: quantiles of phase 1, increasing; `levels`: their scores; `middle`: the median.

    Beyond the values of phase 1 a tail goes on as straight as from the median to the outermost value.
    """

    at: tuple[float, ...]
    levels: tuple[float, ...]
    middle: float

    @property
    def kind(self) -> Kind:
        """QUANTILES."""
        return Kind.QUANTILES

    def scores(self, values: Floats) -> Floats:
        """Scores by position among the quantiles."""
        inside = np.interp(values, self.at, self.levels)
        low, high = self._slopes()
        beyond = np.where(values > self.at[-1], self.levels[-1] + (values - self.at[-1]) / high, inside)
        return np.where(values < self.at[0], self.levels[0] + (values - self.at[0]) / low, beyond)

    def values(self, scores: Floats) -> Floats:
        """Values by position among the scores."""
        inside = np.interp(scores, self.levels, self.at)
        low, high = self._slopes()
        beyond = np.where(scores > self.levels[-1], self.at[-1] + (scores - self.levels[-1]) * high, inside)
        return np.where(scores < self.levels[0], self.at[0] + (scores - self.levels[0]) * low, beyond)

    def _slopes(self) -> tuple[float, float]:
        """Units per score below the lowest and above the highest quantile; a side of equal values takes the other's."""
        low = (self.middle - self.at[0]) / -self.levels[0]
        high = (self.at[-1] - self.middle) / self.levels[-1]
        return low or high, high or low


def _bent(u: Floats, power: float) -> Floats:
    """Yeo and Johnson's transformation, 0 <= power <= 2."""
    up, down = np.maximum(u, 0), np.maximum(-u, 0)
    above = np.log1p(up) if power == 0 else ((1 + up) ** power - 1) / power
    below = np.log1p(down) if power == 2 else ((1 + down) ** (2 - power) - 1) / (2 - power)
    return np.where(np.isnan(u), np.nan, np.where(u >= 0, above, -below))


def _straight(t: Floats, power: float) -> Floats:
    """The inverse of `_bent`."""
    up, down = np.maximum(t, 0), np.maximum(-t, 0)
    above = np.expm1(up) if power == 0 else (1 + power * up) ** (1 / power) - 1
    below = np.expm1(down) if power == 2 else (1 + (2 - power) * down) ** (1 / (2 - power)) - 1
    return np.where(np.isnan(t), np.nan, np.where(t >= 0, above, -below))


def transformed(values: Floats) -> Transformed | None:
    """The transformation of greatest likelihood, or None where too many values are equal; `values` (n,) are finite."""
    lower, center, upper = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
    width = (upper - lower) / 1.349
    if not width > 0:
        return None
    u = (values - center) / width
    sizes = np.sign(u) * np.log1p(np.abs(u))

    def loss(power: float) -> float:
        return float(np.log(_bent(u, power).var()) / 2 - (power - 1) * sizes.mean())

    best = float(minimize_scalar(loss, bounds=(0, 2), method="bounded", options={"xatol": 1e-3}).x)
    bent = _bent(u, best)
    return Transformed(center, width, best, float(bent.mean()), float(bent.std(ddof=1)))


def quantiles(values: Floats) -> Quantiles:
    """The quantiles of values (n,), finite and not all equal, at ranks over n + 1 (Weibull's)."""
    ordered = np.sort(values)
    levels = ndtri(np.arange(1, len(ordered) + 1) / (len(ordered) + 1))
    at, where = np.unique(ordered, return_inverse=True)
    mean = np.bincount(where, levels) / np.bincount(where)
    kept = np.unique(np.linspace(0, len(at) - 1, MOST_KNOTS).round().astype(int)) if len(at) > MOST_KNOTS else ...
    return Quantiles(tuple(at[kept].tolist()), tuple(mean[kept].tolist()), float(np.median(ordered)))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The scale of phase 1, and why: `departure` from normality (above 1 it is refused), and `dependence` between
    neighbours (a rank correlation) with its chance.
    """

    scale: Scale
    departure: float
    dependence: float
    chance: float

    @property
    def dependent(self) -> bool:
        """Whether a value tells something of the next, so that run lengths of independent values do not hold."""
        return self.chance < LEVEL


def choose(values: Floats, sigma: float) -> Chosen:
    """The scale of values (n,), finite and not all equal, whose standard deviation in the short term is `sigma`.

    Normal unless normality is refused at LEVEL. Of values that depend on their neighbours it is not asked: a step or a
    drift within phase 1 makes a mixture, whose quantiles would swallow it.
    """
    from_normal = departure(values)
    related, chance = dependence(values)
    scale: Scale = Normal(float(values.mean()), sigma)
    if from_normal > 1 and chance >= LEVEL:
        bent = transformed(values)
        fits = bent is not None and departure(bent.scores(values)) <= 1
        scale = bent if bent is not None and fits else quantiles(values)
    return Chosen(scale, from_normal, related, chance)
