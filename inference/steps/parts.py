"""The parts of a line as a ranking of its steps takes them, and the units of evidence: lots, or blocks of parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

FOLDS = 8
"""Folds of the held-out predictions, each of whole units that are contiguous in time."""
MIN_UNITS = 8
"""Units below which nothing can be said: with fewer, no p-value can be small."""
MOST_UNITS = 100
"""Units at most: neighbours are put together, so that what parts have in common over a short time stays in one."""
Reached = Callable[[float], None]
"""Told now and then which share of the work is done; work takes minutes with many parts."""
_BLOCK_PARTS = 10
_BLOCKS = 50
_MOST_WITHOUT_LOT = 0.5

Counts = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class StepBlock:
    """The values that a step measured: the names of the features, and (parts, features) with NaN where missing."""

    step: str
    features: Sequence[str]
    values: Floats


@dataclass(frozen=True, slots=True)
class LineParts:
    """Parts in order of time: the block of each step in line order, the outcome and the lot of each ('' if unknown).

    `target` (parts,) is a number or, with `classes` above 0, the place of the part's class. `passed` and `available`
    (parts,) are when each part began and when its outcome became known, in seconds: what was known of the process when
    a part began is the outcomes that were available by then.
    """

    blocks: Sequence[StepBlock]
    target: Floats
    lots: Sequence[str]
    passed: Floats
    available: Floats
    classes: int = 0

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True, slots=True)
class Units:
    """The unit (0, 1, ...) of each part in order of time, how many there are, and whether they are lots."""

    of: Counts
    count: int
    are_lots: bool

    def folds(self, count: int = FOLDS) -> Counts:
        """The fold of each part: whole units, contiguous, of about as many parts each."""
        sizes = np.bincount(self.of, minlength=self.count)
        middle = np.cumsum(sizes) - sizes / 2
        fold = np.minimum((middle * count / len(self.of)).astype(np.intp), count - 1)
        return np.asarray(fold[self.of])

    def first_parts(self) -> Counts:
        """The position of the first part of each unit (units,)."""
        return np.unique(self.of, return_index=True)[1]

    def sums(self, values: Floats) -> Floats:
        """Sums over the parts of each unit (units,)."""
        return np.asarray(np.bincount(self.of, values, self.count), dtype=np.float64)


def units_of(lots: Sequence[str]) -> Units:
    """Whole lots, in order of their first parts; blocks of consecutive parts where most parts have no lot or there are
    fewer than `MIN_UNITS` lots.

    A part without a lot belongs to that of the part before it.
    """
    known = [lot for lot in lots if lot]
    if len(known) >= _MOST_WITHOUT_LOT * len(lots) and len(set(known)) >= MIN_UNITS:
        place = {lot: i for i, lot in enumerate(dict.fromkeys(known))}
        found, last = [], place[known[0]]
        for lot in lots:
            last = place[lot] if lot else last
            found.append(last)
        return _at_most(np.array(found, dtype=np.intp), len(place), are_lots=True)
    count = min(_BLOCKS, len(lots) // _BLOCK_PARTS)
    blocks = np.arange(len(lots)) * max(count, 1) // max(len(lots), 1)
    return Units(blocks, count, are_lots=False)


def _at_most(unit: Counts, count: int, are_lots: bool) -> Units:
    """Neighbouring units are put together where there are too many."""
    if count <= MOST_UNITS:
        return Units(unit, count, are_lots)
    return Units(unit * MOST_UNITS // count, MOST_UNITS, are_lots)


def ignored(_share: float) -> None:
    """Nobody wants to know how far the work is."""
