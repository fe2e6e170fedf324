"""Where a picture lies among those of training, in few numbers: what is watched for drift of pictures.

Coordinates along the first principal directions of the training pictures' features, standardised, and the distance from
all that some more of them span. A change that moves pictures as they differ anyway is seen along a direction, any other
one in the distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

COORDINATES = 8
"""Of one picture there are so many, and then the distance."""
DIRECTIONS = 16
"""Those that the distance is from: pictures of several kinds differ in more ways than there are coordinates."""
_MOST_PICTURES = 1000
"""Training pictures that the directions are of, evenly over all."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """The standardisation of the features (features,), orthonormal `axes` (directions, features), and the standard
    deviation of the training pictures along the first of these, `spreads` (coordinates,)."""

    centre: Floats
    scale: Floats
    axes: Floats
    spreads: Floats

    def of(self, features: Floats) -> Floats:
        """The coordinates of a picture (features,) in units of the spreads, and its distance (coordinates + 1,).

        The distance is the root mean square of what the directions leave of the standardised features.
        """
        along, distance = _along(self, features)
        return np.append(along[: len(self.spreads)] / self.spreads, distance)


def fit_embedding(features: Floats) -> Embedding:
    """The embedding of training pictures (pictures, features), at least as many as coordinates."""
    count = len(features)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST_PICTURES)).round().astype(np.intp))
    some = features[chosen]
    centre, scale = some.mean(0), some.std(0)
    scale = scale + 1e-6 * (np.abs(centre) + scale.mean() + 1e-6)  # a constant feature says nothing
    _, lengths, axes = np.linalg.svd((some - centre) / scale, full_matrices=False)
    spreads = lengths[:COORDINATES] / np.sqrt(len(some)) + 1e-6
    return Embedding(centre, scale, axes[:DIRECTIONS].copy(), spreads)


def out_of_fold(whole: Embedding, features: Floats, fold: NDArray[np.intp]) -> Floats:
    """What `Embedding.of` says of each training picture if it was not fitted to it (pictures, coordinates + 1).

    Pictures lie nearer to what was fitted to them. The directions of each fold's embedding are turned onto those of the
    `whole` (Schoenemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 1966).
    """
    count = len(whole.spreads)
    found = np.empty((len(features), count + 1))
    for k in np.unique(fold):
        held = fold == k
        other = fit_embedding(features[~held])
        left, _, right = np.linalg.svd(other.axes @ whole.axes.T, full_matrices=False)
        for i in np.flatnonzero(held).tolist():
            along, distance = _along(other, features[i])
            found[i] = np.append((along @ (left @ right))[:count] / whole.spreads, distance)
    return found


def _along(found: Embedding, features: Floats) -> tuple[Floats, float]:
    """A picture's coordinates along the axes, and the root mean square of the rest of its standardised features."""
    standard = ((features - found.centre) / found.scale).clip(-1e3, 1e3)
    along = np.einsum("ji,i->j", found.axes, standard)  # the last bits of a BLAS product depend on memory alignment
    rest = max(float(np.square(standard).sum() - np.square(along).sum()), 0.0)
    return along, float(np.sqrt(rest / len(standard)))
