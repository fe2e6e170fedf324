"""Labels of rows, such as machines and lots, as numbers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
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
    names = list(dict.fromkeys(labels))
    numbers = {label: i for i, label in enumerate(names)}
    return names, np.fromiter(map(numbers.__getitem__, labels), dtype=np.int64, count=len(labels))
