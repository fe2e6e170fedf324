"""Drift limits, derived from the reference: from how far its own parts lie from the whole of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from detectors.shared.numbers import Numbers
from detectors.shared.shares import LEAST_SHARE
from detectors.window.units import FEWEST
from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Settings:
    """Parameters of the limits.

    `chance`: the probability that any feature of a healthy step's window exceeds its limit, however many there are.
    `least_distance`: the lowest distance limit (standard deviations), Evidently's threshold for this statistic.
    `least_share`: the lowest limit of a share; smaller changes may be significant but are not worth an alert.
    `least_rows`: the fewest values in a window, or in a slice of it, that are judged. `explains`: the share of a
    distance that a changed mix has to explain. `most_slices`: the slices that are named.
    """

    chance: float = 1e-3
    least_distance: float = 0.1
    least_share: float = LEAST_SHARE
    least_rows: int = 20
    explains: float = 0.5
    most_slices: int = 3


INNER, ENDS = 16, 4
"""Cells of a reference: so many of equal share, and the farthest values at either end by themselves."""
CELLS = INNER + 2 * ENDS
_OTHERS = 2.0
"""So many times its mean square is what the other kinds of deviation add."""


@dataclass(frozen=True, slots=True)
class Variation:
    """How far parts of a reference lie from it, by column and length of the parts, shape (columns, lengths).

    `rows`: the mean length of the parts. `squares`: the mean squared distance of a single row that explains theirs (n
    independent rows lie at 1 / n of it); 0: unknown. `shift`: what of it one way to deviate has, such as a shift of the
    mean. Of each column, shape (columns, 1): `freedom`, the degrees of freedom of the shortest parts, fewer by as much
    as longer ones vary more; `farthest`, how far any value lies from the mean.
    """

    rows: Floats
    squares: Floats
    shift: Floats
    freedom: Floats
    farthest: Floats

    def limits(self, rows: Floats, reference_rows: Floats, chance: float) -> Floats:
        """The distance of so many rows from a reference of so many that is exceeded with this probability.

        Both have shape (columns, n), or 1 in place of either; NaN where the variation is unknown. Parts up to the first
        that is as long as the window say how far it lies. A distance far out is a deviation of one kind, so that is
        bounded by Student's t, two-sided, and the others are added with twice their mean square. There is room for one
        value more as far out as any of the reference.
        """
        rows, own = np.maximum(rows, 1), self.rows[:, None]
        short = own < np.maximum(2 * rows[:, :, None], 2 * own[:, :, :1])
        chosen = np.argmax(np.where(short, self.squares[:, None], -1.0), axis=2)
        square, shift = (np.take_along_axis(part, chosen, axis=1) for part in (self.squares, self.shift))
        bound = stdtrit(self.freedom, chance / 2)
        single = shift * bound**2 + _OTHERS * (square - shift)
        found = np.sqrt(single * (1 / rows + 1 / np.maximum(reference_rows, 1)))
        return np.where(square > 0, found + self.farthest / rows, np.nan)


def largest(parts: Sequence[Variation]) -> Variation:
    """Of each column the one that varies most."""
    most = np.argmax([part.squares.max(axis=1) for part in parts], axis=0)
    length = min(part.rows.shape[1] for part in parts)
    of = np.arange(len(most))
    rows, squares, shift, freedom = (
        np.stack([getattr(part, name)[:, :length] for part in parts])[most, of]
        for name in ("rows", "squares", "shift", "freedom")
    )
    return Variation(rows, squares, shift, freedom, parts[0].farthest)


def cells(rising: Floats, present: Sequence[int]) -> tuple[Floats, Floats]:
    """The cells of sorted columns (columns, rows), of which so many values are present.

    Their bounds, shape (columns, cells - 1): a cell begins with its bound; and, of the same shape, from the mean of
    each to that of the next.
    """
    rows = rising.shape[1]
    bounds = np.stack([values.take(_ranks(n)) for values, n in zip(rising, present, strict=True)])
    begins = np.stack([np.searchsorted(v[:n], b) for v, b, n in zip(rising, bounds, present, strict=True)])
    begins = np.concatenate([np.zeros((len(rising), 1), dtype=np.int64), begins], axis=1)
    sizes = np.diff(begins, append=np.array(present)[:, None])
    known = rising if min(present) == rows else np.where(np.isfinite(rising), rising, 0.0)
    places = begins + rows * np.arange(len(rising))[:, None]
    sums = np.add.reduceat(known.ravel(), places.ravel()).reshape(begins.shape)
    return bounds, np.diff(sums / np.maximum(sizes, 1))  # the mean of no value is the bound itself


@lru_cache(maxsize=64)
def _ranks(n: int) -> NDArray[np.int64]:
    ranks = [*range(1, ENDS + 1), *(n * i // INNER for i in range(1, INNER)), *range(n - ENDS, n)]
    return np.sort(np.clip(ranks, 0, n - 1))


def variation(counts: Numbers, gaps: Floats, farthest: Floats) -> Variation:
    """The variation of the parts of a reference by their counts (columns, units, cells); parts are 1, 2, 4, ... units.

    `gaps` (columns, cells - 1): from each cell to the next, in standard deviations.
    """
    below = np.cumsum(counts, axis=2).astype(np.float64)
    whole, units = below.sum(axis=1), below.shape[1]
    found = []
    while True:
        found.append(_of_parts(below, whole, gaps))
        units //= 2
        if units < FEWEST:
            break
        below = below[:, : 2 * units : 2] + below[:, 1 : 2 * units : 2]
    rows, squares, shift, freedom = (np.stack(part, axis=1) for part in zip(*found, strict=True))
    alike = squares[:, :1] / np.maximum(squares.max(axis=1, keepdims=True), 1e-300)
    return Variation(rows, squares, shift, np.maximum(freedom[:, :1] * alike, 1.0), farthest)


def _of_parts(below: Floats, whole: Floats, gaps: Floats) -> tuple[Floats, ...]:
    """Mean length, squares, shift and degrees of freedom, by cumulated counts (columns, parts, cells).

    Of independent kinds of deviation with mean squares s, the distances say sum(s), and their spread sum(s^2),
    whose root no single one exceeds (Satterthwaite, 1946). Few parts with most of the variation have fewer degrees of
    freedom.
    """
    rows, total = below[:, :, -1], whole[:, -1:]
    apart = below[:, :, :-1] / np.maximum(rows, 1)[:, :, None]
    apart -= (whole[:, :-1] / np.maximum(total, 1))[:, None]
    per_row = rows * total / np.maximum(total - rows, 1)
    means = np.matmul(apart, gaps[:, :, None])[:, :, 0] ** 2 * per_row
    squares = np.matmul(np.abs(apart, out=apart), gaps[:, :, None])[:, :, 0] ** 2 * per_row
    count = np.maximum((rows > 0).sum(axis=1), 1)
    mean, shift = squares.sum(axis=1) / count, means.sum(axis=1) / count
    spread = np.maximum((squares**2).sum(axis=1) / count - mean**2, 0)
    single = np.minimum(np.maximum(np.sqrt(spread / 2), shift), mean)
    freedom = np.maximum(2 * count * mean**2 / np.maximum(spread, 1e-30), 1.0)
    return total[:, 0] / count, mean, single, np.minimum(freedom, np.maximum(count - 1.0, 1.0))
