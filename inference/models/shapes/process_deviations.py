"""Standard deviations of left-out rows, just as a Gaussian process would give them to new rows.

A process gives new rows their standard deviation from its anchors only, and so somewhat more than from all its rows.
An interval that scales these is calibrated on the same kind of number: a row's label is left out of the anchors and of
what they have learnt, in closed form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from inference.models.gaussian_process import BIAS, Fitted, Places, covariances, standardised
from monitor.model import Floats


def deviations(fitted: Fitted, labels: Sequence[object]) -> Floats:
    """The standard deviation (rows,) of each row of the data, by the anchors of no row of its label."""
    process, anchors = fitted.process, len(fitted.process.factor)
    points = process.points.T
    rows = standardised(fitted.rows, process.centre, process.scale)
    shape = (process.length, process.slope, process.levels[0])
    near = covariances(points[:anchors], points, *shape)
    prior = near[:, :anchors] + 1e-9 * np.trace(near[:, :anchors]) / anchors * np.eye(anchors)
    known = _Anchors(prior, prior + near @ near.T / process.levels[1], near, float(process.levels[1]))
    explained = known.explained(covariances(points[:anchors], rows, *shape), fitted.by_label(labels))
    whole = process.levels[0] + np.square(rows) @ process.slope + BIAS
    return np.asarray(np.sqrt(np.maximum(whole - explained, 0.0) + process.levels[1]) * process.target[1])


class _Anchors:
    """Covariances of anchors: `prior`, `posterior` (its inverse's inverse), with all chosen rows `near`."""

    def __init__(self, prior: Floats, posterior: Floats, near: Floats, noise: float) -> None:
        self.prior, self.posterior, self.near, self.noise = prior, posterior, near, noise
        self.lower = cholesky(posterior, lower=True)
        self.learnt = solve_triangular(self.lower, near, lower=True)

    def explained(self, kernel: Floats, by_label: Iterable[tuple[Places, Places]]) -> Floats:
        """Variance that is explained of rows with this kernel (anchors, rows), by what has another label."""
        seen = solve_triangular(self.lower, kernel, lower=True)
        found = np.square(solve_triangular(cholesky(self.prior, lower=True), kernel, lower=True)).sum(axis=0)
        found -= np.square(seen).sum(axis=0)
        for rows, gone in by_label:
            if (gone < len(self.prior)).any():
                found[rows] = self._without_anchors(kernel[:, rows], gone)
            elif len(gone):
                found[rows] -= self._unlearnt(seen[:, rows], gone)
        return np.asarray(found)

    def _unlearnt(self, seen: Floats, gone: Places) -> Floats:
        learnt = self.learnt[:, gone]
        left = cholesky(self.noise * np.eye(len(gone)) - learnt.T @ learnt, lower=True)
        return np.asarray(np.square(solve_triangular(left, learnt.T @ seen, lower=True)).sum(axis=0))

    def _without_anchors(self, kernel: Floats, gone: Places) -> Floats:
        kept = np.setdiff1d(np.arange(len(self.prior)), gone)
        if not len(kept):
            return np.zeros(kernel.shape[1])
        near = self.near[np.ix_(kept, gone)]
        posterior = self.posterior[np.ix_(kept, kept)] - near @ near.T / self.noise
        lowers = (cholesky(matrix, lower=True) for matrix in (self.prior[np.ix_(kept, kept)], posterior))
        before, after = (np.square(solve_triangular(lower, kernel[kept], lower=True)).sum(axis=0) for lower in lowers)
        return np.asarray(before - after)
