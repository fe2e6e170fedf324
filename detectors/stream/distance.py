"""The Mahalanobis distance of standardised rows from a reference, and each sensor's share in it.

Scoring uses elementwise operations in a fixed order only: a matrix product may round differently for 10 rows than for
1,000, so that scores would depend on how rows are split into batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Reference:
    """Mean, shape (sensors,), and covariance, shape (sensors, sensors), of normal standardised rows."""

    mean: Floats
    covariance: Floats

    def blend(self, other: Reference, weight: float) -> Reference:
        """The weighted mean of this reference and another, whose weight is between 0 and 1."""
        return Reference(
            (1 - weight) * self.mean + weight * other.mean,
            (1 - weight) * self.covariance + weight * other.covariance,
        )

    def inverse(self, shrinkage: float) -> Floats:
        """The inverse of the covariance, shrunk towards its diagonal so that it exists for redundant sensors too."""
        diagonal = np.diag(np.maximum(np.diag(self.covariance), shrinkage))
        shrunk = (1 - shrinkage) * self.covariance + shrinkage * diagonal
        return np.asarray(np.linalg.inv(shrunk), dtype=np.float64)


def reference_of(rows: Floats) -> Reference:
    """The reference of standardised rows, shape (rows >= 2, sensors); a missing value counts as the mean."""
    counts = np.maximum((~np.isnan(rows)).sum(axis=0), 1)
    mean = np.nansum(rows, axis=0) / counts
    centred = np.nan_to_num(rows - mean)
    # Not a BLAS product: its rounding depends on the number of threads.
    return Reference(mean, np.einsum("ij,ik->jk", centred, centred) / (len(rows) - 1))


def distances(rows: Floats, inverse: Floats) -> tuple[Floats, Floats]:
    """The squared Mahalanobis distance of each centred row, divided by its present sensors, and each sensor's share.

    `rows` has shape (n, sensors), NaN where missing: the distance is taken over the present sensors only. The first
    result, shape (n,), is about 1 for normal rows. The second, shape (n, sensors), is how much the squared distance
    would drop without that sensor; NaN where it is missing.
    """
    missing = np.isnan(rows)
    if not missing.any():
        return _complete(rows, inverse)
    distance, shares = np.empty(len(rows)), np.full(rows.shape, np.nan)
    for pattern in np.unique(missing, axis=0):
        chosen = np.flatnonzero((missing == pattern).all(axis=1))
        present = np.flatnonzero(~pattern)
        present_inverse = inverse if len(present) == len(pattern) else _marginal_inverse(inverse, present)
        distance[chosen], shares[np.ix_(chosen, present)] = _complete(rows[np.ix_(chosen, present)], present_inverse)
    return distance, shares


def _marginal_inverse(inverse: Floats, present: NDArray[np.int64]) -> Floats:
    """The inverse of the covariance of some of the sensors, which is not the same as that part of the inverse."""
    return np.asarray(np.linalg.inv(np.linalg.inv(inverse)[np.ix_(present, present)]), dtype=np.float64)


def _complete(rows: Floats, inverse: Floats) -> tuple[Floats, Floats]:
    weighted = np.zeros(rows.shape)
    for sensor, weights in enumerate(inverse):
        weighted += rows[:, sensor, None] * weights
    products = rows * weighted
    total = np.zeros(len(rows))
    for sensor in range(rows.shape[1]):
        total += products[:, sensor]
    return total / rows.shape[1], weighted * weighted / np.diag(inverse)
