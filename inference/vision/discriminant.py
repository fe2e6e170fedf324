"""Linear discriminant analysis with a shrunk covariance, for far more features than parts.

The covariance within the classes is pooled and shrunk towards a multiple of the identity (Friedman, "Regularized
discriminant analysis", JASA 1989); the means of classes with few parts are shrunk towards the mean of all. Scores are
those of a multivariate t distribution, whose heavy tails keep a part that is far from all classes from being sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

MOST_DIRECTIONS = 768
"""Directions in which the covariance is kept; it is a multiple of the identity in the others."""
_PRIOR_PARTS = 40.0  # parts' worth of the overall mean in the mean of each class
_CORE = 0.1  # of the t distribution: the squared distance, a feature, below which it is flat


@dataclass(frozen=True, slots=True)
class Directions:
    """What does not depend on the shrinkage: the standardisation, the axes of the covariance, means along these.

    `axes` (features, directions) are orthonormal eigenvectors of the covariance, `variances` its eigenvalues; `spread`
    is the mean variance of a feature; `means` (classes, directions).
    """

    centre: Floats
    scale: Floats
    axes: Floats
    variances: Floats
    spread: float
    means: Floats

    def along(self, features: Floats) -> tuple[Floats, float]:
        """A part's (features,) coordinates along the axes, and its squared distance from all that they span."""
        standard = ((features - self.centre) / self.scale).clip(-1e3, 1e3)
        found = np.einsum("i,ij->j", standard, self.axes)  # the last bits of a BLAS product depend on memory alignment
        return found, max(float(np.square(standard).sum() - np.square(found).sum()), 0.0)

    def scores(self, features: Floats, shrinkage: float) -> Floats:
        """The scores (classes,) of one part, on a scale of log likelihoods."""
        found, rest = self.along(features)
        precision = 1 / ((1 - shrinkage) * self.variances + shrinkage * self.spread)
        squared = (np.square(found - self.means) * precision).sum(1) + rest / (shrinkage * self.spread)
        count = len(self.centre)
        return np.asarray(-0.5 * count * np.log(_CORE + squared / count))


def fit_directions(features: Floats, classes: NDArray[np.intp], count: int) -> Directions:
    """Fit on the features (parts, features) of parts of `count` classes; a class without parts has the overall mean."""
    centre, scale = features.mean(0), features.std(0)
    scale = scale + 1e-6 * (np.abs(centre) + scale.mean() + 1e-6)  # a constant feature says nothing
    standard = (features - centre) / scale
    sizes = np.bincount(classes, minlength=count)
    sums = np.stack([standard[classes == k].sum(0) for k in range(count)])
    means = sums / np.maximum(sizes, 1)[:, None]
    within = standard - means[classes]
    # whatever the parts span lies in their leading right singular vectors
    span = np.linalg.svd(standard, full_matrices=False)[2][:MOST_DIRECTIONS].T
    inside = within @ span
    variances, turn = np.linalg.eigh(inside.T @ inside / len(features))
    axes = span @ turn
    shrunk = means * (sizes / (sizes + _PRIOR_PARTS))[:, None]
    spread = max(float(np.square(within).mean()), 1e-9)
    return Directions(centre, scale, axes, variances.clip(0), spread, shrunk @ axes)


def score_all(directions: Directions, features: Floats, shrinkages: Sequence[float]) -> Floats:
    """Scores (shrinkages, parts, classes)."""
    return np.array([[directions.scores(row, shrinkage) for row in features] for shrinkage in shrinkages])
