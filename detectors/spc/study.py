"""A whole chart: limits from phase 1, every point judged, what signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.spc.limits import Limits, limits
from detectors.spc.points import Points
from detectors.spc.rules import Flags, Rule
from detectors.spc.signals import Signal, signals
from detectors.spc.watching import Judged, Settings, begin, judge


@dataclass(frozen=True, slots=True)
class Study:
    """`phase1`: numbers of its first point and of the one after its last. `judged`: of all points."""

    points: Points
    phase1: tuple[int, int]
    settings: Settings
    limits: Limits
    judged: Judged
    signals: Sequence[Signal]

    def of_phase1(self, within: bool) -> Sequence[Signal]:
        """The signals of phase 1 itself, or those of all other points."""
        return [s for s in self.signals if (self.phase1[0] <= s.first < self.phase1[1]) is within]


def study(points: Points, phase1: tuple[int, int], settings: Settings) -> Study:
    """The chart of points, limits from those of phase 1, which are judged too.

    Sums, averages and patterns begin anew before and after phase 1, so that what follows does not depend on how phase 1
    ended. UsageError where phase 1 sets no limits.
    """
    first, end = phase1
    found = limits(points[first:end])
    pieces: list[Judged] = []
    said: list[Signal] = []
    for part in (slice(0, first), slice(first, end), slice(end, len(points))):
        _, judged = judge(found, begin(settings), points[part], settings)
        pieces.append(judged)
        said.extend(signals(judged, part.start))
    return Study(points, phase1, settings, found, _joined(pieces, settings.rules), tuple(said))


def _joined(pieces: Sequence[Judged], rules: Sequence[Rule]) -> Judged:
    def rows(name: str) -> np.ndarray:
        return np.concatenate([getattr(piece, name) for piece in pieces])

    flags: dict[Rule, Flags] = {rule: np.concatenate([piece.flags[rule] for piece in pieces]) for rule in rules}
    reach = {rule: np.concatenate([piece.reach[rule] for piece in pieces]) for rule in rules}
    return Judged(rows("scores"), rows("average"), rows("bounds"), rows("above"), rows("below"), flags, reach)
