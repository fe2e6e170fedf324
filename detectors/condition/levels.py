"""Charts of levels: how far a smoothed sensor is from its anchor, in units of how far it strays in the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.condition.settings import Settings
from detectors.condition.smoothing import forward_error, freedoms, rounded, smooth, strays
from detectors.shared.calibration import student_bound
from monitor.model import Floats

PAGE = 2.0
"""The score at which a person is called; 1 flags a row."""


@dataclass(frozen=True, slots=True)
class LevelChart:
    """What is learnt of standardised rows: the forward error of each sensor and its limits in units of it, all of shape
    (sensors,).

    The forward error is the root mean square by which the smoothed sensor strays from a part of the reference that
    lies wholly before or after it. It grows with slow movements, which a standard deviation does not show. The limits
    are Student quantiles with as many degrees of freedom as the reference has independent rows.
    """

    forward: Floats
    flag: Floats
    page: Floats

    def score(self, smoothed: Floats) -> Floats:
        """The score of each sensor, shape (n, sensors), from smoothed rows."""
        return scaled(np.abs(smoothed) / self.forward, self.flag, self.page)


def scaled(values: Floats, flag: Floats | float, page: Floats | float) -> Floats:
    """Values >= 0 in two straight pieces: 1 at `flag`, `PAGE` at `page`."""
    return np.asarray(np.minimum(values / flag, 1.0) + np.maximum(values - flag, 0.0) * ((PAGE - 1.0) / (page - flag)))


def learn_levels(rows: Floats, settings: Settings) -> LevelChart:
    """Learn the chart of standardised reference rows, shape (n, sensors), in order of time."""
    weight, width = settings.level_weight, rows.shape[1]
    forward = forward_error((strayed for _, strayed in strays(rows, weight)), settings.least_forward)
    freedom = freedoms(smooth(rows, weight, np.zeros(width)), settings.least_freedom)
    flag, page = (
        rounded(np.array([student_bound(chance / (2 * width), of_sensor) for of_sensor in freedom]))
        for chance in (settings.row_chance, settings.page_chance)
    )
    return LevelChart(forward, flag, page)
