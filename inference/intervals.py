"""Whether intervals reach their nominal coverage: one rule for a challenger and for the model in force.

Parts that the model calls out of distribution do not count, because the gate holds them; nor do parts whose error is
beyond `CAP` half widths, because such a part has a fault that no model of the gate could see, such as a wrong recipe at
a later step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from inference.models.forecasting import Forecast
from monitor.model import Floats, Prediction

CONFIDENCE = 0.95
"""One-sided confidence of every bound and test; a model that is as good as it should be fails one in 20 times."""
SHORTFALL = 0.03
"""By how much the coverage of a forecast may be short of the nominal one."""
CAP = 2.0
"""Cap on an error, in half widths of an interval."""

Mask = NDArray[np.bool_]


def intervals_hold(target: Floats, predictions: Sequence[Prediction], coverage: float) -> bool:
    """Whether the intervals cover the target (parts,) as often as `coverage` says, allowing for chance."""
    counts = counted(target, predictions, CAP * half_widths(predictions))
    return coverage_holds(inside(target, predictions)[counts], len(target), coverage)


def coverage_holds(inside: Mask, parts: int, coverage: float) -> bool:
    """Whether the counted intervals cover often enough, by the exact one-sided binomial test.

    If fewer than half of the `parts` are counted, the intervals do not hold.
    """
    return 2 * len(inside) >= parts and binomial_cdf(int(inside.sum()), len(inside), coverage) >= 1 - CONFIDENCE


def forecast_holds(known: Forecast) -> bool:
    """Whether the newest intervals of a forecast cover often enough: nothing shows that they fall short by more than
    `SHORTFALL`. Parts that miss together count as fewer independent ones (`Forecast.alike`)."""
    inside, watched = known.inside / known.alike, known.watched / known.alike
    return binomial_cdf(inside, watched, known.coverage - SHORTFALL) >= 1 - CONFIDENCE


def binomial_cdf(successes: float, trials: float, probability: float) -> float:
    """The probability of at most `successes` in `trials`, each with `probability`.

    As a continuous function of both, by the incomplete beta function: trials that are alike count as a fraction.
    """
    return float(betainc(trials - successes, successes + 1, 1 - probability)) if successes < trials else 1.0


def counted(target: Floats, predictions: Sequence[Prediction], cap: float | Floats) -> Mask:
    """Which parts count: those in distribution with an error below `cap`."""
    in_distribution = np.array([p.distance <= p.distance_limit for p in predictions], dtype=np.bool_)
    return np.asarray(in_distribution & (errors(target, predictions) < cap))


def errors(target: Floats, predictions: Sequence[Prediction]) -> Floats:
    """Absolute errors (parts,)."""
    return np.asarray(np.abs(target - np.array([p.value for p in predictions])))


def inside(target: Floats, predictions: Sequence[Prediction]) -> Mask:
    """Which intervals contain the target."""
    bounds = np.array([(p.lower, p.upper) for p in predictions]).reshape(-1, 2)
    return np.asarray((bounds[:, 0] <= target) & (target <= bounds[:, 1]))


def half_widths(predictions: Sequence[Prediction]) -> Floats:
    """Half of each interval's width (parts,)."""
    return np.array([(p.upper - p.lower) / 2 for p in predictions])
