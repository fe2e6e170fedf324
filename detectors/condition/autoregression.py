"""How the sensors of a machine go on from their last rows: a ridge vector autoregression, its residuals whitened.

Luetkepohl, New Introduction to Multiple Time Series Analysis (2005), chapter 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.condition.settings import Settings
from detectors.condition.smoothing import one_sided, rounded, row_product
from monitor.model import Floats

_SMALL = 1e-6


@dataclass(frozen=True, slots=True)
class Autoregression:
    """What is learnt of standardised rows.

    `wanders`, shape (sensors,): sensors that enter by their steps, in units of `step`, which is 1 for the others.
    `coefficients`: (lags * sensors, sensors). `whitening`, (sensors, sensors): makes residuals of healthy rows
    independent of each other and of variance 1.
    """

    wanders: NDArray[np.bool_]
    step: Floats
    coefficients: Floats
    whitening: Floats
    lags: int
    clip: float

    @property
    def precision(self) -> Floats:
        """Of the residuals, shape (sensors, sensors)."""
        return np.asarray(self.whitening @ self.whitening.T)

    @property
    def before(self) -> int:
        """Rows that must come before the first one."""
        return self.lags + 1

    def residuals(self, rows: Floats, before: Floats) -> Floats:
        """Residuals of rows, shape (n, sensors), given the `before` rows before them."""
        newest, lagged = self.lagged(np.concatenate([before, rows]))
        return newest - row_product(lagged, self.coefficients)

    def lagged(self, rows: Floats) -> tuple[Floats, Floats]:
        """All rows but the first `before`, and what predicts them, shape (n - before, lags * sensors)."""
        entered = rows.copy()
        entered[1:, self.wanders] = rows[1:, self.wanders] - rows[:-1, self.wanders]
        entered[:1, self.wanders] = 0.0
        entered = np.clip(entered / self.step, -self.clip, self.clip)
        first, count = self.before, len(rows)
        return entered[first:], np.hstack([entered[first - lag : count - lag] for lag in range(1, first)])

    def fitted(self, pieces: Sequence[Floats], ridge: float) -> tuple[Autoregression, Floats]:
        """This autoregression with the coefficients for pieces of consecutive rows, and its residuals there."""
        pairs = [self.lagged(piece) for piece in pieces if len(piece) > 2 * self.before]
        newest, lagged = (np.vstack(arrays) for arrays in zip(*pairs, strict=True))
        penalty = ridge * len(lagged) * np.eye(lagged.shape[1])
        coefficients = np.linalg.solve(lagged.T @ lagged + penalty, lagged.T @ newest)
        return replace(self, coefficients=coefficients), newest - lagged @ coefficients


def learn_autoregression(rows: Floats, forward: Floats, settings: Settings) -> Autoregression:
    """Learn from standardised reference rows, shape (n, sensors), whose forward errors are `forward`, (sensors,).

    The residual covariance comes by halves from the rows that were fitted and from rows beyond either end of these.
    """
    width = rows.shape[1]
    wanders, step = _wandering(rows, forward, settings)
    blank = Autoregression(
        wanders, step, np.zeros((settings.lags * width, width)), np.eye(width), settings.lags, settings.lag_clip
    )  # fmt: skip
    whole, within = blank.fitted([rows], settings.ridge)
    beyond, count = np.zeros((width, width)), 0
    for fitted, held_out, _ in one_sided(len(rows)):
        part, _ = blank.fitted([rows[fitted]], settings.ridge)
        start = max(held_out.start, part.before)
        residuals = part.residuals(rows[start : held_out.stop], rows[start - part.before : start])
        beyond, count = beyond + residuals.T @ residuals, count + len(residuals)
    share = settings.forward_share
    covariance = (1.0 - share) * (within.T @ within) / len(within) + share * beyond / count + _SMALL * np.eye(width)
    deviation = np.sqrt(np.diag(covariance))
    correlation = (1.0 - settings.shrinkage) * covariance / deviation[:, None] / deviation
    inverse = np.linalg.inv(correlation + settings.shrinkage * np.eye(width))
    whitening = np.linalg.cholesky(inverse) / deviation[:, None]
    return replace(whole, coefficients=rounded(whole.coefficients), whitening=rounded(whitening))


def _wandering(rows: Floats, forward: Floats, settings: Settings) -> tuple[NDArray[np.bool_], Floats]:
    """Which sensors move like random walks, and the unit in which each enters."""
    centred = rows - rows.mean(axis=0)
    square = np.maximum((centred**2).sum(axis=0), 1e-12)
    root = (centred[1:] * centred[:-1]).sum(axis=0) / square
    wanders = np.asarray((root > settings.root) | (forward > settings.stray))
    step = np.ones(rows.shape[1])
    step[wanders] = np.maximum(np.diff(rows, axis=0).std(axis=0)[wanders], _SMALL)
    return wanders, rounded(step)
