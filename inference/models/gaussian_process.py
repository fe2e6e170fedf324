"""Gaussian process regression: a linear, a squared exponential and a noise term, in double precision.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", MIT Press 2006: automatic relevance determination
(5.1), the maximum of the marginal likelihood (5.4.1; here with weak priors, so that few parts do not overfit), and
predictions of left-out rows in closed form (5.4.2), for whole groups by blocks of the inverse. The standard deviation
of new rows uses some of the training rows (the deterministic training conditional, 8.3.3), chosen greedily so that the
others add little.

No last bit of an answer depends on the other rows of the call: all sums over training rows are sums a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

from inference.models.kind import Tensors
from monitor.model import Floats

MAX_ROWS = 1500
"""Training rows at most: the inverse grows with their square, the time to fit with their cube."""
_FIT_ROWS = 400  # rows that choose the parameters
_ANCHORS = 192  # training rows behind a new row's standard deviation, at most
_SLACK = 0.02  # variance that further anchors could explain, in noise variances
_STEPS = 80
_MIN_NOISE = 1e-5  # of the target's variance
BIAS = 1.0  # prior variance of the constant term, of the target's variance
_CHUNK = 32  # rows at a time: their kernels stay in the processor's cache
_FAR = 1e6  # standard deviations; beyond, a sum of squares could overflow


Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """A fitted process: all that a prediction needs.

    `centre` and `scale` (inputs,) standardise the rows, `target` is the mean and standard deviation of the outcomes.
    Over standardised numbers: `length` and `slope` (inputs,) are the length scales of the squared exponential and the
    variances of the linear term, `levels` its variance and that of the noise; `points` (inputs, training rows) with
    their `weights`; the first of them, as many as `factor` (anchors, anchors) has rows, give the standard deviation.
    """

    centre: Floats
    scale: Floats
    target: Floats
    length: Floats
    slope: Floats
    levels: Floats
    points: Floats
    weights: Floats
    factor: Floats

    def tensors(self, prefix: str = "gp_") -> dict[str, Floats]:
        """The arrays by name, for a package."""
        return {prefix + field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)}

    @staticmethod
    def names(prefix: str = "gp_") -> frozenset[str]:
        """The names of `tensors`."""
        return frozenset(prefix + field.name for field in fields(GaussianProcess))

    def predict(self, rows: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation (rows,) of new outcomes, noise included; finite rows (rows, inputs)."""
        standard = standardised(rows, self.centre, self.scale)
        pairs = [self._chunk(standard[i : i + _CHUNK]) for i in range(0, len(standard), _CHUNK)]
        if not pairs:
            return np.empty(0), np.empty(0)
        mean, variance = (np.concatenate(part) for part in zip(*pairs, strict=True))
        return mean * self.target[1] + self.target[0], np.sqrt(variance) * self.target[1]

    def _chunk(self, rows: Floats) -> tuple[Floats, Floats]:
        curved = self.levels[0] * np.exp(-0.5 * _distances(rows, self.points, self.length))
        slopes = (self.points * self.weights).sum(axis=1) * self.slope
        mean = (curved * self.weights).sum(axis=1) + (rows * slopes).sum(axis=1) + BIAS * self.weights.sum()
        anchors = len(self.factor)
        near = curved[:, :anchors] + _products(rows * self.slope, self.points[:, :anchors]) + BIAS
        explained = np.square(np.einsum("im,mk->ik", near, self.factor)).sum(axis=1)
        prior = self.levels[0] + (np.square(rows) * self.slope).sum(axis=1) + BIAS
        return mean, np.maximum(prior - explained, 0.0) + self.levels[1]


