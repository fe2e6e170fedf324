"""The chart of balances: a sensor against what the other sensors say it should be, for slow wear of one of them.

What moves all sensors together (load, recipe, tool wear) cancels, so the limits may be narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.condition.levels import PAGE
from detectors.condition.settings import Settings
from detectors.condition.smoothing import forward_error, freedoms, rounded, row_product, smooth, strays
from detectors.shared.calibration import student_bound
from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Balance:
    """What is learnt of standardised rows.

    `precision`, (sensors, sensors): the inverse of the covariance with a ridge. Row j of it, divided by its diagonal
    element, holds minus the coefficients of the regression of sensor j on the others (Cox and Wermuth, Multivariate
    Dependencies, 1996, chapter 3). `freedom`: how many independent rows are trusted to be behind them. `forward`,
    (sensors,): see `LevelChart`.
    `limit`, in units of `forward`: what is beyond it calls a person; rows below it are not flagged, since wear is slow.
    """

    precision: Floats
    freedom: float
    forward: Floats
    limit: float

    def score(self, smoothed: Floats) -> Floats:
        """The score of each sensor, shape (n, sensors), from smoothed rows."""
        ratio = np.abs(differences(smoothed, self.precision, self.freedom)) / self.forward / self.limit
        return np.asarray(np.where(ratio <= 1.0, ratio, PAGE * ratio))


def differences(smoothed: Floats, precision: Floats, freedom: float) -> Floats:
    """How far each sensor is from its regression on the others, shape (n, sensors), in units that grow with how far
    the others are from where the regression was learnt: the square root of one and their leverage."""
    weighted = row_product(smoothed, precision)
    diagonal = np.diag(precision)
    distance = (smoothed * weighted).sum(axis=1)
    others = np.maximum(distance[:, None] - weighted**2 / diagonal, 0.0)
    return np.asarray(weighted / diagonal / np.sqrt(1.0 + others / freedom))


def learn_balance(rows: Floats, settings: Settings) -> Balance:
    """Learn the balances of standardised reference rows, shape (n, sensors), in order of time."""
    weight, nothing = settings.level_weight, np.zeros(rows.shape[1])
    precision = _precision(rows, settings.ridge)
    whole = row_product(smooth(rows, weight, nothing), precision)
    freedom = float(np.median(freedoms(whole, settings.least_freedom)))
    trusted = settings.leverage_share * freedom
    errors = (
        differences(strayed, _precision(before, settings.ridge), trusted) for before, strayed in strays(rows, weight)
    )
    forward = forward_error(errors, settings.least_forward)
    limit = student_bound(settings.page_chance / (2 * rows.shape[1]), freedom)
    return Balance(rounded(precision), trusted, forward, limit)


def _precision(rows: Floats, ridge: float) -> Floats:
    covariance = np.atleast_2d(np.cov(rows, rowvar=False)) + ridge * np.eye(rows.shape[1])
    inverse = np.linalg.inv(covariance)
    return np.asarray((inverse + inverse.T) / 2.0)
