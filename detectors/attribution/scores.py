"""Normal scores: how unusual each row's value is beside the reference's rows of its like, in standard deviations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from detectors.shared.numbers import numbered
from monitor.model import Floats

_FEWEST_ALIKE = 50
"""Rows of a group in the reference for its rows to be compared with the group, and not with the whole reference."""

_FARTHEST = 5.0
"""What is farther outside the reference counts no more than this."""

Group = tuple[str, ...]


def normal_scores(
    reference: Floats, like: Sequence[Group], values: Floats, groups: Sequence[Group]
) -> tuple[Floats, Floats]:
    """The scores of level and of spread of each value, shape (rows,) both.

    A value's level is the normal quantile of its rank among the reference's values (Blom's scores, without ties
    broken), so that any distribution becomes standard normal; beyond all of them, that of the farthest and on from
    there in standard deviations of the reference, as a reference of few lots shows little of its tails. Its
    spread is high where the level is far from 0 on either side. A missing value is scored as a rank too: by how rare
    missing is in the reference. A row of a group, such as (machine, recipe), that has `_FEWEST_ALIKE` rows in the
    reference is ranked among those: how machines or recipes always differ is no change.
    """
    level, spread = np.zeros(len(values)), np.zeros(len(values))
    labels, known = np.split(numbered([*groups, *like]), [len(groups)])
    for number in np.unique(labels):
        rows, alike = labels == number, known == number
        beside = reference[alike] if alike.sum() >= _FEWEST_ALIKE else reference
        level[rows] = _ranked(beside, values[rows]) + _beyond(beside, values[rows])
        usual = np.abs(_ranked(beside, beside[np.isfinite(beside)]))
        spread[rows] = _ranked(usual, np.abs(level[rows]))
    return level, spread


def _ranked(reference: Floats, values: Floats) -> Floats:
    finite = np.sort(reference[np.isfinite(reference)])
    if not len(finite):
        return np.zeros(len(values))
    present = np.nan_to_num(values, nan=finite[0])
    ranks = (np.searchsorted(finite, present, "left") + np.searchsorted(finite, present, "right")) / 2
    share = (ranks + 0.5) / (len(finite) + 1)
    missing = 1 - (len(finite) + 0.5) / (len(reference) + 1)
    return np.asarray(ndtri(np.where(np.isfinite(values), share, 1 - missing / 2)))


def _beyond(reference: Floats, values: Floats) -> Floats:
    """How far values are outside the reference's, in its standard deviations; 0 inside, and where it is constant."""
    finite = reference[np.isfinite(reference)]
    deviation = float(finite.std()) if len(finite) else 0.0
    if deviation == 0.0:
        return np.zeros(len(values))
    present = np.nan_to_num(values, nan=finite[0])
    outside = np.maximum(present - finite.max(), 0.0) - np.maximum(finite.min() - present, 0.0)
    return np.asarray(np.clip(outside / deviation, -_FARTHEST, _FARTHEST))
