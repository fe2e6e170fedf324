"""How far the rules of control charts go in a window and in healthy ones: limits from the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from detectors.charts.chart_extents import MEASURED, extents, judged, points_of
from detectors.shared.calibration import calibrate
from detectors.shared.shares import LEAST_SHARE, share_limit
from detectors.spc.limits import Limits, limits
from detectors.spc.rules import Rule
from detectors.spc.watching import Settings
from monitor.errors import UsageError
from monitor.model import Floats

BLOCKS = 8
"""So many times as long as what is judged a reference is, at least."""
_LEAST_BLOCKS = 3
_ROUND = 5


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


def judged_rows(rows: int, reference_rows: int, parameters: ChartSettings) -> int:
    """How many of a window's newest values are judged: at most an eighth as many as the reference has; 0: too few.

    A multiple of 5 or the fewest that may be, because each number has limits of its own, which take long to make, and a
    machine's share of a window changes with every part.
    """
    most, least = min(rows, reference_rows // BLOCKS), parameters.least_rows
    return 0 if most < least else max(most - most % _ROUND, least)


def chart_limits(values: Floats, rows: int, settings: Settings, parameters: ChartSettings) -> Mapping[Rule, float]:
    """By rule the limit of its extent in a window of `rows` values, from a reference (n,), NaN where missing.

    Consecutive values are alike: lots, campaigns, wear. So each block of the reference with as many values as the
    window is judged by limits from the rest of it, and the limit is the bound for one more such block (Student's t),
    but never below what textbooks set for independent values. Empty where the reference varies in too few blocks.
    """
    shown = list(_blocks(values, rows))
    if len(shown) < _LEAST_BLOCKS:
        return {}
    bounds: dict[Rule, float] = {}
    for rule, each in zip(settings.rules, extents(shown, settings), strict=True):
        found = calibrate(each[:, None], parameters.chance, parameters.least_relative_spread * float(each.mean()))
        bound = float(found.typical[0] + found.limit * found.spread[0])
        bounds[rule] = max(bound, _textbook(rule, values, rows, settings, parameters))
    return bounds


def _blocks(values: Floats, rows: int) -> Iterator[tuple[Limits, Floats]]:
    """Each block with a rest that varies: the limits from the rest, and its values."""
    known = np.flatnonzero(np.isfinite(values))
    for place in np.linspace(0, len(known) - rows, len(known) // rows).astype(int).tolist():
        start, end = int(known[place]), int(known[place + rows - 1]) + 1
        try:
            found = limits(points_of(np.concatenate([values[:start], values[end:]]), start))
        except UsageError:
            continue
        yield found, values[start:end]


def _textbook(rule: Rule, values: Floats, rows: int, settings: Settings, parameters: ChartSettings) -> float:
    """The least limit: 3 sigma, the CUSUM's h; of signals a share that is as rare as the chance."""
    if rule in MEASURED:
        return 3.0 if rule is Rule.BEYOND else settings.cusum.limit
    said = judged(limits(points_of(values)), values, settings)
    signals = said.flags[rule][np.isfinite(said.scores)]
    return share_limit(int(signals.sum()), len(signals), rows, parameters.chance, LEAST_SHARE)
