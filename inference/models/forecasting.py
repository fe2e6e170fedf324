"""What anybody knows of a part without looking at it: a forecast from the outcomes known so far, with its own interval.

Simple forecasts (last value, medians and means of different length) are combined by exponential weights of their
errors, a part of which is dealt out anew at each outcome (fixed share: Herbster and Warmuth, "Tracking the Best
Expert", 1998). The interval is conformal over the newest known errors, at a level that moves with every outcome, so
that the coverage holds although the process changes (Gibbs and Candes, "Adaptive Conformal Inference Under Distribution
Shift", 2021). All of it is a function of the newest outcomes alone, so that it can be computed again at any time.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import ceil, exp, nan

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

MEMORY = 1200
"""The newest outcomes that a forecast rests on."""
RESIDUALS = 300
"""The newest known errors that the interval rests on."""
STEP = 0.005
"""How far the level of the interval moves with an outcome."""
NEEDED = 30
"""Known errors below which there is no interval."""
WATCHED = 200
"""The newest intervals whose realised coverage is watched."""
_COURSES = 8
"""Courses that are kept: those of the gates of a plant, asked for by several jobs."""
_MEDIANS = (5, 25, 100)
_SMOOTHING = (0.3, 0.1, 0.03)
_RATE = 0.1
"""An error larger than the best one by the usual error of the best forecast costs a forecast a tenth of its weight."""
_SHARED = 1 / 300
"""Share of the weights that is dealt out anew at each outcome, so that another forecast can take the lead."""
_KEPT = 0.5 ** (1 / 300)
"""Weight of the past in that usual error."""

Counts = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Foretold:
    """What a forecast of a number and one of classes have in common: a value with bounds, and how such ones did.

    `coverage` is the nominal one, `outcomes` how many it rests on; `inside` of the newest `watched` outcomes lay inside
    their bounds. `alike` is by how much the variance of such a count is larger than that of independent parts: parts
    that were judged by overlapping outcomes miss together.
    """

    value: float
    lower: float
    upper: float
    coverage: float
    outcomes: int
    inside: int
    watched: int
    alike: float = 1.0


@dataclass(frozen=True, slots=True)
class Forecast(Foretold):
    """The forecast of the next part: value and interval in the characteristic's unit."""


@dataclass(frozen=True, slots=True)
class Course:
    """The forecasts after 0, 1, ... n outcomes: values and half widths (n + 1,), NaN where there are too few.

    `inside` (n,) says whether an outcome lay inside its interval; NaN where it had none.
    """

    value: Floats
    half_width: Floats
    inside: Floats


def forecast(values: Floats, known: Counts, coverage: float) -> Forecast | None:
    """The forecast of the next part; None with too few outcomes. Arguments as those of `follow`."""
    newest = shifted(known, len(values))
    course = follow(values[-MEMORY:], newest, coverage)
    value, half = float(course.value[-1]), float(course.half_width[-1])
    if not np.isfinite(half):
        return None
    watch = watched(course.inside, np.isfinite(course.inside), newest)
    return Forecast(value, value - half, value + half, coverage, len(newest), *watch)


def watched(inside: Floats, judged: NDArray[np.bool_], known: Counts) -> tuple[int, int, float]:
    """How the newest forecasts did, as `Foretold` has it: `inside`, `watched` and `alike`.

    `inside` (n,) says whether each outcome was as foretold, `judged` where anything was, `known` how many outcomes were
    known then. Sums of hits over blocks of parts tell how alike these are. A block is as long as the forecasts look
    ahead, in parts, in the middle: further apart they share no unknown part.
    """
    hits, ahead = inside[judged], (np.arange(len(known)) - known)[judged]
    block = max(1, int(np.median(ahead))) if len(hits) else 1
    newest = hits[-WATCHED:]
    return int(newest.sum()), len(newest), overdispersion(hits, np.arange(len(hits)) // block)


def overdispersion(hits: Floats, group_of: Counts) -> float:
    """The variance of the number of hits (n,) over that of independent ones, at least 1, from the sums of groups."""
    share = float(hits.mean()) if len(hits) else 0.0
    if not 0 < share < 1:
        return 1.0
    sums = np.bincount(group_of, hits - share)
    return max(1.0, float(np.square(sums).sum() / (len(hits) * share * (1 - share))))


def shifted(known: Counts, count: int) -> Counts:
    """The counts of the newest outcomes, counted from the first of these."""
    cut = max(count - MEMORY, 0)
    return np.maximum(known[cut:] - cut, 0)


def follow(values: Floats, known: Counts, coverage: float) -> Course:
    """The course of the forecasts along outcomes (n,) in the order in which they became available.

    `known` (n,) says how many of them were available when the part of each was judged, at most those before it.
    `coverage` is the nominal coverage of the intervals.
    """
    return _course(values.astype(np.float64).tobytes(), known.astype(np.intp).tobytes(), coverage)


@lru_cache(maxsize=_COURSES)
def _course(outcomes: bytes, counts: bytes, coverage: float) -> Course:
    """As `follow`, from the bytes of its arrays; the last ones are kept, because several jobs ask for the same."""
    values, known = np.frombuffer(outcomes), np.frombuffer(counts, dtype=np.intp)
    experts = _experts_of(outcomes)
    value = _combined(experts, np.abs(values[:, None] - experts[known]))
    error = np.abs(values - value[known])
    half, inside = _adaptive(error, known, coverage)
    for numbers in (value, half, inside):
        numbers.flags.writeable = False
    return Course(value, half, inside)


@lru_cache(maxsize=_COURSES)
def _experts_of(outcomes: bytes) -> Floats:
    """As `_experts`, from the bytes of the values, which gates of one characteristic share."""
    return _experts(np.frombuffer(outcomes))


def _experts(values: Floats) -> Floats:
    """What each simple forecast says after 0, 1, ... n outcomes: (n + 1, experts); NaN before the first."""
    n = len(values)
    columns = [np.concatenate([[np.nan], values]), _means(values)]
    columns += [_medians(values, length) for length in _MEDIANS]
    columns += [_smoothed(values, weight) for weight in _SMOOTHING]
    return np.stack(columns, axis=1).reshape(n + 1, len(columns))


def _means(values: Floats) -> Floats:
    return np.concatenate([[np.nan], np.cumsum(values) / np.arange(1, len(values) + 1)])


def _medians(values: Floats, length: int) -> Floats:
    padded = np.concatenate([np.full(length, np.nan), values])
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)
    full = np.median(windows[length:], axis=1) if len(values) >= length else np.empty(0)
    return np.concatenate([[np.nan], _first_medians(values[: length - 1].tolist()), full])


