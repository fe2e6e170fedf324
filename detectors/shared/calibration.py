"""From what healthy rows scored to a limit that they practically never pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Calibration:
    """How high each chart gets in a healthy block: mean and spread of the blocks' highest values, and the limit.

    A value of a chart becomes a score by `(value - typical) / spread`; `limit` is in the same unit.
    """

    typical: Floats
    spread: Floats
    limit: float

    def score(self, charts: Floats) -> Floats:
        """One score a row, shape (rows, charts) to (rows,): the highest among the charts."""
        return np.asarray(((charts - self.typical) / self.spread).max(axis=1))

    def loudest(self, charts: Floats) -> int:
        """The chart that makes the score of one row."""
        return int(np.argmax((charts - self.typical) / self.spread))


def calibrate(maxima: Floats, chance: float, least_spread: float) -> Calibration:
    """The calibration from the highest chart values of healthy blocks, shape (blocks >= 3, charts).

    The limit is the upper prediction bound for the highest score of one more block, passed with probability
    `chance`: Student's t with the uncertainty of mean and spread from so few blocks. Highest values of blocks that
    are longer than the signal's memory are nearly independent, whatever the autocorrelation inside a block;
    counting rows instead would promise far more than 1,000 autocorrelated rows can hold.
    """
    blocks = len(maxima)
    spread = np.maximum(maxima.std(axis=0, ddof=1), least_spread)
    limit = student_quantile(1 - chance, blocks - 1) * math.sqrt(1 + 1 / blocks)
    return Calibration(maxima.mean(axis=0), spread, limit)


def student_quantile(probability: float, freedom: int) -> float:
    """The quantile of Student's t by Fisher and Cornish's expansion (Abramowitz and Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom ** (power + 1) for power, term in enumerate(terms))
