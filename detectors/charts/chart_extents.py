"""How far the rules of control charts go in windows: of many charts at once, and of one in full."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.spc.limits import Limits
from detectors.spc.memory import begin_cusum, cusum
from detectors.spc.points import Points, of_values
from detectors.spc.rules import Rule
from detectors.spc.watching import Judged, Settings, begin, judge
from monitor.model import Floats

MEASURED = (Rule.BEYOND, Rule.CUSUM)
"""Rules whose extent is a size, not a share of points; those of many charts are computed at once."""


def points_of(values: Floats, seam: int | None = None) -> Points:
    """A point a value (n,); no range and no pattern reaches across a `seam`, before which something was cut out."""
    breaks = np.zeros(len(values), np.bool_)
    if seam is not None and seam < len(values):
        breaks[seam] = True
    return of_values(values, breaks)


def judged(found: Limits, values: Floats, settings: Settings) -> Judged:
    """A window's values (n,), NaN where missing, from its first one on."""
    return judge(found, begin(settings), points_of(values), settings)[1]


def peak(rule: Rule, said: Judged) -> int:
    """The point where the rule goes farthest; the newest that signals where it is the share that counts."""
    if rule in MEASURED:
        size = np.abs(said.scores) if rule is Rule.BEYOND else np.maximum(said.above, said.below)
        return int(np.nanargmax(size))
    return int(np.flatnonzero(said.flags[rule])[-1])


def extents(charts: Sequence[tuple[Limits, Floats]], settings: Settings) -> Floats:
    """How far each rule goes in each chart's window (rules, charts); a window (n,) has a value, NaN where missing.

    The largest deviation in sigmas for rule 1, the highest one-sided sum for CUSUM; of any other rule the share of
    points that signal. The numbers are those of `judged`, to the bit.
    """
    scores = [limits.scale.scores(values[np.isfinite(values)]) for limits, values in charts]
    others = any(rule not in MEASURED for rule in settings.rules)
    said = [judged(limits, values, settings) for limits, values in charts] if others else []
    found = np.empty((len(settings.rules), len(charts)))
    for place, rule in enumerate(settings.rules):
        if rule is Rule.BEYOND:
            found[place] = [np.abs(each).max() for each in scores]
        elif rule is Rule.CUSUM:
            found[place] = _highest_sums(scores, settings)
        else:
            found[place] = [each.flags[rule][np.isfinite(each.scores)].mean() for each in said]
    return found


def _highest_sums(scores: Sequence[Floats], settings: Settings) -> Floats:
    """Of each chart (charts,) the highest one-sided sum; infinite scores are left out."""
    kept = [each[np.isfinite(each)] for each in scores]
    # Below its scores a chart is filled up with missing ones, after which its sums are missing too.
    together = np.full((max(map(len, kept), default=0) + 1, len(kept)), np.nan)
    for chart, each in enumerate(kept):
        together[: len(each), chart] = each
    _, above, below = cusum(together, begin_cusum(settings.cusum, len(kept)), settings.cusum)
    return np.asarray(np.fmax.reduce(np.maximum(above.sums, below.sums), axis=0))
