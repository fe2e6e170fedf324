"""Signals of rules as episodes: since when, by which rule, which points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.spc.rules import Rule
from detectors.spc.watching import Judged


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule that signals at each of the points from `first` to `last`, of which the last but one may be missing.

    `since`: where the first pattern, or the rise of the sum, begins. `above`: on which side of the centre the point is
    that signals first, or by which side the sum rose. All are numbers of points, from 0.
    """

    rule: Rule
    since: int
    first: int
    last: int
    above: bool


def signals(judged: Judged, offset: int = 0) -> tuple[Signal, ...]:
    """The episodes of all rules, in order of their first point; `offset` is the number of the first point judged."""
    found: list[Signal] = []
    known = np.isfinite(judged.scores)
    order = np.cumsum(known)
    for rule, flagged in judged.flags.items():
        places = np.flatnonzero(flagged)
        if not len(places):
            continue
        ends = np.flatnonzero(np.diff(order[places]) > 1)
        for first, last in zip([0, *(ends + 1).tolist()], [*ends.tolist(), len(places) - 1], strict=True):
            at, end = int(places[first]), int(places[last])
            since = _back(known, at, int(judged.reach[rule][at]))
            found.append(Signal(rule, since + offset, at + offset, end + offset, _above(judged, rule, at)))
    return tuple(sorted(found, key=lambda signal: (signal.first, signal.since)))


def _back(known: np.ndarray, at: int, reach: int) -> int:
    """The known point that is `reach` - 1 known ones before, or the first."""
    before = np.flatnonzero(known[: at + 1])
    return int(before[max(len(before) - reach, 0)]) if len(before) else at


def _above(judged: Judged, rule: Rule, at: int) -> bool:
    if rule is Rule.CUSUM:
        return bool(judged.above[at] >= judged.below[at])
    if rule is Rule.EWMA:
        return bool(judged.average[at] > 0)
    return bool(judged.scores[at] > 0)
