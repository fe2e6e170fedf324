"""How far the rules of control charts go in a window and in healthy ones: limits from the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.shared.calibration import calibrate
from detectors.spc.limits import Limits, limits
from detectors.spc.points import Points, of_values
from detectors.spc.rules import Rule
from detectors.spc.watching import Judged, Settings, begin, judge
from detectors.window import drift_limits
from monitor.errors import UsageError
from monitor.model import Floats

BLOCKS = 8
"""So many times as long as what is judged a reference is, at least."""
_LEAST_BLOCKS = 3


@dataclass(frozen=True, slots=True)
class ChartSettings:
    """Parameters of the limits.

    `chance`: the probability that one rule goes beyond its limit in a window of an unchanged characteristic, if what
    blocks of the reference show were normal. It is skewed, so that up to two windows in a thousand do
    (`benchmarks.bench_charts`). `least_relative_spread`: the minimum standard deviation of what blocks show, relative
    to their mean; a smaller one is taken for coincidence. `least_rows`: the fewest values that are judged.
    """

    chance: float = 3e-6
    least_relative_spread: float = 0.15
    least_rows: int = 10


def points_of(values: Floats, seam: int | None = None) -> Points:
    """A point a value (n,); no range and no pattern reaches across a `seam`, before which something was cut out."""
    breaks = np.zeros(len(values), np.bool_)
    if seam is not None and seam < len(values):
        breaks[seam] = True
    return of_values(values, breaks)


def judged(found: Limits, values: Floats, settings: Settings) -> Judged:
    """A window's values (n,), NaN where missing, from its first one on."""
    return judge(found, begin(settings), points_of(values), settings)[1]


_MEASURED = (Rule.BEYOND, Rule.CUSUM)


def extent(rule: Rule, said: Judged) -> float:
    """How far a rule goes in a window with a value: the largest deviation in sigmas for rule 1, the highest one-sided
    sum for CUSUM; of any other the share of points that signal.
    """
    if rule in _MEASURED:
        return float(np.nanmax(_size(rule, said)))
    return float(said.flags[rule][np.isfinite(said.scores)].mean())


def peak(rule: Rule, said: Judged) -> int:
    """The point where the rule goes farthest; the newest that signals where it is the share that counts."""
    if rule in _MEASURED:
        return int(np.nanargmax(_size(rule, said)))
    return int(np.flatnonzero(said.flags[rule])[-1])


def _size(rule: Rule, said: Judged) -> Floats:
    """Of each point (n,) how far the rule goes there, NaN where it is missing."""
    return np.abs(said.scores) if rule is Rule.BEYOND else np.maximum(said.above, said.below)


def chart_limits(values: Floats, rows: int, settings: Settings, parameters: ChartSettings) -> Mapping[Rule, float]:
    """By rule the limit of its extent in a window of `rows` values, from a reference (n,), NaN where missing.

    Consecutive values are alike: lots, campaigns, wear. So each block of the reference with as many values as the
    window is judged by limits from the rest of it, and the limit is the bound for one more such block (Student's t),
    but never below what textbooks set for independent values. Empty where the reference varies in too few blocks.
    """
    shown = list(_extents(values, rows, settings))
    if len(shown) < _LEAST_BLOCKS:
        return {}
    bounds: dict[Rule, float] = {}
    for place, rule in enumerate(settings.rules):
        extents = np.array([each[place] for each in shown], dtype=np.float64)
        found = calibrate(extents[:, None], parameters.chance, parameters.least_relative_spread * float(extents.mean()))
        bound = float(found.typical[0] + found.limit * found.spread[0])
        bounds[rule] = max(bound, _textbook(rule, values, rows, settings, parameters))
    return bounds


def _extents(values: Floats, rows: int, settings: Settings) -> Iterable[Sequence[float]]:
    """Of each block with a rest that varies, how far every rule goes in it."""
    known = np.flatnonzero(np.isfinite(values))
    for place in np.linspace(0, len(known) - rows, len(known) // rows).astype(int).tolist():
        start, end = int(known[place]), int(known[place + rows - 1]) + 1
        try:
            found = limits(points_of(np.concatenate([values[:start], values[end:]]), start))
        except UsageError:
            continue
        said = judged(found, values[start:end], settings)
        yield [extent(rule, said) for rule in settings.rules]


def _textbook(rule: Rule, values: Floats, rows: int, settings: Settings, parameters: ChartSettings) -> float:
    """The least limit: 3 sigma, the CUSUM's h; of signals a share that is as rare as the chance."""
    if rule in _MEASURED:
        return 3.0 if rule is Rule.BEYOND else settings.cusum.limit
    said = judged(limits(points_of(values)), values, settings)
    signals = said.flags[rule][np.isfinite(said.scores)]
    least = drift_limits.Settings().least_share
    return drift_limits.share_limit(int(signals.sum()), len(signals), rows, parameters.chance, least)
