"""Multinomial logistic regression with a ridge: what few parts can tell of classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from inference.models.gaps import Gaps
from monitor.model import Floats

_FAR = 8.0  # standard deviations: beyond, a line says nothing more
_STEPS = 200


@dataclass(frozen=True, slots=True)
class Design:
    """Rows as standardised columns: numeric inputs filled with their medians, categories as one column a level.

    `levels` has the number of levels of each input that is a category, by position; a missing one is no level.
    """

    gaps: Gaps
    levels: Mapping[int, int]
    centre: Floats
    scale: Floats

    def of(self, rows: Floats) -> Floats:
        """The columns (rows, columns) of rows (rows, inputs)."""
        return np.clip((_columns(rows, self.gaps, self.levels) - self.centre) / self.scale, -_FAR, _FAR)


def width(gaps: Gaps, levels: Mapping[int, int]) -> int:
    """How many columns a design has."""
    return sum(levels.get(i, 1) for i, ignored in enumerate(gaps.ignored) if not ignored)


def learn_design(rows: Floats, gaps: Gaps, levels: Mapping[int, int]) -> Design:
    """Centres and scales from training rows."""
    columns = _columns(rows, gaps, levels)
    spread = columns.std(axis=0)
    return Design(gaps, levels, columns.mean(axis=0), np.where(spread > 0, spread, 1.0))


def _columns(rows: Floats, gaps: Gaps, levels: Mapping[int, int]) -> Floats:
    filled = gaps.filled(rows)
    columns = [np.empty((len(rows), 0))]
    for i, ignored in enumerate(gaps.ignored):
        if i in levels and not ignored:
            columns.append((rows[:, i, None] == np.arange(levels[i])).astype(np.float64))
        elif not ignored:
            columns.append(filled[:, i, None])
    return np.ascontiguousarray(np.hstack(columns))


def fit(
    columns: Floats,
    target: Floats,
    classes: int,
    ridge: float,
    start: Floats | None = None,
    *,
    counted: Floats | None = None,
    offset: float | Floats = 0.0,
) -> Floats:
    """Weights (columns + 1, classes), the constant last, of least mean log loss plus ridge / 2 times their squares.

    `counted` (rows,) says as how many rows each counts in the mean; None: as one. `offset` (rows, classes) are scores
    that the weights add to.
    """
    design = np.hstack([columns, np.ones((len(columns), 1))])
    truth = np.zeros((len(columns), classes))
    truth[np.arange(len(columns)), target.astype(np.intp)] = 1.0
    shares = (np.ones(len(columns)) if counted is None else counted)[:, None]
    total = float(shares.sum())
    strength = np.full((design.shape[1], 1), ridge)
    strength[-1] = 1e-3 * ridge  # the rates of the classes are free

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(-1, classes)
        scores = design @ weights + offset
        largest = scores.max(axis=1, keepdims=True)
        logs = scores - largest - np.log(np.exp(scores - largest).sum(axis=1, keepdims=True))
        value = -float((shares * truth * logs).sum()) / total + 0.5 * float((strength * np.square(weights)).sum())
        slope = design.T @ (shares * (np.exp(logs) - truth)) / total + strength * weights
        return value, slope.ravel()

    first = np.zeros((design.shape[1], classes)) if start is None else start
    found = minimize(loss, first.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return np.asarray(found.x.reshape(-1, classes))


def scores(columns: Floats, weights: Floats) -> Floats:
    """Scores (rows, classes); einsum, because the last bits of a BLAS product depend on the other rows."""
    return np.asarray(np.einsum("ij,jk->ik", columns, weights[:-1]) + weights[-1])
