"""Gauge R&R: how much of what is measured is the gauge, from parts that several operators measure repeatedly.

A crossed study by analysis of variance (AIAG, Measurement Systems Analysis, 4th ed., chapter III). Intervals are
generalized ones (Hamada and Weerahandi 2000; Burdick, Borror and Montgomery, Design and Analysis of Gauge R&R Studies,
2005).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.spc.anova import Components, Number, Source, Table, anova, components, components_of
from detectors.spc.intervals import Estimate, of_draws
from monitor.model import Floats

POOL_ABOVE = 0.25
"""The interaction is pooled into repeatability where it is no more significant than this, so that one that is there is
seldom missed (Burdick, Borror and Montgomery 2005).
"""
STUDY = 6.0
"""Standard deviations that a variation is told as: they hold 99.73 % of normal values."""
_DRAWS = 10_000
_SEED = 21


@dataclass(frozen=True, slots=True)
class Gauge:
    """`variances`, `study` (percent of the total's standard deviation) and `tolerance` (STUDY standard deviations as a
    percentage of it, empty without one) by NAMES; `categories`: how many kinds of parts the gauge tells apart.
    """

    table: Table
    pooled: bool
    variances: dict[str, Estimate]
    study: dict[str, Estimate]
    tolerance: dict[str, Estimate]
    categories: Estimate


NAMES = ("gauge", "repeatability", "reproducibility", "operator", "interaction", "part", "total")


def gauge(values: Floats, tolerance: float | None = None, pool_above: float = POOL_ABOVE) -> Gauge:
    """The study of measurements (parts, operators, trials); `tolerance` is the width of the specification."""
    found = anova(values)
    pool = found.interaction.chance > pool_above
    point, drawn = components(found, pool), _draws(found, pool)
    variances = {name: of_draws(getattr(point, name), getattr(drawn, name)) for name in NAMES}
    study = {
        name: of_draws(
            100 * np.sqrt(getattr(point, name) / point.total), 100 * np.sqrt(getattr(drawn, name) / drawn.total)
        )
        for name in NAMES
    }
    share = {} if tolerance is None else {
        name: of_draws(*(100 * STUDY * np.sqrt(getattr(each, name)) / tolerance for each in (point, drawn)))
        for name in NAMES
    }  # fmt: skip
    return Gauge(
        found, pool, variances, study, share, of_draws(float(_categories(point)), np.asarray(_categories(drawn)))
    )


def _categories(found: Components) -> Number:
    """How many of its own intervals fit into the spread of parts: sqrt 2 times their ratio, cut to whole ones."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.floor(np.sqrt(2 * found.part / found.gauge)), 1.0)


def _draws(found: Table, pool: bool) -> Components:
    """Variances that fit the mean squares, each over a draw of chi-square over its degrees of freedom."""
    rng = np.random.default_rng(_SEED)

    def draw(source: Source) -> Floats:
        return np.asarray(source.squares / rng.chisquare(source.degrees, _DRAWS))

    part, operator = draw(found.part), draw(found.operator)
    interaction = None if pool else draw(found.interaction)
    return components_of(found, part, operator, interaction, draw(found.pooled if pool else found.repeatability))
