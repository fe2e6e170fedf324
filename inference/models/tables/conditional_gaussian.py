"""A joint normal distribution of inputs and outcome: the outcome given whichever inputs are there, exactly.

Fitted by expectation and maximisation (Dempster, Laird and Rubin, 1977; Little and Rubin, "Statistical analysis with
missing data", 11.2), the covariance shrunk towards its diagonal, the more the fewer rows there are a column.

No last bit of an answer depends on the other rows of the call: what belongs to a pattern of missing inputs is solved
for that pattern alone, and all sums are sums a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky

from monitor.model import Floats

_STEPS = 40
_TOLERANCE = 1e-3  # of a correlation
_PATTERNS = 256  # patterns solved at once while fitting
_MOST_SHRUNK = 0.3
_FAR = 1e6  # standard deviations; beyond, a sum of squares could overflow
_KEPT = 2048  # patterns kept solved

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a pattern of present inputs needs, zero where an input is missing.

    `weights` (inputs,) give the outcome, `deviation` is its standard deviation, `precision` (inputs, inputs) the
    squared distance, `filling` (inputs, inputs) the missing inputs; `count` inputs are present.
    """

    weights: Floats
    deviation: float
    precision: Floats
    filling: Floats
    count: int


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A fitted distribution over standardised columns, the outcome last.

    `scales` (2, columns) has mean and standard deviation of each, `mean` (columns,) and `covariance` (columns, columns)
    those of the standardised ones.
    """

    scales: Floats
    mean: Floats
    covariance: Floats
    _solved: dict[bytes, Pattern] = field(default_factory=dict, repr=False, compare=False)

    def predict(self, rows: Floats) -> tuple[Floats, Floats, Floats]:
        """Mean and standard deviation (rows,) of the outcome, and the distance of rows (rows, inputs) from the others.

        The distance is the Mahalanobis distance of what is present, brought to the scale of a standard normal variate
        whatever is missing: the cube root of Wilson and Hilferty (1931). Negative where a row is very ordinary.
        """
        mean, deviation, distance = (np.empty(len(rows)) for _ in range(3))
        for chosen, pattern, away in self._by_pattern(rows):
            mean[chosen] = (away * pattern.weights).sum(axis=1)
            deviation[chosen] = pattern.deviation
            squares = (np.einsum("ij,jk->ik", away, pattern.precision) * away).sum(axis=1)
            distance[chosen] = _as_normal(squares, pattern.count)
        centre, scale = self.scales[:, -1]
        return (mean + self.mean[-1]) * scale + centre, deviation * scale, distance

    def explained(self, deviation: Floats) -> Floats:
        """The share of what all inputs explain that is explained where the standard deviation is this: 0 to 1."""
        unknown, known = self.covariance[-1, -1], self._pattern(np.ones(len(self.mean) - 1, dtype=np.bool_)).deviation
        left = np.square(deviation / self.scales[1, -1])
        return np.asarray(np.clip((unknown - left) / max(unknown - known**2, 1e-9), 0.0, 1.0))

    def filled(self, rows: Floats) -> Floats:
        """The rows with missing inputs replaced by what is expected of them given the others."""
        found = np.array(rows, dtype=np.float64)
        for chosen, pattern, away in self._by_pattern(rows):
            if pattern.count < rows.shape[1]:
                expected = np.einsum("ij,jk->ik", away, pattern.filling) + self.mean[:-1]
                expected = expected * self.scales[1, :-1] + self.scales[0, :-1]
                found[chosen] = np.where(np.isnan(rows[chosen]), expected, rows[chosen])
        return found

    def _by_pattern(self, rows: Floats) -> Iterator[tuple[NDArray[np.intp], Pattern, Floats]]:
        """The rows of each pattern, the pattern, and how far they are from the mean; 0 where missing."""
        away = np.clip((rows - self.scales[0, :-1]) / self.scales[1, :-1], -_FAR, _FAR) - self.mean[:-1]
        present = ~np.isnan(away)
        away = np.where(present, away, 0.0)
        for chosen in _alike(present):
            yield chosen, self._pattern(present[chosen[0]]), away[chosen]

    def _pattern(self, present: Mask) -> Pattern:
        key = present.tobytes()
        if key not in self._solved:
            if len(self._solved) >= _KEPT:
                self._solved.clear()
            self._solved[key] = self._solve(np.flatnonzero(present))
        return self._solved[key]

    def _solve(self, given: NDArray[np.intp]) -> Pattern:
        inputs = len(self.mean) - 1
        weights, precision, filling = np.zeros(inputs), np.zeros((inputs, inputs)), np.zeros((inputs, inputs))
        variance = self.covariance[-1, -1]
        if len(given):
            among = self.covariance[given]
            factor = cholesky(among[:, given], lower=True, check_finite=False)
            inverse = cho_solve((factor, True), np.eye(len(given)), check_finite=False)
            precision[np.ix_(given, given)] = inverse
            solved = inverse @ among
            weights[given], filling[given] = solved[:, -1], solved[:, :-1]
            variance -= float(self.covariance[given, -1] @ weights[given])
        return Pattern(weights, float(np.sqrt(max(variance, 1e-9))), precision, filling, len(given))


def fit(rows: Floats, target: Floats) -> Gaussian:
    """Fit to rows (rows, inputs), NaN where missing, and finite outcomes (rows,)."""
    both = np.column_stack([rows, target])
    present = ~np.isnan(both)
    count = np.maximum(present.sum(axis=0), 1)
    centre = np.where(present, both, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(present, np.square(both - centre), 0.0).sum(axis=0) / count)
    spread = np.where(spread > 1e-9 * np.abs(centre), spread, 1.0)
    standard = np.where(present, (both - centre) / spread, 0.0)
    width = both.shape[1]
    shrink = min(0.5 * width / (width + len(both)), _MOST_SHRUNK)
    mean, covariance = np.zeros(width), np.eye(width)
    groups = _alike(present)
    for _ in range(_STEPS):
        before = covariance
        mean, covariance = _step(standard, present, groups, mean, covariance)
        diagonal = np.diag(np.maximum(np.diag(covariance), 1e-6))
        covariance = (1 - shrink) * covariance + shrink * diagonal
        if present.all() or np.abs(covariance - before).max() < _TOLERANCE:
            break
    return Gaussian(np.stack([centre, spread]), mean, covariance)


def _step(
    standard: Floats, present: Mask, groups: list[NDArray[np.intp]], mean: Floats, covariance: Floats
) -> tuple[Floats, Floats]:
    """Mean and covariance of the rows completed by those before."""
    complete, spare = standard.copy(), np.zeros_like(covariance)
    for start in range(0, len(groups), _PATTERNS):
        some = groups[start : start + _PATTERNS]
        given = present[[group[0] for group in some]].astype(np.float64)
        missing = np.eye(len(mean)) * (1 - given)[:, None, :]
        whole = covariance * given[:, :, None] * given[:, None, :] + missing
        solved = np.linalg.solve(whole, covariance * given[:, :, None])
        left = covariance - (covariance * given[:, None, :]) @ solved
        spare += np.einsum("p,pij->ij", [float(len(group)) for group in some], left)
        for group, pattern in zip(some, solved, strict=True):
            gone = ~present[group[0]]
            away = np.where(gone, 0.0, standard[group] - mean)
            complete[np.ix_(group, gone)] = (mean + away @ pattern)[:, gone]
    middle = complete.mean(axis=0)
    away = complete - middle
    return middle, (away.T @ away + (spare + spare.T) / 2) / len(standard)


def _alike(present: Mask) -> list[NDArray[np.intp]]:
    """The rows of each pattern, in the order of its first."""
    found: dict[bytes, list[int]] = {}
    for i, row in enumerate(np.packbits(present, axis=1)):
        found.setdefault(row.tobytes(), []).append(i)
    return [np.array(rows, dtype=np.intp) for rows in found.values()]


def _as_normal(squares: Floats, count: int) -> Floats:
    """A sum of `count` squares as a standard normal variate."""
    if not count:
        return np.zeros(len(squares))
    spread = 2 / (9 * count)
    return np.asarray((np.cbrt(squares / count) - (1 - spread)) / np.sqrt(spread))
