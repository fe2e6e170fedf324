"""Missing inputs: median imputation, and inputs that a model ignores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from inference.models.kind import Entry
from monitor.model import Floats

MOSTLY = 0.5
"""An input that is missing in more than this share of the training rows is ignored."""
_WOBBLE = 1e-9  # relative: a constant input may still differ in its last digits


@dataclass(frozen=True, slots=True)
class Gaps:
    """How a model deals with missing inputs, learnt from its training rows and recorded in its package.

    `most` is the share of the needed inputs that may be missing in a part. `fill` holds the median of each input over
    the training rows that have it (0 where none has); `ignored` whether it was mostly missing or constant there: an
    ignored input is always replaced by its fill value.
    """

    most: float
    fill: tuple[float, ...]
    ignored: tuple[bool, ...]

    def needed(self, inputs: Sequence[str]) -> tuple[str, ...]:
        """The inputs that are not ignored."""
        return tuple(name for name, ignored in zip(inputs, self.ignored, strict=True) if not ignored)

    def acceptable(self, rows: Floats) -> NDArray[np.bool_]:
        """Which rows (rows, inputs) have enough inputs."""
        needed = ~np.array(self.ignored, dtype=np.bool_)
        return np.asarray((~np.isfinite(rows[:, needed])).sum(axis=1) <= self.most * needed.sum())

    def filled(self, rows: Floats) -> Floats:
        """The rows (rows, inputs) with missing and ignored inputs filled."""
        used = np.isfinite(rows) & ~np.array(self.ignored, dtype=np.bool_)
        return np.where(used, rows, np.array(self.fill))


class GapsEntry(Entry):
    """How missing inputs are treated, as `Gaps`."""

    most: float = Field(ge=0, lt=1)
    fill: tuple[float, ...]
    ignored: tuple[bool, ...]


def learn_gaps(rows: Floats, most: float) -> Gaps:
    """Learn from training rows (rows, inputs), NaN where missing."""
    present = np.isfinite(rows)
    fill, ignored = [], []
    for column, is_present in zip(rows.T, present.T, strict=True):
        values = column[is_present]
        fill.append(float(np.median(values)) if values.size else 0.0)
        ignored.append(bool(values.size < (1 - MOSTLY) * len(rows) or not _varies(values)))
    return Gaps(most, tuple(fill), tuple(ignored))


def _varies(values: Floats) -> bool:
    return bool(values.size and np.ptp(values) > _WOBBLE * np.abs(values).max())
