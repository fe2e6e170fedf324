"""Sums and highest values of the newest rows, with bits that do not depend on how rows are split into batches."""

from __future__ import annotations

import numpy as np

from monitor.model import Floats


def window_sums(rows: Floats, width: int) -> Floats:
    """The sum of `width` consecutive rows, shape (n + width - 1, ...) to (n, ...).

    By doubling: sums of 2, 4, 8 ... rows, and those that the binary digits of `width` name. A sum is made of its own
    rows alone, always in the same order; a running total would carry rounding from everything before.
    """
    count = len(rows) - width + 1
    total, sums, size, offset = np.zeros((count, *rows.shape[1:])), rows, 1, 0
    while True:
        if width & size:
            total = total + sums[offset : offset + count]
            offset += size
        if 2 * size > width:
            return total
        sums = sums[:-size] + sums[size:]
        size *= 2


def highest_before(values: Floats, before: Floats) -> Floats:
    """The highest of the `len(before)` values before each value, shape (n,); `before` holds those before the first."""
    width = len(before)
    highest, size = np.concatenate([before, values])[:-1], 1
    while 2 * size <= width:
        highest = np.maximum(highest[:-size], highest[size:])
        size *= 2
    count = len(values)
    return np.asarray(np.maximum(highest[:count], highest[width - size : width - size + count]))
