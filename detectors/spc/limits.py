"""Limits from phase 1: the centre, the short-term sigma and the scale of what is plotted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.spc.constants import freedom, spread_of_moving_range
from detectors.spc.points import Points, Spread, spread_constants
from detectors.spc.scales import Chosen, Normal, Scale, choose
from monitor.errors import UsageError
from monitor.model import Floats

LEAST_VALUES = 10
LEAST_SUBGROUPS = 5
USUAL = 20
"""Points of phase 1 below which limits are uncertain, as textbooks have it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From `points` points of phase 1, in the unit of the values: `sigma` is the short-term standard deviation of
    single values, known with `freedom` degrees of freedom. `chosen` says why the scale is as it is.
    """

    spread: Spread
    sigma: float
    freedom: float
    points: int
    chosen: Chosen

    @property
    def scale(self) -> Scale:
        """Of single values; of means where the points are subgroups, which are taken as normal."""
        return self.chosen.scale

    def scores(self, points: Points) -> Floats:
        """How far each point is from the centre, in standard deviations of a point of its size (n,)."""
        return np.asarray(self.scale.scores(points.means) * _roots(points))

    def band(self, points: Points, scores: float | Floats = 3.0) -> tuple[Floats, Floats]:
        """Lower and upper values (n,) of points whose scores would be so far from 0."""
        each = scores / _roots(points)
        return self.scale.values(-each), self.scale.values(each)

    def spread_band(self, points: Points) -> tuple[Floats, Floats, Floats]:
        """Lower limit, at least 0, centre and upper limit (n,) of the spread, 3 standard deviations; NaN without."""
        means, deviations = spread_constants(points.spread, points.sizes)
        middle, reach = self.sigma * means, 3 * self.sigma * deviations
        return np.where(np.isnan(means), np.nan, np.maximum(middle - reach, 0)), middle, middle + reach


def _roots(points: Points) -> Floats:
    return np.sqrt(np.maximum(points.sizes, 1))


def limits(points: Points) -> Limits:
    """The limits that the points of phase 1 set; UsageError where they are too few, or do not vary."""
    single = points.spread is Spread.MOVING_RANGE
    known = np.isfinite(points.means)
    count, least = int(known.sum()), LEAST_VALUES if single else LEAST_SUBGROUPS
    if count < least:
        what = "values" if single else "subgroups"
        raise UsageError(f"phase 1 has {count} {what}; expected at least {least}")
    sigma, degrees = short_term(points)
    if single:
        return Limits(points.spread, sigma, degrees, count, choose(points.means[known], sigma))
    center = float((points.means * points.sizes)[known].sum() / points.sizes[known].sum())
    own = Normal(center, sigma)
    found = choose((own.scores(points.means) * _roots(points))[known], 1.0)
    chosen = Chosen(own, found.departure, found.dependence, found.chance)
    return Limits(points.spread, sigma, degrees, count, chosen)


def short_term(points: Points) -> tuple[float, float]:
    """The standard deviation of single values from the spreads of points, and its degrees of freedom.

    The mean moving range over d2; of subgroups the mean of range over d2, or standard deviation over c4, weighted by
    what their sizes tell (Burr 1969), which is R-bar over d2 and S-bar over c4 where sizes are equal. UsageError where
    there is no spread, or none above 0.
    """
    known = np.isfinite(points.spreads)
    single = points.spread is Spread.MOVING_RANGE
    if not known.any():
        what = "no two neighbouring values" if single else "no subgroup of two values"
        raise UsageError(f"phase 1 has {what}, so that there is no spread to set limits by")
    means, deviations = (constants[known] for constants in spread_constants(points.spread, points.sizes))
    weights = np.square(means / deviations)
    sigma = float(weights @ (points.spreads[known] / means) / weights.sum())
    if not sigma > 0:
        raise UsageError("the values of phase 1 never change, so that there is no spread to set limits by")
    count = int(known.sum())
    return sigma, freedom(spread_of_moving_range(count) if single else float(1 / weights.sum()))
