"""Values of two samples as numbered cells, so that every statistic is a function of counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

Codes = NDArray[np.int64]

INNER = 256
"""Cells between the ends of a fine grid, of about as many values each."""
ENDS = 32
"""Values at either end of a fine grid that have a cell of their own, so that a few far values are not blurred."""
FEW = 20
"""Up to as many different values of the reference are their own bins (Evidently's rule)."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The cell of each value, of the reference (n,) and of the current sample (m,).

    `points` (k,): what stands for each cell, rising. `scale`: what a statistic with a unit is divided by.
    """

    points: Floats
    reference: Codes
    current: Codes
    scale: float = 1.0

    @property
    def pooled(self) -> Floats:
        """The share of all values in each cell, shape (k,)."""
        both = np.bincount(np.concatenate([self.reference, self.current]), minlength=len(self.points))
        return np.asarray(both / both.sum(), dtype=np.float64)


def distinct(reference: Floats, current: Floats) -> Cells:
    """A cell for each different value."""
    points, codes = np.unique(np.concatenate([reference, current]), return_inverse=True)
    return Cells(points, codes[: len(reference)], codes[len(reference) :])


def fine(reference: Floats, current: Floats) -> Cells:
    """A cell for each different value, or, where there are many, about `INNER` cells of equal size and single ends.

    The cells depend on both samples together, not on which value is of which, so a permutation keeps them.
    """
    single = distinct(reference, current)
    scale = float(np.std(np.sort(reference))) or 1.0  # sorted: the same bits in any order of rows
    if len(single.points) <= INNER + 2 * ENDS:
        return Cells(single.points, single.reference, single.current, scale)
    totals = np.bincount(np.concatenate([single.reference, single.current]))
    below = np.cumsum(totals) - totals
    numbers = ENDS + below * INNER // totals.sum()
    numbers[:ENDS] = np.arange(ENDS)
    numbers[-ENDS:] = ENDS + INNER + np.arange(ENDS)
    group = np.unique(numbers, return_inverse=True)[1]
    points = np.bincount(group, weights=totals * single.points) / np.bincount(group, weights=totals)
    return Cells(points, group[single.reference], group[single.current], scale)


def sturges(reference: Floats, current: Floats) -> Cells:
    """Bins of equal width over both samples, as many as Sturges' rule says; of few values, these themselves."""
    return distinct(reference, current) if len(np.unique(reference)) <= FEW else _binned(reference, current)


def sturges_of_distinct(reference: Floats, current: Floats) -> Cells:
    """Bins of equal width, as many as Sturges' rule says of the different values."""
    return _binned(reference, current, unique=True)


def two(reference: Floats, current: Floats) -> Cells:
    """Whether a value is that of a constant reference."""
    return Cells(
        np.array([0.0, 1.0]), np.zeros(len(reference), np.int64), (current != reference[0]).astype(np.int64)
    )  # fmt: skip


def _binned(reference: Floats, current: Floats, unique: bool = False) -> Cells:
    pooled = np.concatenate([reference, current])
    try:
        edges = np.histogram_bin_edges(np.unique(pooled) if unique else pooled, bins="sturges")
    except ValueError:  # values that differ in their last digits only
        return distinct(reference, current)
    codes = np.minimum(np.searchsorted(edges, pooled, side="right") - 1, len(edges) - 2)
    return Cells(np.asarray(edges[:-1], dtype=np.float64), codes[: len(reference)], codes[len(reference) :])
