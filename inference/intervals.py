"""Whether intervals, or sets of classes, reach their nominal coverage: one rule for challengers and models in force.

Parts that the model calls out of distribution do not count, because the gate holds them; nor do parts whose error is
beyond `CAP` half widths, because such a part has a fault that no model of the gate could see, such as a wrong recipe at
a later step.

Of classes, the error of a prediction is its log loss, which is not capped, and what an interval is to a number is to
them the smallest set of the likeliest classes that together reach the coverage.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from inference.models.forecasting import Foretold
from inference.models.tables.class_losses import in_likeliest, log_losses
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
    of_classes = probabilities_of(predictions) is not None
    counts = counted(target, predictions, np.inf if of_classes else CAP * half_widths(predictions))
    return coverage_holds(inside(target, predictions, coverage)[counts], len(target), coverage)


def coverage_holds(inside: Mask, parts: int, coverage: float) -> bool:
    """Whether the counted intervals cover often enough, by the exact one-sided binomial test.

    If fewer than half of the `parts` are counted, the intervals do not hold.
    """
    return 2 * len(inside) >= parts and binomial_cdf(int(inside.sum()), len(inside), coverage) >= 1 - CONFIDENCE


def forecast_holds(known: Foretold) -> bool:
    """Whether the newest intervals of a forecast cover often enough: nothing shows that they fall short by more than
    `SHORTFALL`. Parts that miss together count as fewer independent ones (`Foretold.alike`)."""
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
    """Absolute errors (parts,), of classes log losses; the target is then the place of each part's class."""
    probabilities = probabilities_of(predictions)
    if probabilities is not None:
        return log_losses(probabilities, target)
    return np.asarray(np.abs(target - np.array([p.value for p in predictions])))


def inside(target: Floats, predictions: Sequence[Prediction], coverage: float) -> Mask:
    """Which intervals contain the target; of classes, which of the sets that reach `coverage` contain it."""
    probabilities = probabilities_of(predictions)
    if probabilities is not None:
        return in_likeliest(probabilities, target, coverage)
    bounds = np.array([(p.lower, p.upper) for p in predictions]).reshape(-1, 2)
    return np.asarray((bounds[:, 0] <= target) & (target <= bounds[:, 1]))


def probabilities_of(predictions: Sequence[Prediction]) -> Floats | None:
    """The probabilities (parts, classes); None where a number is predicted."""
    if not predictions or not predictions[0].probabilities:
        return None
    return np.array([p.probabilities for p in predictions])


def half_widths(predictions: Sequence[Prediction]) -> Floats:
    """Half of each interval's width (parts,)."""
    return np.array([(p.upper - p.lower) / 2 for p in predictions])
