"""What anybody knows of the class of a part without looking at it: the rates of the classes among the outcomes so far.

Rates with memories of different length are combined by weights that follow their log losses, a part of which is dealt
out anew at each outcome (fixed share: Herbster and Warmuth, "Tracking the Best Expert", 1998), as for numbers
(`inference.models.forecasting`). All of it is a function of the newest outcomes alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.models.forecasting import MEMORY, NEEDED, Counts, Foretold, shifted, watched
from monitor.model import ClassSpec, Floats, Verdict

_HALF_LIVES = (25, 100, 400)
"""Outcomes after which one counts half."""
_PRIOR = 0.5
"""Parts of each class that are known beforehand, so that no class is impossible."""
_SHARED = 1 / 300
"""Share of the weights that is dealt out anew at each outcome."""
_MAY_DECIDE = (Verdict.CONTINUE, Verdict.CORRECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassForecast(Foretold):
    """The forecast of the next part: the rates of the classes; `value` is that of not going on, as are its bounds.

    `coverage` is how probable a meaning has to be, `outcomes` how many parts it rests on. Of the newest `watched` parts
    of which a meaning was as probable when they were judged, `inside` had it.
    """

    rates: tuple[float, ...]


def class_forecast(places: Counts, known: Counts, spec: ClassSpec) -> ClassForecast | None:
    """The forecast of the next part; None with too few outcomes. Arguments as those of `follow_rates`."""
    if len(places) < NEEDED:
        return None
    newest, counts = places[-MEMORY:], shifted(known, len(places))
    rates = follow_rates(newest, counts, len(spec.values))
    hits = _hits(rates[counts], newest, spec)
    watch = watched(hits, np.isfinite(hits) & (counts >= NEEDED), counts)
    value = float(rates[-1][~np.array(spec.good)].sum())
    return ClassForecast(value, value, value, spec.certainty, len(newest), *watch, rates=tuple(rates[-1].tolist()))


def follow_rates(places: Counts, known: Counts, classes: int) -> Floats:
    """The rates after 0, 1, ... n outcomes: (n + 1, classes).

    `places` (n,) are those of the outcomes' classes, in the order in which they became available. `known` (n,) says
    how many of them were available when the part of each was judged, at most those before it.
    """
    rates = _rates(places, classes)
    weights = np.empty((len(places) + 1, len(_HALF_LIVES)))
    weights[0] = weight = np.full(len(_HALF_LIVES), 1 / len(_HALF_LIVES))
    for i, place in enumerate(places):
        weight = weight * rates[known[i], :, place]
        weights[i + 1] = weight = (1 - _SHARED) * weight / weight.sum() + _SHARED / len(weight)
    return np.asarray((weights[:, :, None] * rates).sum(axis=1))


def _rates(places: Counts, classes: int) -> Floats:
    """The rates by each memory: (n + 1, memories, classes)."""
    kept = 0.5 ** (1 / np.array(_HALF_LIVES))[:, None]
    counts = np.zeros((len(_HALF_LIVES), classes))
    rates = np.full((len(places) + 1, *counts.shape), 1 / classes)
    for i, place in enumerate(places):
        counts *= kept
        counts[:, place] += 1
        rates[i + 1] = (counts + _PRIOR) / (counts.sum(axis=1, keepdims=True) + _PRIOR * classes)
    return rates


def _hits(rates: Floats, places: Counts, spec: ClassSpec) -> Floats:
    """Whether each part had the meaning that its rates (parts, classes) were certain of; NaN where of none."""
    hits = np.full(len(places), np.nan)
    for verdict in _MAY_DECIDE:
        of_meaning = np.array([meaning is verdict for meaning in spec.meanings])
        certain = rates[:, of_meaning].sum(axis=1) >= spec.certainty
        hits[certain] = of_meaning[places[certain]]
    return hits
