"""The chart of scatter: a small lasting rise of the residuals, as when a sensor no longer moves with the others.

The test of Page and Hinkley (Page, Continuous inspection schemes, Biometrika 1954) by river, on the means of blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from detectors.condition.autoregression import Autoregression
from detectors.condition.levels import PAGE
from detectors.condition.residuals import held_out_squares
from detectors.condition.settings import Settings
from monitor.model import Floats

if TYPE_CHECKING:
    from river.drift import PageHinkley

_FARTHEST = 5.0
"""Standard deviations that one block counts for at most."""
_LEAST_SPREAD = 0.05


@dataclass(frozen=True, slots=True)
class ScatterChart:
    """Mean and standard deviation of the block means of rows that the autoregression has not seen."""

    centre: float
    spread: float


@dataclass(frozen=True, slots=True)
class Scatter:
    """What moves: sum and number of the rows of the block at hand; of river's test, blocks and mean since it began, the
    sum and its least value; and the score of the last whole block."""

    total: float = 0.0
    rows: int = 0
    blocks: int = 0
    mean: float = 0.0
    sum: float = 0.0
    least: float = 0.0
    score: float = 0.0


def learn_scatter(rows: Floats, model: Autoregression, settings: Settings) -> ScatterChart:
    """The chart for a model learnt from standardised reference rows, shape (n, sensors)."""
    size = settings.block
    folds = held_out_squares(rows, model, settings)
    means = np.concatenate([fold[: len(fold) // size * size].reshape(-1, size).mean(axis=1) for fold in folds])
    if len(means) < 2:
        return ScatterChart(1.0, 1.0)
    return ScatterChart(float(means.mean()), max(float(means.std(ddof=1)), _LEAST_SPREAD))


def scatter_scores(
    chart: ScatterChart, scatter: Scatter, squares: Floats, settings: Settings
) -> tuple[Scatter, Floats]:
    """The score of each row, shape (n,), from the mean squares of its residuals: that of the last whole block."""
    size, before = settings.block, scatter.rows
    ends = np.arange(size - before, len(squares) + 1, size)
    scores, begin = np.full(len(squares), scatter.score), 0
    total, test = scatter.total, None
    for end in ends.tolist():
        total = _sum(total, squares[begin:end])
        test = test or _test(scatter, settings)
        mean = (total / size - chart.centre) / chart.spread
        test.update(min(max(mean, -_FARTHEST), _FARTHEST))
        scores[end - 1 :] = _score(test, settings)
        total, begin = 0.0, end
    total = _sum(total, squares[begin:])
    rows = (before + len(squares)) % size
    if test is None:
        return replace(scatter, total=total, rows=rows), scores
    score = float(scores[-1])
    if test.drift_detected:  # it begins anew
        return Scatter(total, rows, score=score), scores
    mean, blocks = test._x_mean.get(), int(test._x_mean.n)
    return Scatter(total, rows, blocks, mean, test._sum_increase, test._min_increase, score), scores


def _sum(total: float, values: Floats) -> float:
    """The sum in order, so that it does not depend on how rows are split."""
    return float(np.add.accumulate(np.concatenate([[total], values]))[-1])


def _score(test: PageHinkley, settings: Settings) -> float:
    """1 at the threshold, beyond which a person is called."""
    if test._x_mean.n < settings.scatter_blocks:
        return 0.0
    ratio = (test._sum_increase - test._min_increase) / settings.scatter_limit
    return float(ratio if ratio <= 1.0 else PAGE * ratio)


def _test(scatter: Scatter, settings: Settings) -> PageHinkley:
    """River's test as it stood."""
    # Imported late: river takes a second to import, and commands that score nothing do not need it.
    from river.drift import PageHinkley

    test = PageHinkley(settings.scatter_blocks, settings.scatter_drift, settings.scatter_limit, alpha=1.0, mode="up")
    if scatter.blocks:
        test._x_mean.n, test._x_mean._mean = scatter.blocks, scatter.mean
        test._sum_increase, test._min_increase = scatter.sum, scatter.least
    return test
