"""Rows of one lot are alike: how much, by the reference, and the weights that allow for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detectors.shared.numbers import Numbers, numbered
from monitor.model import Floats, Mask

_MOST = 0.95
"""The largest likeness that is believed: rows of a lot are never copies of each other."""


class Scored(NamedTuple):
    """The scores of rows, shape (rows,); the inverse of their covariance, shape (rows, rows), and its product with
    them."""

    scores: Floats
    weights: Floats
    pulled: Floats

    def gain(self, rows: Mask) -> float:
        """The log likelihood ratio of a shift of these rows, in nats."""
        if not rows.any():
            return 0.0
        return float(self.pulled[rows].sum()) ** 2 / (2 * float(self.weights[np.ix_(rows, rows)].sum()))


def weighed(scores: Floats, lots: Sequence[str], alike: float) -> Scored:
    """Scores of variance 1 of which those of one lot correlate by `alike`; '' is no lot."""
    inverse = np.eye(len(scores))
    if alike > 0:
        numbers = _numbers(lots)
        shared = alike / ((1 - alike) + np.bincount(numbers) * alike)
        inverse -= np.where(numbers[:, None] == numbers[None, :], shared[numbers][:, None], 0.0)
        inverse /= 1 - alike
    return Scored(scores, inverse, inverse @ scores)


def likeness(scores: Floats, lots: Sequence[str]) -> float:
    """The share of the variance of scores (rows,) that is between lots: the intraclass correlation, by the analysis of
    variance of one factor (Fisher 1925). 0 without lots, or with one; '' is no lot."""
    numbers = _numbers(lots)
    counts = np.bincount(numbers)
    groups, rows = len(counts), len(numbers)
    if groups < 2 or rows <= groups:
        return 0.0
    means = np.bincount(numbers, scores) / counts
    between = float((counts * (means - scores.mean()) ** 2).sum()) / (groups - 1)
    within = float(((scores - means[numbers]) ** 2).sum()) / (rows - groups)
    usual = (rows - float((counts**2).sum()) / rows) / (groups - 1)
    total = between + (usual - 1) * within
    return min(max((between - within) / total, 0.0), _MOST) if total > 0 else 0.0


def _numbers(lots: Sequence[str]) -> Numbers:
    """The lot of each row as a number; rows without one are lots of their own."""
    return numbered([lot or f"\0{row}" for row, lot in enumerate(lots)])
