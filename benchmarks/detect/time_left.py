"""The rows until an engine fails, by the trend of one sensor and what that sensor was when other engines failed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.detect.measures import TimeLeft, reference_cycles
from detectors.condition.reference import Reference, learn
from detectors.condition.scoring import score, start
from detectors.trend.time_left import Limit, follow, forecasts
from detectors.trend.time_left import start as no_past
from monitor.model import Floats

SENSOR = 6
"""T50, the temperature behind the low-pressure turbine, after the three settings."""
KNOWN = 30
"""Engines whose failures are known; the others are forecast."""
_EVERY = 5


def time_left_of(lives: Sequence[Floats]) -> TimeLeft:
    """A function of an engine's reference and its rows after it: the interval of the rows left, shape (n, 2), at every
    fifth row that has one, NaN elsewhere."""
    at_failure = np.array([_smoothed(life)[-1] for life in lives])

    def intervals(reference: Floats, rows: Floats) -> Floats:
        learnt = _learn(reference)
        unit = learnt.scale[SENSOR] * learnt.level.forward[SENSOR]
        limit = Limit(SENSOR, float((at_failure.mean() - learnt.centre[SENSOR]) / unit), float(at_failure.std() / unit))
        running, scores = score(learnt, start(learnt), reference)
        trend = follow(no_past(len(learnt.centre)), scores.smoothed / learnt.level.forward)
        found = np.full((len(rows), 2), np.nan)
        for end in range(_EVERY, len(rows) + 1, _EVERY):
            running, scores = score(learnt, running, rows[end - _EVERY : end])
            trend = follow(trend, scores.smoothed / learnt.level.forward)
            (forecast,) = forecasts(trend, [limit])
            if forecast.interval is not None and not forecast.reached and np.isfinite(forecast.interval[1]):
                # Rounded as whole rows are: what fails within the row is not yet over.
                found[end - 1] = forecast.interval[0] - 1.0, forecast.interval[1]
        return found

    return intervals


def _learn(reference: Floats) -> Reference:
    # Sensors that hardly move are quantised: a millionth of their value is no movement.
    return learn(reference, 1e-6 * np.maximum(1.0, np.abs(reference).max(axis=0)))


def _smoothed(life: Floats) -> Floats:
    """The smoothed sensor of a whole life in its own unit, shape (n,)."""
    learnt = _learn(life[: reference_cycles(len(life))])
    _, scores = score(learnt, start(learnt), life)
    return np.asarray(learnt.centre[SENSOR] + learnt.scale[SENSOR] * scores.smoothed[:, SENSOR])
