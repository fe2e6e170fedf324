"""How far the probabilities that a gate recorded agree with what was found, and how many parts then were not good.

Logistic recalibration: the logit of the true probability is taken for intercept + slope x logit of the recorded one, as
in Cox, "Two further applications of a model for binary regression" (1958). Both are uncertain: a prior around "as
recorded" and the parts of which the truth is known give their posterior, on a grid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, log

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from monitor.model import Floats

INTERCEPT_SD, SLOPE_SD = 0.5, 0.25
"""Of the prior: without any part whose truth is known, a recorded 0.9 stands for 0.76 to 0.97 (90 %)."""
DRAWS = 20_000
"""Of the predictive distribution: 90 % of them are 90 % to within 0.4 points."""
_SEED = 20_261_129
_BIN = 0.1
"""Logits are rounded to this, so that the cost does not grow with the number of parts."""
FROM = 0.3
"""Parts are evidence from this recorded probability on. Uncertain parts were more probably not good than good; what a
gate says of parts that are nearly surely good tells nothing of these, but would outvote all else by its number."""
_EDGE = 1e-6
_SLOPES = np.linspace(0.2, 1.8, 33)
_INTERCEPTS = np.linspace(-2.0, 2.0, 41)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A part whose truth became known for a reason that has nothing to do with it: what was recorded, what was found.

    `recorded` is the probability of not being good. `bad` is 1 where it was not, 0 where it was, in between where a
    later gate says only how probable it is.
    """

    recorded: float
    bad: float


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A part of which nobody can know any more whether it was good.

    `recorded` is the probability that it was not. `ratio` is how much more probable what was seen afterwards is of a
    part that was not good than of a good one: a corrected part that is good now was not good before with odds that
    are the recorded ones times the share of such parts that the correction helps.
    """

    recorded: float
    ratio: float = 1.0

    @property
    def expected(self) -> float:
        """The probability that it was not good, if what was recorded is right."""
        odds = self.recorded * self.ratio
        return odds / (odds + 1 - self.recorded) if odds else 0.0


@dataclass(frozen=True, slots=True)
class Predicted:
    """How many of the uncertain parts were not good: mean, and the bounds of a central interval (whole numbers)."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Pairs of intercept and slope with their posterior probabilities, arrays of shape (pairs,)."""

    intercepts: Floats
    slopes: Floats
    weights: Floats

    def probability(self, part: Uncertain) -> float:
        """The probability that a part was not good, averaged over the posterior."""
        logits = self.intercepts + self.slopes * _logit(part.recorded) + _log(part.ratio)
        return float(self.weights @ expit(logits))

    def predict(self, parts: Sequence[Uncertain], confidence: float) -> Predicted:
        """The number of parts that were not good: predictive, so that the true number lies inside as often as stated.

        The bounds are the closest whole numbers with at least `confidence` of all draws between them: the tails are
        not cut alike, since with few uncertain parts each cut would leave more than it should. The draws have a fixed
        seed, so equal parts give equal bounds.
        """
        if not parts:
            return Predicted(0.0, 0.0, 0.0)
        logits, ratios, counts = _binned((_logit(p.recorded), _log(p.ratio)) for p in parts)
        mean = sum(map(self.probability, parts))
        rng = np.random.default_rng(_SEED)
        pairs = rng.choice(len(self.weights), DRAWS, p=self.weights)
        found = np.zeros(DRAWS)
        for logit, ratio, count in zip(logits, ratios, counts, strict=True):
            shares = expit(self.intercepts + self.slopes * logit + ratio)[pairs]
            found += rng.binomial(count, shares)
        return Predicted(mean, *_shortest(found.astype(np.int64), confidence))


def calibrate(evidence: Iterable[Evidence]) -> Calibration:
    """The posterior of intercept and slope; their prior without evidence."""
    intercepts, slopes = (axis.ravel() for axis in np.meshgrid(_INTERCEPTS, _SLOPES))
    weights = -0.5 * ((intercepts / INTERCEPT_SD) ** 2 + ((slopes - 1) / SLOPE_SD) ** 2)
    bins: dict[int, list[float]] = {}
    for one in evidence:
        count = bins.setdefault(round(_logit(one.recorded) / _BIN), [0.0, 0.0])
        count[0] += one.bad
        count[1] += 1 - one.bad
    for place, (bad, good) in sorted(bins.items()):
        logits = intercepts + slopes * (place * _BIN)
        weights = weights + bad * log_expit(logits) + good * log_expit(-logits)
    shares = np.exp(weights - weights.max())
    return Calibration(intercepts, slopes, shares / shares.sum())


def _shortest(found: NDArray[np.int64], confidence: float) -> tuple[float, float]:
    """The closest two numbers with that share of the draws between them; of equals those with the largest share."""
    lowest = int(found.min())
    below = np.concatenate([[0], np.cumsum(np.bincount(found - lowest))])
    needed = ceil(confidence * len(found))
    ends = np.searchsorted(below, below[:-1] + needed)
    starts = np.flatnonzero(ends < len(below))
    lengths, shares = ends[starts] - starts, below[ends[starts]] - below[starts]
    best = np.lexsort((-shares, lengths))[0]
    start = int(starts[best])
    return float(lowest + start), float(lowest + ends[start] - 1)


def _binned(pairs: Iterable[tuple[float, float]]) -> tuple[Floats, Floats, list[int]]:
    counts: dict[tuple[int, int], int] = {}
    for logit, ratio in pairs:
        place = round(logit / _BIN), round(ratio / _BIN)
        counts[place] = counts.get(place, 0) + 1
    places = np.array(sorted(counts), dtype=np.float64) * _BIN
    return places[:, 0], places[:, 1], [counts[place] for place in sorted(counts)]


def _logit(probability: float) -> float:
    inside = min(max(probability, _EDGE), 1 - _EDGE)
    return log(inside / (1 - inside))


def _log(ratio: float) -> float:
    return log(max(ratio, _EDGE))
