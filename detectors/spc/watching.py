"""Points judged by limits and rules, as they come: a state enters and leaves, so any split gives the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from detectors.spc.limits import Limits
from detectors.spc.memory import Cusum, CusumSettings, Ewma, EwmaSettings, Sum, begin_cusum, cusum, ewma
from detectors.spc.points import Indices, Points, Spread
from detectors.spc.rules import PATTERNS, REACH, Flags, Rule, flags
from detectors.spc.scales import Kind
from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Settings:
    """The rules that are asked, and those of the charts with a memory."""

    rules: Sequence[Rule]
    cusum: CusumSettings = field(default_factory=CusumSettings)
    ewma: EwmaSettings = field(default_factory=EwmaSettings)


@dataclass(frozen=True, slots=True)
class State:
    """Between two pieces: the sums, the average, and the newest points' scores and stretches, which patterns reach."""

    cusum: Cusum
    ewma: Ewma
    scores: Floats
    stretches: Indices


def begin(settings: Settings) -> State:
    """The state before the first point."""
    return State(begin_cusum(settings.cusum), Ewma(), np.empty(0), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class Judged:
    """Of each point (n,): its score, the EWMA and how far its limits are from 0, both sums of the CUSUM; NaN where
    it is missing. By rule, where it signals, and how many points the pattern that ends there may consist of (`reach`).
    """

    scores: Floats
    average: Floats
    bounds: Floats
    above: Floats
    below: Floats
    flags: Mapping[Rule, Flags]
    reach: Mapping[Rule, Indices]


def judge(limits: Limits, state: State, points: Points, settings: Settings) -> tuple[State, Judged]:
    """The state after, and what each of the next points says."""
    scores = limits.scores(points)
    known = np.isfinite(scores)
    after_ewma, average, bounds = ewma(scores[known], state.ewma, settings.ewma)
    after_cusum, above, below = cusum(scores[known], state.cusum, settings.cusum)
    all_scores = np.concatenate([state.scores, scores])
    stretches = np.concatenate([state.stretches, points.stretches])
    found: dict[Rule, Flags] = {}
    reach: dict[Rule, Indices] = {}
    for rule in settings.rules:
        reach[rule] = np.ones(len(scores), np.int64)
        if rule in PATTERNS:
            found[rule] = flags(rule, all_scores, stretches)[len(state.scores) :]
            reach[rule] *= PATTERNS[rule][1]
        elif rule is Rule.SPREAD:
            found[rule] = _spread(limits, points)
        else:
            signal = np.zeros(len(scores), np.bool_)
            signal[known] = np.abs(average) > bounds if rule is Rule.EWMA else _over(above, below, settings.cusum.limit)
            found[rule] = signal
            if rule is Rule.CUSUM:
                higher = above.sums >= below.sums
                reach[rule][known] = np.maximum(np.where(higher, above.ages, below.ages), 1)
    judged = Judged(
        scores, _spaced(average, known), _spaced(bounds, known), _spaced(above.sums, known),
        _spaced(below.sums, known), found, reach,
    )  # fmt: skip
    return State(after_cusum, after_ewma, all_scores[-REACH:], stretches[-REACH:]), judged


def _over(above: Sum, below: Sum, limit: float) -> Flags:
    return np.asarray((above.sums > limit) | (below.sums > limit))


def _spread(limits: Limits, points: Points) -> Flags:
    """Spreads beyond their limits; the limits of moving ranges are those of normal values, else none is judged."""
    if points.spread is Spread.MOVING_RANGE and limits.scale.kind is not Kind.NORMAL:
        return np.zeros(len(points), np.bool_)
    lower, _, upper = limits.spread_band(points)
    with np.errstate(invalid="ignore"):
        return np.asarray((points.spreads < lower) | (points.spreads > upper))


def _spaced(values: Floats, known: Flags) -> Floats:
    """Values of known points at their places, NaN elsewhere."""
    spaced = np.full(len(known), np.nan)
    spaced[known] = values
    return spaced
