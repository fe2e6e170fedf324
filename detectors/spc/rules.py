"""Rules on a chart: which points signal that the process has changed.

Nelson's eight (Nelson 1984) and those of the Western Electric handbook (1956), of which three are also Nelson's. Points
are along axis 0; further axes are charts of their own. No pattern reaches across a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.errors import UsageError
from monitor.model import Floats

Flags = NDArray[np.bool_]
Stretches = NDArray[np.int64]


class Rule(StrEnum):
    """Names of rules; those of Nelson are his numbers."""

    BEYOND = "1"
    ONE_SIDE = "2"
    TREND = "3"
    ALTERNATING = "4"
    TWO_OF_THREE = "5"
    FOUR_OF_FIVE = "6"
    STRATIFIED = "7"
    MIXTURE = "8"
    EIGHT_ONE_SIDE = "w4"
    CUSUM = "cusum"
    EWMA = "ewma"
    SPREAD = "spread"


WORDS: Mapping[Rule, str] = {
    Rule.BEYOND: "beyond 3 sigma",
    Rule.ONE_SIDE: "9 in a row on one side of the centre",
    Rule.TREND: "6 in a row rising or falling",
    Rule.ALTERNATING: "14 in a row up and down in turn",
    Rule.TWO_OF_THREE: "2 of 3 beyond 2 sigma on one side",
    Rule.FOUR_OF_FIVE: "4 of 5 beyond 1 sigma on one side",
    Rule.STRATIFIED: "15 in a row within 1 sigma",
    Rule.MIXTURE: "8 in a row beyond 1 sigma on either side",
    Rule.EIGHT_ONE_SIDE: "8 in a row on one side of the centre",
    Rule.CUSUM: "the sum of deviations beyond its limit (CUSUM)",
    Rule.EWMA: "the moving average beyond its limits (EWMA)",
    Rule.SPREAD: "spread beyond its limits",
}
NELSON = tuple(Rule)[:8]
WESTERN = (Rule.BEYOND, Rule.TWO_OF_THREE, Rule.FOUR_OF_FIVE, Rule.EIGHT_ONE_SIDE)
DEFAULT = (Rule.BEYOND, Rule.CUSUM)
WITHOUT_SIDES = (Rule.ALTERNATING, Rule.STRATIFIED, Rule.MIXTURE, Rule.SPREAD)
RUN_LENGTHS: Mapping[Rule, float] = {
    Rule.BEYOND: 370, Rule.ONE_SIDE: 510, Rule.TREND: 430, Rule.ALTERNATING: 620, Rule.TWO_OF_THREE: 510,
    Rule.FOUR_OF_FIVE: 290, Rule.STRATIFIED: 980, Rule.MIXTURE: 14_000, Rule.EIGHT_ONE_SIDE: 250, Rule.CUSUM: 465,
    Rule.EWMA: 560, Rule.SPREAD: 230,
}  # fmt: skip
"""Points until a false alarm, on average, of independent normal values (`bench_spc`); spread: of subgroups of five."""
_GROUPS: Mapping[str, tuple[Rule, ...]] = {
    "nelson": NELSON,
    "western": WESTERN,
    "w1": (Rule.BEYOND,),
    "w2": (Rule.TWO_OF_THREE,),
    "w3": (Rule.FOUR_OF_FIVE,),
}
_BY_NAME = {rule.value: (rule,) for rule in (*NELSON, Rule.EIGHT_ONE_SIDE, Rule.CUSUM, Rule.SPREAD)} | dict(_GROUPS)
REACH = 15
"""The most points that a pattern looks at."""


def parse(text: str) -> tuple[Rule, ...]:
    """Rules from names with commas between them, in their order; UsageError where one is unknown."""
    found: set[Rule] = set()
    for name in text.lower().split(","):
        if name.strip() not in _BY_NAME:
            raise UsageError(f"rule {name.strip()!r} is unknown; expected some of {', '.join(sorted(_BY_NAME))}")
        found.update(_BY_NAME[name.strip()])
    return tuple(rule for rule in Rule if rule in found)


def _beyond(scores: Floats, stretches: Stretches) -> Flags:
    """Rule 1."""
    return np.asarray(np.abs(scores) > 3)


def _within(held: Flags, stretches: Stretches, length: int) -> NDArray[np.int8]:
    """How many of the last `length` points hold, of those in the same stretch."""
    count = held.astype(np.int8)
    for lag in range(1, min(length, len(held))):
        count[lag:] += held[:-lag] & _column(stretches[lag:] == stretches[:-lag], held)
    return count


def _of(least: int, length: int, held: Callable[[Floats], Flags]) -> Callable[[Floats, Stretches], Flags]:
    """`least` of the last `length` points hold on the same side, the newest among them."""

    def flags(scores: Floats, stretches: Stretches) -> Flags:
        sides = (held(scores), held(-scores))
        found = [side & (_within(side, stretches, length) >= least) for side in sides]
        return np.asarray(found[0] | found[1])

    return flags


def _all(length: int, held: Callable[[Floats], Flags]) -> Callable[[Floats, Stretches], Flags]:
    def flags(scores: Floats, stretches: Stretches) -> Flags:
        return np.asarray(_within(held(scores), stretches, length) == length)

    return flags


def _steps(scores: Floats, stretches: Stretches) -> Floats:
    """From the point before in the same stretch, else NaN."""
    steps = np.full_like(scores, np.nan)
    steps[1:] = np.where(_column(stretches[1:] == stretches[:-1], scores), np.diff(scores, axis=0), np.nan)
    return steps


def _column(flags: Flags, like: NDArray[Any]) -> Flags:
    return flags.reshape(-1, *[1] * (like.ndim - 1))


def _trend(scores: Floats, stretches: Stretches) -> Flags:
    steps = _steps(scores, stretches)
    sides = (_within(steps > 0, stretches, 5), _within(steps < 0, stretches, 5))
    return np.asarray((sides[0] == 5) | (sides[1] == 5))


def _alternating(scores: Floats, stretches: Stretches) -> Flags:
    steps = _steps(scores, stretches)
    turns = np.zeros(scores.shape, np.bool_)
    turns[1:] = steps[1:] * steps[:-1] < 0
    return np.asarray(_within(turns, stretches, 12) == 12)


PATTERNS: Mapping[Rule, tuple[Callable[[Floats, Stretches], Flags], int]] = {
    Rule.BEYOND: (_beyond, 1),
    Rule.ONE_SIDE: (_of(9, 9, lambda z: z > 0), 9),
    Rule.TREND: (_trend, 6),
    Rule.ALTERNATING: (_alternating, 14),
    Rule.TWO_OF_THREE: (_of(2, 3, lambda z: z > 2), 3),
    Rule.FOUR_OF_FIVE: (_of(4, 5, lambda z: z > 1), 5),
    Rule.STRATIFIED: (_all(15, lambda z: np.abs(z) < 1), 15),
    Rule.MIXTURE: (_all(8, lambda z: np.abs(z) > 1), 8),
    Rule.EIGHT_ONE_SIDE: (_of(8, 8, lambda z: z > 0), 8),
}
"""Each with the function of scores (n, ...) and numbers of stretches (n,), and the most points that it looks at."""


def false_alarms(rules: Iterable[Rule], points: int) -> float:
    """About how many signals to expect in so many points of a process in control; a little high, as rules overlap."""
    return points * sum(1 / RUN_LENGTHS[rule] for rule in rules)


def flags(rule: Rule, scores: Floats, stretches: Stretches) -> Flags:
    """Where the rule, one of PATTERNS, signals: at the point that completes the pattern. A missing score breaks it."""
    with np.errstate(invalid="ignore"):
        return PATTERNS[rule][0](scores, stretches)
