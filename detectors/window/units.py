"""A reference cut into units, of which any may be exchanged with any other: lots, or blocks of consecutive rows."""

from __future__ import annotations

import numpy as np

from detectors.shared.numbers import Numbers, without_gaps

MOST = 64
"""Units of a reference; more lots are put together with their neighbours."""
FEWEST = 8
"""Fewer lots than this say nothing of how lots differ; blocks of rows are taken instead."""
_SHORTEST = 4


def shortest_window(lots: Numbers | None) -> int | None:
    """The rows of a window that holds a lot, for which whole lots are the units; None where there are too few lots."""
    count = 0 if lots is None or not len(lots) else int(lots.max()) + 1
    return None if lots is None or count < FEWEST else -(-len(lots) // count)


def units_of(rows: int, lots: Numbers | None) -> Numbers | None:
    """The unit of each of so many rows, shape (rows,), numbered in order of arrival; None where there are too few rows.

    `lots`, shape (rows,), are numbered in order of arrival; without them, blocks of equal length are the units.
    """
    if lots is None:
        count = min(MOST, rows // _SHORTEST)
        return np.arange(rows) * count // rows if count >= FEWEST else None
    sizes = np.bincount(lots)
    begins = np.cumsum(sizes) - sizes
    return without_gaps(begins * MOST // rows)[1][lots]