def from_tensors(tensors: Tensors, inputs: int, prefix: str = "gp_") -> GaussianProcess:
    """The process of a package; ValueError where the arrays do not fit `inputs` and each other."""
    names = [field.name for field in fields(GaussianProcess)]
    found = {name: tensors[prefix + name] for name in names if prefix + name in tensors}
    count = found["weights"].shape[0] if "weights" in found and found["weights"].ndim == 1 else 0
    anchors = found["factor"].shape[0] if "factor" in found and found["factor"].ndim == 2 else 0
    expected = {
        "centre": (inputs,), "scale": (inputs,), "target": (2,), "length": (inputs,), "slope": (inputs,),
        "levels": (2,), "points": (inputs, count), "weights": (count,), "factor": (anchors, anchors),
    }  # fmt: skip
    wrong = [n for n in names if n not in found or found[n].shape != expected[n] or found[n].dtype != np.float64]
    if wrong or not 0 < anchors <= count <= MAX_ROWS:
        raise ValueError(f"has a Gaussian process that does not fit its {inputs} inputs ({', '.join(wrong[:3])})")
    process = GaussianProcess(**found)
    positive = (process.scale, process.target[1:], process.length, process.levels)
    if not all((values > 0).all() for values in positive) or (process.slope < 0).any():
        raise ValueError("has a Gaussian process with a scale that is not positive")
    return process


