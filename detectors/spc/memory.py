"""Charts with a memory: the tabular CUSUM and the EWMA of scores. A state enters and leaves, so any split is the same.

Scores are finite and along axis 0: (n,) of one chart, or (n, charts) of many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CusumSettings:
    """`k`, half the shift to be found soon, `limit` h and `head`, the sums to begin with (fast initial response, Lucas
    and Crosier 1982: half the limit), all in standard deviations of what is plotted.
    """

    k: float = 0.5
    limit: float = 5.0
    head: float = 0.0


@dataclass(frozen=True, slots=True)
class Sum:
    """One-sided sums after each point, shaped as the scores, and for how many points each has been above 0."""

    sums: Floats
    ages: Counts


@dataclass(frozen=True, slots=True)
class Cusum:
    """The newest sums above and below, and their ages: numbers, or (charts,)."""

    above: float | Floats
    below: float | Floats
    age_above: int | Counts = 0
    age_below: int | Counts = 0


def begin_cusum(settings: CusumSettings, charts: int = 0) -> Cusum:
    """The state before the first point, of one chart (0) or many."""
    if not charts:
        return Cusum(settings.head, settings.head)
    head, age = np.full(charts, settings.head), np.zeros(charts, np.int64)
    return Cusum(head, head, age, age)


def cusum(scores: Floats, state: Cusum, settings: CusumSettings) -> tuple[Cusum, Sum, Sum]:
    """The state after and the two one-sided sums (Page 1954; NIST/SEMATECH e-Handbook 6.3.2.3)."""
    above = _one_sided(scores, state.above, state.age_above, settings.k)
    below = _one_sided(-scores, state.below, state.age_below, settings.k)
    if not len(scores):
        return state, above, below
    return Cusum(above.sums[-1], below.sums[-1], above.ages[-1], below.ages[-1]), above, below


def _one_sided(scores: Floats, start: float | Floats, age: int | Counts, k: float) -> Sum:
    top: Callable[..., Any] = max if scores.ndim == 1 else np.maximum
    sums = _run(scores, start, lambda total, score: top(total + score - k, 0.0))
    places = np.arange(1, len(sums) + 1).reshape(-1, *[1] * (scores.ndim - 1))
    zero = np.maximum.accumulate(np.where(sums > 0, -age, places), axis=0)
    return Sum(sums, np.asarray(places - zero, dtype=np.int64))


def _run(scores: Floats, start: float | Floats, step: Callable[[Any, Any], Any]) -> Floats:
    """The state after each score; numbers of Python where there is one chart, which is much faster."""
    rows = scores.tolist() if scores.ndim == 1 else scores
    run = list(accumulate(rows, step, initial=start))[1:]
    return np.array(run, dtype=np.float64).reshape(scores.shape)


@dataclass(frozen=True, slots=True)
class EwmaSettings:
    """The weight of the newest point, above 0 and at most 1, and the limits in standard deviations of the average.

    `settled`: the limits of an average that has run for long, from the first point on; otherwise they widen up to them.
    """

    weight: float = 0.2
    limit: float = 3.0
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Ewma:
    """The newest average, a number or (charts,), and how many points it has seen."""

    average: float | Floats = 0.0
    count: int = 0


def ewma(scores: Floats, state: Ewma, settings: EwmaSettings) -> tuple[Ewma, Floats, Floats]:
    """The state after, the averages, shaped as the scores, and their upper limits (n,); the lower ones mirror them.

    Roberts 1959; NIST/SEMATECH e-Handbook 6.3.2.4. Of scores, so the centre is 0.
    """
    kept = 1 - settings.weight
    averages = _run(scores, state.average, lambda mean, score: settings.weight * score + kept * mean)
    counts = state.count + np.arange(1, len(scores) + 1)
    reached = np.ones(len(scores)) if settings.settled else 1 - kept ** (2.0 * counts)
    bounds = settings.limit * np.sqrt(settings.weight / (2 - settings.weight) * reached)
    newest = averages[-1] if len(scores) else state.average
    return Ewma(newest, state.count + len(scores)), averages, bounds
