"""Scores of a machine's rows by its reference: `(reference, running, rows) -> (running, scores)`, the same bits under
any split."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.condition.levels import PAGE, scaled
from detectors.condition.reference import Reference
from detectors.condition.residuals import mean_squares
from detectors.condition.scatter import Scatter, scatter_scores
from detectors.condition.smoothing import row_product, smooth
from detectors.condition.standard import Last, expected, no_last
from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Running:
    """What moves with the rows. Arrays have shape (sensors,) unless stated otherwise.

    `last`: see `Standard`; `before`, (lags + 1, sensors): the last rows; `absent`, likewise: where a sensor had none;
    `level`: smoothed values; `residual`: smoothed mean square. `bias`: of the whitened residuals; `normal_sum`,
    `normal`, `counted`: sum and number of the normal rows, and of all rows, since it last moved. `blamed`: each
    sensor's share in the residuals, summed since they have been above their limit. `scatter`: see there.
    """

    last: Last
    before: Floats
    absent: NDArray[np.bool_]
    level: Floats
    residual: float
    bias: Floats
    normal_sum: Floats
    normal: int
    counted: int
    blamed: Floats
    scatter: Scatter


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of n rows: 1 flags, `levels.PAGE` calls a person. `level`, `balance`: (n, sensors); `residual`: (n,).

    `scatter`: (n,). `blamed`, (n, sensors): see `Running`. For trends and change points, (n, sensors): `whitened`, each
    row's residuals less their bias; `rows`, the standardised values, and `smoothed`, these smoothed.
    """

    level: Floats
    balance: Floats
    residual: Floats
    scatter: Floats
    blamed: Floats
    whitened: Floats
    smoothed: Floats
    rows: Floats

    @property
    def scores(self) -> Floats:
        """The highest score of each row, shape (n,)."""
        charts = (self.level.max(axis=1), self.balance.max(axis=1), self.residual, self.scatter)
        return np.asarray(np.maximum.reduce(charts))

    def contributions(self, rows: int | slice) -> Floats:
        """What each sensor contributes to the scores of rows, shape (sensors,) of one row and (n, sensors) of a slice;
        the scatter is of all sensors together."""
        own = np.maximum(self.level[rows], self.balance[rows])
        blamed, residual = np.maximum(self.blamed[rows], 0.0), self.residual[rows, None]
        most = blamed.max(axis=-1, keepdims=True)
        shares = np.divide(residual * blamed, most, out=np.zeros_like(own), where=most > 0.0)
        return np.asarray(np.maximum(own, shares))


def start(reference: Reference) -> Running:
    """Before the first row, and after a changeover: everything as it is on average."""
    width = len(reference.centre)
    zeros = np.zeros(width)
    before = np.zeros((reference.residual.model.before, width))
    return Running(no_last(width), before, before.astype(bool), zeros, 1.0, zeros, zeros, 0, 0, zeros, Scatter())


def score(reference: Reference, running: Running, rows: Floats) -> tuple[Running, Scores]:
    """Score rows of the sensors' values, shape (n, sensors), NaN where missing, in order of time."""
    standard = reference.standard(rows, running.last)
    smoothed = smooth(standard.rows, reference.settings.level_weight, running.level)
    level = reference.level.score(smoothed)
    if not reference.moves.all():
        still = ~reference.moves
        level[:, still] = np.where(np.abs(smoothed[:, still]) > 1.0, PAGE, 0.0)
    balance = reference.balance.score(smoothed)
    model = reference.residual.model
    residuals = model.residuals(standard.rows, running.before)
    absent = np.concatenate([running.absent, standard.absent])
    if absent.any():
        residuals = expected(residuals, _touched(absent, model.before), model.precision)
    moved, squares, smoothed_squares, whitened = _squares(reference, running, row_product(residuals, model.whitening))
    residual = scaled(smoothed_squares, reference.residual.flag, reference.residual.page)
    blamed = _blamed(reference, running.blamed, whitened, smoothed_squares)
    moving, scatter = scatter_scores(reference.scatter, running.scatter, squares, reference.settings)
    if len(rows):
        before = np.concatenate([running.before, standard.rows])[-model.before :]
        moved = replace(
            moved, last=standard.last, before=before, absent=absent[-model.before :], level=smoothed[-1],
            blamed=blamed[-1], scatter=moving,
        )  # fmt: skip
    return moved, Scores(level, balance, residual, scatter, blamed, whitened, smoothed, standard.rows)


def _touched(absent: NDArray[np.bool_], before: int) -> NDArray[np.bool_]:
    """Where a residual rests on a value that its sensor did not have, shape (n, sensors): at a row or one before."""
    touched = absent[before:].copy()
    for lag in range(1, before + 1):
        touched |= absent[before - lag : len(absent) - lag]
    return touched


def _squares(reference: Reference, running: Running, whitened: Floats) -> tuple[Running, Floats, Floats, Floats]:
    """Mean squares and smoothed ones, shape (n,), and the whitened residuals less their bias, shape (n, sensors)."""
    settings, flag = reference.settings, reference.residual.flag
    squares, smoothed = np.empty(len(whitened)), np.empty(len(whitened))
    centred = np.empty_like(whitened)
    row = 0
    while row < len(whitened):
        end = min(len(whitened), row + settings.bias_rows - running.counted)
        part = whitened[row:end] - running.bias
        centred[row:end], squares[row:end] = part, mean_squares(part, settings)
        before = np.array([running.residual])
        smoothed[row:end] = smooth(squares[row:end, None], settings.residual_weight, before)[:, 0]
        normal = part[smoothed[row:end] <= flag]
        total = np.add.accumulate(np.concatenate([running.normal_sum[None], normal]), axis=0)[-1]  # in order
        running = replace(
            running, residual=float(smoothed[end - 1]), normal_sum=total, normal=running.normal + len(normal),
            counted=running.counted + end - row,
        )  # fmt: skip
        row = end
        if running.counted == settings.bias_rows:
            running = _moved(running, settings.bias_share, settings.bias_rows)
    return running, squares, smoothed, centred


def _moved(running: Running, share: float, rows: int) -> Running:
    """The bias moved towards that of the last rows, if at least half of these were normal; the counts begin anew."""
    moved = running.bias
    if 2 * running.normal >= rows:
        moved = running.bias + share * running.normal_sum / running.normal
    return replace(running, bias=moved, normal_sum=np.zeros_like(moved), normal=0, counted=0)


def _blamed(reference: Reference, before: Floats, whitened: Floats, squares: Floats) -> Floats:
    """Each sensor's share in the mean squares, summed over the rows since these rose above their limit, (n, sensors).

    The share of sensor j in a squared Mahalanobis distance r' P r is r_j (P r)_j; the shares sum up to the distance.
    """
    blamed = np.zeros_like(whitened)
    above = squares > reference.residual.flag
    if not above.any():
        return blamed
    whitening = reference.residual.model.whitening
    residuals = row_product(whitened[above], np.asarray(np.linalg.inv(whitening), dtype=np.float64))
    blamed[above] = residuals * row_product(whitened[above], np.ascontiguousarray(whitening.T))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], above, [False]]).astype(np.int8)))
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if first == 0:
            blamed[0] += before
        blamed[first:end] = np.cumsum(blamed[first:end], axis=0)
    return blamed
