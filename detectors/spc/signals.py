"""Signals of rules as episodes: since when, by which rule, which points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.spc.rules import WITHOUT_SIDES, Flags, Rule
from detectors.spc.watching import Judged


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule that signals at each of the points from `first` to `last`, of which the last but one may be missing.

    `since`: where the first pattern, or the rise of the sum, begins. `above`: on which side of the centre it is,
    or by which the sum rose; None of a rule without sides. All are numbers of points, from 0.
    """

    rule: Rule
    since: int
    first: int
    last: int
    above: bool | None


def signals(judged: Judged, offset: int = 0) -> tuple[Signal, ...]:
    """The episodes of all rules, in order of their first point; `offset` is the number of the first point judged."""
    found: list[Signal] = []
    known = np.isfinite(judged.scores)
    order, at_known = np.cumsum(known), np.flatnonzero(known)
    for rule, flagged in judged.flags.items():
        places = np.flatnonzero(flagged)
        if not len(places):
            continue
        sides = _sides(judged, rule)
        ends = np.flatnonzero((np.diff(order[places]) > 1) | np.diff(sides[places]))
        for first, last in zip([0, *(ends + 1).tolist()], [*ends.tolist(), len(places) - 1], strict=True):
            at, end = int(places[first]), int(places[last])
            since = int(at_known[max(int(order[at] - judged.reach[rule][at]), 0)])
            above = None if rule in WITHOUT_SIDES else bool(sides[at])
            found.append(Signal(rule, since + offset, at + offset, end + offset, above))
    return tuple(sorted(found, key=lambda signal: (signal.first, signal.since)))


def _sides(judged: Judged, rule: Rule) -> Flags:
    """Whether each point signals above the centre; all the same of a rule without sides."""
    if rule in WITHOUT_SIDES:
        return np.zeros(len(judged.scores), np.bool_)
    if rule is Rule.CUSUM:
        return np.asarray(judged.above >= judged.below)
    return np.asarray((judged.average if rule is Rule.EWMA else judged.scores) > 0)
