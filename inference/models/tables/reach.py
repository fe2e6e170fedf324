"""How far a row lies outside what training has shown: the worst of its inputs, and levels never seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.models.fitting import capped_quantile, distance_limit
from inference.models.gaps import Gaps
from inference.models.tables.encoding import closed_levels, new_levels
from monitor.model import Floats

_TAIL = 0.98  # quantile of the deviations from the median that is an input's unit of distance
_NEW_LEVEL = 10.0  # limits that a level never seen counts as


@dataclass(frozen=True, slots=True)
class Reach:
    """Median and unit of distance of each numeric input (2, inputs), and the levels seen of each category.

    A category of which new levels are ordinary is not in `seen`.
    """

    scales: Floats
    seen: Mapping[int, tuple[int, ...]]
    limit: float = 1.0

    def distances(self, rows: Floats) -> Floats:
        """The largest deviation of each row's inputs from their medians, in their units; missing ones have none."""
        measured = self.scales[1] > 0
        away = np.abs(rows[:, measured] - self.scales[0, measured]) / self.scales[1, measured]
        worst = np.nan_to_num(away, nan=0.0).max(axis=1, initial=0.0)
        return np.asarray(np.where(new_levels(rows, self.seen), np.maximum(worst, _NEW_LEVEL * self.limit), worst))


def learn_reach(rows: Floats, fold_of: NDArray[np.intp], gaps: Gaps, levels: Mapping[int, int]) -> Reach:
    """Medians, units and levels of all rows; the limit from rows out of fold."""
    numbers = [i for i, ignored in enumerate(gaps.ignored) if not ignored and i not in levels]
    far = np.empty(len(rows))
    for fold in range(int(fold_of.max()) + 1):
        here = fold_of == fold
        far[here] = Reach(_scales(rows[~here], numbers), {}).distances(rows[here])
    used = {i: count for i, count in levels.items() if not gaps.ignored[i]}
    seen = closed_levels(rows, fold_of, used)
    return Reach(_scales(rows, numbers), seen, distance_limit(far, 1.0))


def _scales(rows: Floats, numbers: Sequence[int]) -> Floats:
    scales = np.zeros((2, rows.shape[1]))
    for i in numbers:
        values = rows[np.isfinite(rows[:, i]), i]
        if len(values):
            middle = np.median(values)
            away = np.abs(values - middle)
            scales[:, i] = middle, capped_quantile(away, _TAIL) or away.max()
    return scales
