"""The judge of described pictures: class probabilities, distance from good parts, and one score of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.vision.bank import Bank
from inference.vision.calibrating import Scaling
from inference.vision.describing import LEVELS, Description, Patches
from inference.vision.discriminant import Directions
from inference.vision.embedding import Embedding
from monitor.model import Floats

_LEAST = 1e-12  # of a distance: that of a picture that is in the bank


@dataclass(frozen=True, slots=True)
class Discriminant:
    """What tells the known classes apart: axes of their covariance, how much that is shrunk, and calibration."""

    directions: Directions
    shrinkage: float
    scaling: Scaling

    def scores(self, whole: Floats) -> Floats:
        """Of the known classes, from a picture's features (FEATURES,)."""
        return self.directions.scores(whole, self.shrinkage)


@dataclass(frozen=True, slots=True)
class Distances:
    """Raw distances as one: relative to `typical`, the median of good parts outside the bank; `limit` of the known."""

    typical: tuple[float, ...]
    limit: float

    def of(self, raw: Floats) -> Floats:
        """The geometric mean of the levels' distances (..., levels), each relative to a typical good part."""
        return np.asarray(np.exp(np.log(np.maximum(raw, _LEAST) / np.array(self.typical)).mean(-1)))


@dataclass(frozen=True, slots=True)
class Judge:
    """`known` are the indices of the classes seen in training, of `classes`; `good` that of good parts, -1 for none.

    `usual` is the median log odds of the value among good parts; `spreads` are those of the log odds and of the
    logarithm of the distance. A defect that is known is unlike good parts, but nothing new: for each known class
    `limits` has the distance that nearly all its parts lie below, for those whose score is at least that in `floors`.
    `embedding` says where a picture lies among all of training; None of a judge made before there were embeddings.
    """

    classes: int
    known: tuple[int, ...]
    good: int
    discriminant: Discriminant | None
    banks: tuple[Bank, ...]
    distances: Distances
    usual: float
    spreads: tuple[float, float]
    limits: tuple[float, ...] = ()
    floors: tuple[float, ...] = ()
    embedding: Embedding | None = None

    def limit(self, scores: Floats) -> float:
        """The limit of the distance of a part with these scores of the known classes.

        That of its likeliest class, if it is like the parts of that class; otherwise that of good parts.
        """
        likeliest = int(np.argmax(scores))
        like = bool(self.limits) and scores[likeliest] >= self.floors[likeliest]
        return self.limits[likeliest] if like else self.distances.limit

    def probabilities_and_limit(self, description: Description) -> tuple[Floats, float]:
        """Probabilities of the classes (classes,), 0 for one not seen in training; and the limit of the distance."""
        found, known = np.zeros(self.classes), list(self.known)
        if self.discriminant is None:
            found[known] = 1.0
            return found, self.distances.limit
        scores = self.discriminant.scores(description.whole.astype(np.float64))
        found[known] = self.discriminant.scaling.probabilities(scores)
        return found, self.limit(scores)

    def probabilities(self, description: Description) -> Floats:
        """Of each class (classes,); 0 for one that was not seen in training."""
        return self.probabilities_and_limit(description)[0]

    def values(self, probabilities: Floats) -> Floats:
        """Of probabilities (..., classes), as `not_good`."""
        return not_good(probabilities, self.good)

    def distance(self, patches: Sequence[Patches]) -> float:
        """That of the most unusual patches of a picture."""
        return float(self.distances.of(raw_distances(self.banks, patches)))

    def coordinates(self, description: Description) -> tuple[float, ...]:
        """Those of a picture by the embedding; none without one."""
        if self.embedding is None:
            return ()
        return tuple(self.embedding.of(description.whole.astype(np.float64)).tolist())

    def scores(self, values: Floats, distances: Floats) -> Floats:
        """One number a part that ranks good before bad, be the defect known or new: the sum in units of the spreads."""
        log_odds, log_distance = self.spreads
        score = np.log(np.maximum(distances, _LEAST)) / log_distance
        if self.good >= 0 and self.discriminant is not None:
            score = score + (logit(values) - self.usual) / log_odds
        return np.asarray(score)

    def levels(self, patches: Sequence[Patches]) -> list[Floats]:
        """For each level the logarithms (side, side) of the patches' distances relative to a typical good part."""
        return [
            np.log(np.maximum(bank.distances(mine), _LEAST) / typical).reshape(side, side)
            for (side, _), bank, mine, typical in zip(LEVELS, self.banks, patches, self.distances.typical, strict=True)
        ]


def raw_distances(banks: Sequence[Bank], patches: Sequence[Patches]) -> Floats:
    """The largest distance of a picture's patches to each bank (levels,)."""
    return np.array([float(bank.distances(mine).max()) for bank, mine in zip(banks, patches, strict=True)])


def not_good(probabilities: Floats, good: int) -> Floats:
    """Of probabilities (..., classes): that of not being good; without a good class (-1), not the likeliest."""
    return np.asarray(1 - (probabilities[..., good] if good >= 0 else probabilities.max(-1)))


def logit(values: Floats) -> Floats:
    """The log odds of probabilities, kept finite."""
    kept = np.clip(values, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(kept) - np.log1p(-kept))