@dataclass(frozen=True, slots=True)
class Fitted:
    """A process with what only its training rows need: which rows of the data it holds, and the factor over them.

    `lower` (training rows, training rows) is the lower Cholesky factor of their covariances.
    """

    process: GaussianProcess
    rows: Floats
    outcomes: Floats
    chosen: Places
    lower: Floats

    def inverse(self) -> Floats:
        """The inverse of the covariances of the process's own rows, which only leaving out needs."""
        return np.asarray(cho_solve((self.lower, True), np.eye(len(self.lower))))

    def leave_one_out(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of each row of the data, from the process without that row."""
        return self.leave_out(range(len(self.rows)))

    def leave_out(self, labels: Sequence[object]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of each row of the data, from the process without any row of its label.

        The parameters of the process are those of all rows.
        """
        standard = standardised(self.rows, self.process.centre, self.process.scale)
        mean, variance, inverse = np.empty(len(labels)), np.empty(len(labels)), self.inverse()
        for rows, left_out in self.by_label(labels):
            mean[rows], variance[rows] = self._without(inverse, standard[rows], left_out)
        centre, scale = self.process.target
        return mean * scale + centre, np.sqrt(variance) * scale

    def by_label(self, labels: Sequence[object]) -> Iterator[tuple[Places, Places]]:
        """For each label its rows of the data, and which of the process's own points are among them."""
        place = {label: i for i, label in enumerate(dict.fromkeys(labels))}
        label_of = np.array([place[label] for label in labels], dtype=np.intp)
        order, of_chosen = np.argsort(label_of, kind="stable"), label_of[self.chosen]
        cuts = np.searchsorted(label_of[order], np.arange(1, len(place)))
        for label, rows in enumerate(np.split(order, cuts)):
            yield rows, np.flatnonzero(of_chosen == label)

    def _without(self, inverse: Floats, rows: Floats, left_out: Places) -> tuple[Floats, Floats]:
        process = self.process
        kernel = covariances(rows, process.points.T, process.length, process.slope, process.levels[0])
        weights, solved = process.weights, kernel @ inverse
        explained = (solved * kernel).sum(axis=1)
        mean = kernel @ weights
        if len(left_out):
            block = cholesky(inverse[np.ix_(left_out, left_out)], lower=True)
            part = solve_triangular(block, solved[:, left_out].T, lower=True)
            mean = mean - part.T @ solve_triangular(block, weights[left_out], lower=True)
            explained = explained - np.square(part).sum(axis=0)
        prior = process.levels[0] + np.square(rows) @ process.slope + BIAS
        return mean, np.maximum(prior - explained, 0.0) + process.levels[1]


def fit(rows: Floats, target: Floats, seed: int, limit: int = MAX_ROWS, like: GaussianProcess | None = None) -> Fitted:
    """Fit to rows (rows, inputs) and outcomes (rows,), all finite; of more than `limit` rows, to some by the seed.

    The parameters are looked for from those of `like`, where it has as many inputs: a fold's are near another's.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(rows))[:limit])
    centre, scale = rows[chosen].mean(axis=0), _spread(rows[chosen])
    middle, width = float(target[chosen].mean()), float(_spread(target[chosen][:, None])[0])
    points, outcomes = standardised(rows[chosen], centre, scale), (target[chosen] - middle) / width
    few = np.sort(rng.permutation(len(points))[:_FIT_ROWS])
    start = None if like is None or len(like.length) != rows.shape[1] else like
    length, slope, levels = _parameters(points[few], outcomes[few], start)
    kernel = covariances(points, points, length, slope, levels[0])
    anchors = _anchors(kernel, levels[1])
    order = np.concatenate([anchors, np.setdiff1d(np.arange(len(points)), anchors)])
    kernel, chosen = kernel[np.ix_(order, order)], chosen[order]
    lower = cholesky(kernel + levels[1] * np.eye(len(order)), lower=True)
    process = GaussianProcess(
        centre, scale, np.array([middle, width]), length, slope, levels, np.ascontiguousarray(points[order].T),
        cho_solve((lower, True), outcomes[order]), _factor(kernel, len(anchors), levels[1]),
    )  # fmt: skip
    return Fitted(process, rows, target, chosen, lower)


def _spread(columns: Floats) -> Floats:
    """Standard deviations; 1 for a constant column."""
    found = columns.std(axis=0)
    return np.where(found > 1e-9 * np.abs(columns).max(axis=0), found, 1.0)


def standardised(rows: Floats, centre: Floats, scale: Floats) -> Floats:
    """Rows (rows, inputs) in standard deviations from the centre, none so far that a square overflows."""
    return np.ascontiguousarray(np.clip((rows - centre) / scale, -_FAR, _FAR))


def _products(rows: Floats, points: Floats) -> Floats:
    """Dot products (rows, points) of rows (rows, inputs) with points (inputs, points); einsum does not use BLAS."""
    return np.asarray(np.einsum("ik,kj->ij", rows, points))


def _distances(rows: Floats, points: Floats, length: Floats) -> Floats:
    """Squared distances (rows, points) in length scales."""
    scaled, others = rows / length, points / length[:, None]
    squares = np.square(scaled).sum(axis=1)[:, None] + np.square(others).sum(axis=0)
    return np.asarray(np.maximum(squares - 2 * _products(scaled, others), 0.0))


def covariances(left: Floats, right: Floats, length: Floats, slope: Floats, level: float) -> Floats:
    """Prior covariances (left, right) without noise, by matrix products: for training only."""
    return np.asarray(_curved(left, right, length, level) + (left * slope) @ right.T + BIAS)


def _curved(left: Floats, right: Floats, length: Floats, level: float) -> Floats:
    """The squared exponential part of `covariances`."""
    a, b = left / length, right / length
    found = a @ b.T
    found -= 0.5 * np.square(a).sum(axis=1)[:, None]
    found -= 0.5 * np.square(b).sum(axis=1)
    np.exp(np.minimum(found, 0.0, out=found), out=found)
    found *= level
    return np.asarray(found)


def _inverse(lower: Floats) -> Floats:
    """The inverse of a matrix from its lower Cholesky factor, whose upper part is 0."""
    half, _ = dpotri(lower, lower=1)
    whole = half + half.T
    whole[np.diag_indices(len(whole))] *= 0.5
    return np.asarray(whole)


def _parameters(points: Floats, outcomes: Floats, like: GaussianProcess | None) -> tuple[Floats, Floats, Floats]:
    """Length scales, slopes and levels at the maximum of the posterior, looked for from those of `like`."""
    inputs = points.shape[1]
    centre = np.concatenate(
        [np.full(inputs, np.log(2 * np.sqrt(inputs))), np.full(inputs, np.log(0.5 / inputs)), np.log([2.0, 0.3])]
    )
    width = np.concatenate([np.full(inputs, 1.25), np.full(inputs, 1.5), [1.0, 1.5]])

    squares = np.square(points)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        value, slope = _surprise(points, squares, outcomes, parameters)
        away = (parameters - centre) / width
        return value + 0.5 * float(away @ away), slope + away / width

    bounds = [(c - 5 * w, c + 5 * w) for c, w in zip(centre.tolist(), width.tolist(), strict=True)]
    start = centre
    if like is not None:
        level, noise = like.levels
        start = np.log(np.concatenate([like.length, like.slope, [level, max(noise - _MIN_NOISE, _MIN_NOISE)]]))
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS, "ftol": 1e-6}
    ).x
    length, slope, (level, noise) = np.exp(found[:inputs]), np.exp(found[inputs:-2]), np.exp(found[-2:])
    return length, slope, np.array([level, noise + _MIN_NOISE])


def _surprise(points: Floats, squares: Floats, outcomes: Floats, parameters: Floats) -> tuple[float, Floats]:
    """Negative log marginal likelihood without its constant, and its gradient. `squares` are those of the points."""
    inputs = points.shape[1]
    length, slope, (level, noise) = (
        np.exp(parameters[:inputs]), np.exp(parameters[inputs:-2]), np.exp(parameters[-2:]),
    )  # fmt: skip
    curved = _curved(points, points, length, level)
    whole = (points * slope) @ points.T
    whole += curved
    whole += BIAS
    whole[np.diag_indices(len(points))] += noise + _MIN_NOISE
    lower = cholesky(whole, lower=True, overwrite_a=True, check_finite=False)
    weights = cho_solve((lower, True), outcomes, check_finite=False)
    pull = _inverse(lower)
    pull -= np.outer(weights, weights)
    mixed = pull * curved
    by_length = squares.T @ mixed.sum(axis=1) - (points * (mixed @ points)).sum(axis=0)
    by_slope = 0.5 * slope * (points * (pull @ points)).sum(axis=0)
    levels = [0.5 * mixed.sum(), 0.5 * noise * np.trace(pull)]
    value = 0.5 * float(outcomes @ weights) + float(np.log(np.diag(lower)).sum())
    return value, np.concatenate([by_length / np.square(length), by_slope, levels])


def _anchors(kernel: Floats, noise: float) -> Places:
    """Rows whose kernel columns explain those of all: the pivots of an incomplete Cholesky factor."""
    left, columns, chosen = np.diag(kernel).copy(), np.zeros((len(kernel), 0)), list[int]()
    while len(chosen) < min(_ANCHORS, len(kernel)):
        pivot = int(np.argmax(left))
        if chosen and left[pivot] <= _SLACK * noise:
            break
        column = (kernel[:, pivot] - columns @ columns[pivot]) / np.sqrt(max(left[pivot], 1e-12))
        columns = np.column_stack([columns, column])
        left = np.maximum(left - np.square(column), 0.0)
        left[pivot] = 0.0
        chosen.append(pivot)
    return np.array(chosen, dtype=np.intp)


def _factor(kernel: Floats, anchors: int, noise: float) -> Floats:
    """F (anchors, anchors) with explained variance |k F|^2: inverse of the kernel less that of the posterior."""
    near, cross = kernel[:anchors, :anchors], kernel[:anchors]
    near = near + 1e-9 * np.trace(near) / anchors * np.eye(anchors)
    posterior = near + cross @ cross.T / noise
    lower = cholesky(near, lower=True)
    inner = solve_triangular(lower, solve_triangular(lower, posterior, lower=True).T, lower=True)
    values, vectors = np.linalg.eigh((inner + inner.T) / 2)
    kept = np.sqrt(np.maximum(1 - 1 / np.maximum(values, 1.0), 0.0))
    return np.ascontiguousarray(solve_triangular(lower, vectors * kept, lower=True, trans="T"))
