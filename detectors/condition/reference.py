"""The reference of a machine: everything that is learnt from rows of a good period, frozen afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.condition.autoregression import learn_autoregression
from detectors.condition.balance import Balance, learn_balance
from detectors.condition.levels import LevelChart, learn_levels
from detectors.condition.residuals import ResidualChart, learn_residuals
from detectors.condition.scatter import ScatterChart, learn_scatter
from detectors.condition.settings import Settings
from detectors.condition.standard import Last, Others, Standard, fill, misses_often, no_last, spread_of, without_absurd
from monitor.model import Floats

LEAST_ROWS = 40
DEFAULTS = Settings()


@dataclass(frozen=True, slots=True)
class Reference:
    """A machine as it is when all is well.

    `centre`, `scale`, `moves`, shape (sensors,): mean and standard deviation of each sensor, and whether it moves at
    all; `gappy`, likewise: whether it misses values again and again. `level`: of the sensors; `balance`: of each sensor
    against the others; `residual`, `scatter`: of how they go on from row to row.
    """

    settings: Settings
    centre: Floats
    scale: Floats
    moves: NDArray[np.bool_]
    gappy: NDArray[np.bool_]
    level: LevelChart
    balance: Balance
    residual: ResidualChart
    scatter: ScatterChart

    def standard(self, rows: Floats, last: Last) -> Standard:
        """Standardised rows, shape (n, sensors), NaN where missing, given the last ones."""
        clip = self.settings.clip
        standardised = np.clip((rows - self.centre) / self.scale, -clip, clip)
        others = Others(self.balance.precision, self.residual.model.wanders, self.gappy)
        return fill(standardised, last, others, self.settings)


def learn(rows: Floats, least_scale: Floats | float = 0.0, settings: Settings = DEFAULTS) -> Reference:
    """Learn a reference from rows in order of time, shape (n >= LEAST_ROWS, sensors), NaN where missing.

    `least_scale`, shape (sensors,): lower bounds of the standard deviations, for sensors that hardly move.
    ValueError with fewer rows, or where a sensor has no value at all.
    """
    if len(rows) < LEAST_ROWS or np.isnan(rows).all(axis=0).any():
        raise ValueError(f"a reference needs {LEAST_ROWS} rows with a value of each sensor; these are {len(rows)}")
    gappy = misses_often(rows, settings.gap_share)
    rows = without_absurd(rows)
    centre, scale, moves = spread_of(rows, least_scale)
    clip = settings.clip
    standard = fill(np.clip((rows - centre) / scale, -clip, clip), no_last(rows.shape[1]), None, settings).rows
    level = learn_levels(standard, settings)
    balance = learn_balance(standard, settings)
    model = learn_autoregression(standard, level.forward, settings)
    return Reference(
        settings, centre, scale, moves, gappy, level, balance, learn_residuals(standard, model, settings),
        learn_scatter(standard, model, settings),
    )  # fmt: skip
