"""What an estimate from known parts assumes of new ones, as far as it can be tested without their outcomes.

New parts must come from where known parts lie, have the inputs that these had, and be predicted; and the newest known
losses must be what the others would have made of them. That what is measured of a part still follows from its inputs
in the same way cannot be tested before outcomes: inputs do not tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from detectors.shared.calibration import student_bound
from detectors.shared.shares import LEAST_SHARE, share_limit
from detectors.window.performance_limits import error_limit
from monitor.model import Floats, Mask

FEWEST_BLOCKS = 5
"""Blocks of known parts, as long as a judged block, that tell how far healthy blocks differ."""
MOST_BEYOND = 0.1
"""The share of a block that may lie where hardly any known part does."""
MOST_UNJUDGED = 0.25
"""The share of a block that need not be predicted: a lot out of distribution is left out, as of the realised error."""
_TAIL = 0.005
"""The share of the known parts on either side of a column that counts as hardly any."""
_FARTHEST = 8.0
"""Columns are clipped at this many standard deviations, so that a single wild value is not a shift of a block."""


def blocks(rows: int, size: int) -> list[slice]:
    """Consecutive blocks of `size` rows, the newest one at the end; an older rest is left out."""
    return [slice(end - size, end) for end in range(rows, size - 1, -size)]


def shifted(known: Floats, new: Floats, size: int, chance: float) -> list[int]:
    """The columns, worst first, in which a block of new parts lies elsewhere than known ones, and beyond them.

    `known` and `new` have shape (rows, columns), NaN where missing. Elsewhere: the block's mean of the column, or of
    its distance from the middle, is outside the prediction bounds from blocks of known parts (Student's t; means of
    blocks vary more where parts of a lot are alike). `chance` is divided among columns and blocks. Beyond: more than
    `MOST_BEYOND` of the block is outside all but the last `_TAIL` of the known parts on each side. A shift within the
    known region is none: there the estimate allows for it.
    """
    standard_known, standard_new = _standard(known, known), _standard(known, new)
    of_known = np.stack([_moments(standard_known[block]) for block in blocks(len(known), size)])
    looked_at = blocks(len(new), size)
    count = len(of_known)
    mean, deviation = of_known.mean(axis=0), of_known.std(axis=0, ddof=1)
    each = chance / (2 * of_known.shape[1] * max(len(looked_at), 1))
    bound = student_bound(each, count - 1) * deviation * math.sqrt(1 + 1 / count)
    low, high = _tails(standard_known)
    found: dict[int, float] = {}
    for block in looked_at:
        moved = (np.abs(_moments(standard_new[block]) - mean) > bound).reshape(2, -1).any(axis=0)
        beyond = ((standard_new[block] < low) | (standard_new[block] > high)).mean(axis=0)
        for column in np.flatnonzero(moved & (beyond > MOST_BEYOND)).tolist():
            found[column] = max(found.get(column, 0.0), float(beyond[column]))
    return sorted(found, key=lambda column: (-found[column], column))


def _standard(known: Floats, values: Floats) -> Floats:
    """In standard deviations of the known parts; another value than that of a constant column is far away."""
    count = np.maximum(np.isfinite(known).sum(axis=0), 1)
    mean = np.nansum(known, axis=0) / count
    deviation = np.sqrt(np.nansum(np.square(known - mean), axis=0) / count)
    constant = deviation <= 1e-9 * np.abs(mean)
    away = values - mean
    scaled = away / np.where(constant, 1.0, deviation)
    off = np.where(np.abs(away) <= 1e-6 * np.abs(mean), 0.0, np.sign(away) * _FARTHEST)
    return np.clip(np.where(constant & np.isfinite(values), off, scaled), -_FARTHEST, _FARTHEST)


def _moments(block: Floats) -> Floats:
    """The means of the columns and of their absolute values, (2 columns,); of missing values 0."""
    both = np.column_stack([block, np.abs(block)])
    present = np.isfinite(both)
    return np.asarray(np.where(present, both, 0.0).sum(axis=0) / np.maximum(present.sum(axis=0), 1))


def _tails(standard: Floats) -> tuple[Floats, Floats]:
    """Between which values all but the tails of each column lie; nothing is beyond a column without a value."""
    ordered = np.sort(standard, axis=0)
    present = np.isfinite(standard).sum(axis=0)
    first = (_TAIL * np.maximum(present - 1, 0)).astype(np.intp)
    last, columns = np.maximum(present - 1 - first, 0), np.arange(standard.shape[1])
    low, high = ordered[first, columns], ordered[last, columns]
    return np.where(present > 0, low, -np.inf), np.where(present > 0, high, np.inf)


def missing(known: Floats, new: Floats, size: int, chance: float) -> list[int]:
    """The columns that are missing in a block of new parts more often than known parts allow for by chance."""
    wanted = np.flatnonzero(np.isnan(new).any(axis=0)).tolist()
    looked_at = blocks(len(new), size)
    each, least = chance / max(new.shape[1] * len(looked_at), 1), LEAST_SHARE
    before = np.isnan(known).sum(axis=0)
    return [
        column
        for column in wanted
        if max((float(np.isnan(new[block, column]).mean()) for block in looked_at), default=0.0)
        > share_limit(int(before[column]), len(known), size, each, least)
    ]


def mostly_unjudged(judged: Mask, size: int) -> bool:
    """Whether of a block of new parts more than `MOST_UNJUDGED` have no prediction that counts; `judged` is (rows,)."""
    return any(float((~judged[block]).mean()) > MOST_UNJUDGED for block in blocks(len(judged), size))


def newest_hold(residuals: Sequence[Floats], size: int, chance: float) -> bool:
    """Whether the newest `size` known residuals are like those before, for each loss (rows,), NaN where unknown.

    The mean of the newest is compared with the prediction bound from the others (`error_limit`, two-sided).
    """
    return all(_holds(one, size, chance / len(residuals)) for one in residuals)


def _holds(residuals: Floats, size: int, chance: float) -> bool:
    known = np.flatnonzero(np.isfinite(residuals))
    if len(known) < 2 * size:
        return True
    split = int(known[-size])
    limit = error_limit(residuals[:split], size, chance, two_sided=True)
    return limit is None or abs(float(np.nanmean(residuals[split:]))) <= limit
