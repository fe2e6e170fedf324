"""Category inputs as columns of zeros and ones, a column a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from inference.models.gaps import Gaps
from inference.models.kind import TrainingSettings
from monitor.model import Floats


def counts(settings: TrainingSettings) -> tuple[int, ...]:
    """For each input the number of its levels, 0 for a number; points of the profile are numbers."""
    points = settings.profile_count
    covariates = (len(settings.categories.get(name, ())) for name in settings.inputs[points:])
    return (0,) * points + tuple(covariates)


def spread(rows: Floats, levels: Sequence[int]) -> Floats:
    """Rows (rows, inputs) of numbers and level indexes as (rows, numbers and levels); of no level only zeros."""
    if not any(levels):
        return rows
    columns = [
        (column[:, None] == np.arange(count)).astype(np.float64) if count else column[:, None]
        for column, count in zip(rows.T, levels, strict=True)
    ]
    return np.concatenate(columns, axis=1)


def with_usual_levels(gaps: Gaps, rows: Floats, levels: Sequence[int]) -> Gaps:
    """Gaps that fill a missing category by its most frequent level in rows (rows, inputs), the first of equals."""
    fill = [
        float(np.argmax((column[:, None] == np.arange(count)).sum(axis=0))) if count else value
        for column, count, value in zip(rows.T, levels, gaps.fill, strict=True)
    ]
    return replace(gaps, fill=tuple(fill))