def _first_medians(values: Sequence[float]) -> list[float]:
    """The medians of the first 1, 2, ... n values."""
    ordered: list[float] = []
    medians = []
    for value in values:
        insort(ordered, value)
        middle, odd = divmod(len(ordered), 2)
        medians.append(ordered[middle] if odd else (ordered[middle - 1] + ordered[middle]) / 2)
    return medians


def _smoothed(values: Floats, weight: float) -> Floats:
    out, level = np.empty(len(values) + 1), np.nan
    out[0] = level
    for i, value in enumerate(values.tolist()):
        # A mean at first, so that the first outcome does not count for long.
        level = value if i == 0 else level + max(weight, 1 / (i + 1)) * (value - level)
        out[i + 1] = level
    return out


def _combined(experts: Floats, errors: Floats) -> Floats:
    """The weighted forecast after 0, 1, ... n outcomes; `errors` (n, experts) are those of the outcomes."""
    n, count = errors.shape
    weights = np.full((n + 1, count), 1 / count)
    told = np.flatnonzero(errors[:, 0] == errors[:, 0])  # not NaN
    if len(told):
        kept = _weights(errors[told])
        newest = np.searchsorted(told, np.arange(n + 1))  # how many of them were told before
        weights[newest > 0] = kept[newest[newest > 0] - 1]
    return np.asarray((weights * experts).sum(axis=1))


def _weights(errors: Floats) -> Floats:
    """The weights of the experts after each of n outcomes, from their errors (n, experts)."""
    count = errors.shape[1]
    totals = np.array([list(accumulate(column, _discounted)) for column in errors.T.tolist()]).T
    seen = np.array(list(accumulate([1.0] * len(errors), _discounted)))
    unit, least = totals.min(axis=1) / seen, errors.min(axis=1)
    usable = unit > 0
    costs = -_RATE * (errors - least[:, None]) / np.where(usable, unit, 1.0)[:, None]
    weight, equal, found = [1 / count] * count, _SHARED / count, []
    for row, has_unit in zip(costs.tolist(), usable.tolist(), strict=True):
        if has_unit:
            weight = [w * exp(cost) for w, cost in zip(weight, row, strict=True)]
        whole = sum(weight)
        weight = [(1 - _SHARED) * w / whole + equal for w in weight]
        found.append(weight)
    return np.array(found)


def _discounted(total: float, new: float) -> float:
    return _KEPT * total + new


def _adaptive(error: Floats, known: Counts, coverage: float) -> tuple[Floats, Floats]:
    """Half widths after 0, 1, ... n outcomes, and which outcomes lay inside theirs."""
    n, miss = len(error), 1 - coverage
    half, inside, level = [nan] * (n + 1), [nan] * n, miss
    newest: list[float] = []  # the errors that are known so far
    ordered: list[float] = []  # the last of them, by size
    for i, (found, seen) in enumerate(zip([*error.tolist(), nan], [*known.tolist(), 0], strict=True)):
        if len(newest) >= NEEDED:
            half[i] = _quantile(ordered, 1 - level)
        if i == n:
            break
        width = half[seen]
        if width == width:  # not NaN
            inside[i] = float(found <= width)
            level = min(max(level + STEP * (miss - (1 - inside[i])), 0.0), 1.0)
        if found == found:
            newest.append(found)
            insort(ordered, found)
            if len(newest) > RESIDUALS:
                del ordered[bisect_left(ordered, newest[-RESIDUALS - 1])]
    return np.array(half), np.array(inside)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The conformal quantile of numbers in order; the largest where there are too few for it."""
    rank = max(min(ceil(round((len(ordered) + 1) * share, 9)), len(ordered)), 1)
    return ordered[rank - 1]
