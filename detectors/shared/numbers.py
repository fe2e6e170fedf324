"""Labels of rows, such as machines and lots, as numbers; blocks of columns that stay near the processor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import count
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Label = TypeVar("Label", bound=Hashable)


def numbered(labels: Sequence[Hashable]) -> Numbers:
    """Each label as a number, in the order in which they first occur, shape (rows,)."""
    return named(labels)[1]


def named(labels: Sequence[Label]) -> tuple[list[Label], Numbers]:
    """The different labels in the order in which they first occur, and the number of each row's."""
    numbers: dict[Label, int] = defaultdict(count().__next__)
    found = np.fromiter(map(numbers.__getitem__, labels), dtype=np.int64, count=len(labels))
    return list(numbers), found


def without_gaps(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """The different numbers >= 0, rising, and which of them each is: `numpy.unique` without a sort.

    It takes room for every number up to the highest.
    """
    occurs = np.bincount(numbers) > 0
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[numbers]


def blocks(columns: int, rows: int, values: int) -> list[slice]:
    """The columns by so many at once that they hold about so many values; one at least."""
    at_once = max(1, values // max(1, rows))
    return [slice(start, min(start + at_once, columns)) for start in range(0, columns, at_once)]
