"""Missing inputs: which of them a model does without, and what stands in the place of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

MOSTLY = 0.5
"""An input that more than this share of the training rows lack is not looked at."""
_WOBBLE = 1e-9  # relative: an input that never changed may still differ in its last digits


@dataclass(frozen=True, slots=True)
class Gaps:
    """How a model deals with missing inputs, learnt from its training rows and recorded in its package.

    `most` is the share of the needed inputs that a part may lack. `fill` holds, for each input, the median of the
    training rows that have it (0 where none has), `ignored` whether it was mostly missing or never changed there:
    such an input is filled whatever was measured, so that the model cannot look at it.
    """

    most: float
    fill: tuple[float, ...]
    ignored: tuple[bool, ...]

    def needed(self, inputs: Sequence[str]) -> tuple[str, ...]:
        """Those of the inputs that the model looks at."""
        return tuple(name for name, ignored in zip(inputs, self.ignored, strict=True) if not ignored)

    def acceptable(self, rows: Floats) -> NDArray[np.bool_]:
        """Which rows (rows, inputs) lack no more than they may."""
        needed = ~np.array(self.ignored, dtype=np.bool_)
        return np.asarray((~np.isfinite(rows[:, needed])).sum(axis=1) <= self.most * needed.sum())

    def filled(self, rows: Floats) -> Floats:
        """The rows (rows, inputs) without a gap."""
        used = np.isfinite(rows) & ~np.array(self.ignored, dtype=np.bool_)
        return np.where(used, rows, np.array(self.fill))


def learn_gaps(rows: Floats, most: float) -> Gaps:
    """The gaps of training rows (rows, inputs), NaN where missing."""
    present = np.isfinite(rows)
    fill, ignored = [], []
    for column, there in zip(rows.T, present.T, strict=True):
        known = column[there]
        fill.append(float(np.median(known)) if known.size else 0.0)
        ignored.append(bool(known.size < (1 - MOSTLY) * len(rows) or not _changes(known)))
    return Gaps(most, tuple(fill), tuple(ignored))


def _changes(values: Floats) -> bool:
    return bool(values.size and np.ptp(values) > _WOBBLE * np.abs(values).max())
