"""A reference cut into units, of which any may be exchanged with any other: lots, or blocks of consecutive rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

MOST = 64
"""Units of a reference; more lots are put together with their neighbours."""
FEWEST = 8
"""Fewer lots than this say nothing of how lots differ; blocks of rows are taken instead."""
_SHORTEST = 4


def numbered(labels: Sequence[Hashable]) -> Numbers:
    """Each label as a number, in the order in which they first occur, shape (rows,)."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int64)


def lots_are_units(lots: Numbers | None, window_rows: int) -> bool:
    """Whether whole lots are the units: there are enough, and a window holds at least one."""
    if lots is None or not len(lots):
        return False
    count = int(lots.max()) + 1
    return count >= FEWEST and len(lots) <= window_rows * count


def units_of(rows: int, lots: Numbers | None) -> Numbers | None:
    """The unit of each of so many rows, shape (rows,), numbered in order of arrival; None where there are too few rows.

    `lots`, shape (rows,), are numbered in order of arrival; without them, blocks of equal length are the units.
    """
    if lots is None:
        count = min(MOST, rows // _SHORTEST)
        return np.arange(rows) * count // rows if count >= FEWEST else None
    sizes = np.bincount(lots)
    begins = np.cumsum(sizes) - sizes
    joined = begins * MOST // rows
    return np.asarray(np.unique(joined, return_inverse=True)[1][lots], dtype=np.int64)
