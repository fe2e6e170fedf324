"""What drifts: inputs less their running median, and what was known of the outcome when a part began.

A column and an outcome that both wander agree by chance for as long as they wander the same way, and whole lots do not
help: each has the same agreement (Granger and Newbold, "Spurious regressions in econometrics", 1974). So a column that
its own running median foretells better than its median over all parts is taken less that running median, and what the
outcomes known at that time foretell is known before every step.
"""

from __future__ import annotations

import numpy as np

from inference.models.forecasting import NEEDED, follow
from inference.models.tables.class_forecast import follow_rates
from inference.steps.parts import LineParts, Units
from monitor.model import Floats

WINDOWS = (100, 25)
"""Earlier parts of a running median, as of the longer ones of a forecast."""
QUIETER = 0.95
"""A column drifts if its deviations from the running median are smaller than this share of those from its median."""
_COVERAGE = 0.9


def without_drift(values: Floats, units: Units) -> Floats:
    """The columns (parts, columns) in order of time, those that drift less the median of parts before their unit.

    The parts of a lot share one reference, from before the lot: what a lot has in common is no drift. Of the windows
    each column has the one that foretells it best, so that what is left of a column that wanders has a short memory.
    Whether a column drifts is decided by its own values, never by outcomes. NaN stays; the first unit of a column that
    drifts has its own median as reference.
    """
    import pandas as pd

    if not values.shape[1] or not len(values):
        return values
    frame = pd.DataFrame(values)
    start = units.first_parts()[units.of]
    own = frame.groupby(units.of).transform("median").to_numpy()
    found, least = values, QUIETER * _typical(values - _medians(values))
    for window in WINDOWS:
        running = frame.rolling(window, min_periods=1).median().shift(1).to_numpy()[start]
        less = values - np.where(np.isfinite(running), running, own)
        away = _typical(less)
        found, least = np.where(away < least, less, found), np.minimum(away, least)
    return found


def _medians(values: Floats) -> Floats:
    known = np.isfinite(values).any(axis=0)
    medians = np.zeros(values.shape[1])
    if known.any():
        medians[known] = np.nanmedian(values[:, known], axis=0)
    return medians


def _typical(deviations: Floats) -> Floats:
    """The mean size of what is not missing, by column."""
    there = np.isfinite(deviations)
    return np.asarray(np.where(there, np.abs(deviations), 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1))


def known_before(parts: LineParts) -> Floats:
    """What the outcomes available when each part began foretell of it: (parts, 1) a number, (parts, classes) log rates.

    NaN where no outcome was available, or of classes fewer than `NEEDED`.
    """
    order = np.argsort(parts.available, kind="stable")
    known = np.searchsorted(parts.available[order], parts.passed[order], side="right")
    known = np.minimum(known, np.arange(len(parts)))
    values = parts.target[order]
    if parts.classes:
        foretold = np.log(follow_rates(values.astype(np.intp), known, parts.classes)[known])
        foretold[known < NEEDED] = np.nan
    else:
        foretold = follow(values, known, _COVERAGE).value[known][:, None]
    found = np.empty_like(foretold)
    found[order] = foretold
    return found
