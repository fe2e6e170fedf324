"""The chart of residuals: the smoothed square of what the autoregression does not predict, and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from detectors.condition.autoregression import Autoregression
from detectors.condition.levels import PAGE
from detectors.condition.settings import Settings
from detectors.condition.smoothing import memory, row_product, smooth
from detectors.shared.calibration import student_bound
from monitor.model import Floats

_LEAST_SPREAD = 0.02
"""The least spread of the logarithms of block maxima, in case a few blocks happen to agree."""
UNREACHED = 1e9
"""A limit, or a spread, that makes a chart silent."""
_PAGE_DECADE = 0.5 / 6.0
"""By what share the limit that pages exceeds the one that flags, for each decade of `page_chance`: half at 1e-6. The
tail of a mean square falls exponentially."""


@dataclass(frozen=True, slots=True)
class ResidualChart:
    """The autoregression, and the smoothed mean squares at which a row is flagged and a person is called."""

    model: Autoregression
    flag: float
    page: float


def mean_squares(whitened: Floats, settings: Settings) -> Floats:
    """The mean square of each row of whitened residuals, shape (n, sensors) to (n,); 1 for a healthy row on average.

    Capped, so that one spike, however high, is no lasting change.
    """
    squares = np.minimum(whitened**2, settings.residual_clip**2)
    return np.asarray(np.minimum(squares.sum(axis=1) / squares.shape[1], settings.row_clip))


def too_few(rows: Floats, settings: Settings) -> bool:
    """Whether rows, shape (n, sensors), are too few to say how so many sensors go on together."""
    return bool(len(rows) < settings.rows_a_sensor * rows.shape[1])


def learn_residuals(rows: Floats, model: Autoregression, settings: Settings) -> ResidualChart:
    """The chart for a model learnt from standardised reference rows, shape (n, sensors).

    The limits are Student prediction bounds for the highest value of one more block, from contiguous folds that the
    coefficients have not seen; blocks that resemble each other count for less. Nothing reaches them with too few rows.
    """
    if too_few(rows, settings):
        return ResidualChart(model, UNREACHED, PAGE * UNREACHED)
    maxima = _held_out_maxima(rows, model, settings)
    count = len(maxima)
    freedom = min(count - 1.0, max(3.0, settings.tempered * count / memory(maxima) - 1.0))
    spread = max(float(maxima.std(ddof=1)), _LEAST_SPREAD) * np.sqrt(1.0 + 1.0 / (freedom + 1.0))
    flag = float(np.exp(maxima.mean() + student_bound(settings.block_chance, freedom) * spread))
    return ResidualChart(model, flag, flag * (1.0 - _PAGE_DECADE * np.log10(settings.page_chance)))


def _held_out_maxima(rows: Floats, model: Autoregression, settings: Settings) -> Floats:
    """Logarithms of the smoothed block maxima of each fold."""
    maxima: list[float] = []
    for squares in held_out_squares(rows, model, settings):
        values = smooth(squares[:, None], settings.residual_weight, np.ones(1))[:, 0]
        blocks = np.array_split(values, max(1, len(values) // settings.block))
        maxima += [float(np.log(block.max())) for block in blocks]
    return np.array(maxima)


def held_out_squares(rows: Floats, model: Autoregression, settings: Settings) -> list[Floats]:
    """The mean squares of standardised reference rows, shape (n, sensors), in contiguous folds, by coefficients that
    have not seen them."""
    edges = np.linspace(0, len(rows), settings.folds + 1).astype(int)
    folds = []
    for begin, end in pairwise(edges.tolist()):
        trial, _ = model.fitted([rows[:begin], rows[end:]], settings.ridge)
        start = max(model.before, begin)
        residuals = trial.residuals(rows[start:end], rows[start - model.before : start])
        folds.append(mean_squares(row_product(residuals, model.whitening), settings))
    return folds
