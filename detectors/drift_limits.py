"""Limits of drift, read off the reference itself: how far its own blocks are from the rest of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.calibration import calibrate
from detectors.evidently_stats import Distance
from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Settings:
    """How sure a limit is.

    `chance` is the probability that a window of a feature that did not change passes its limit. Blocks are as long
    as the window that is judged, or shorter so that there are `blocks` of them, which errs on the quiet side: a short
    block strays further; more than `most_blocks` are not looked at. A spread of block distances below
    `least_relative_spread` of their mean is luck. No limit is below `least_distance`, Evidently's own threshold for
    this statistic: what is smaller may be certain and is not worth a look. A window with fewer than `least_rows`
    values is not judged.
    """

    chance: float = 1e-5
    blocks: int = 8
    most_blocks: int = 24
    least_relative_spread: float = 0.25
    least_distance: float = 0.1
    least_rows: int = 20


def distance_limit(reference: Floats, rows: int, distance: Distance, settings: Settings) -> float | None:
    """The limit for the distance of `rows` values from a reference sample, in order of arrival and without NaN.

    Values that follow each other are alike: lots, campaigns, tools that wear. A block of consecutive values held
    against the rest of the reference shows how far a healthy window strays, whatever makes it stray. None where the
    reference is too short for that.
    """
    size = min(rows, len(reference) // settings.blocks)
    if size < 2:
        return None
    starts = np.linspace(0, len(reference) - size, min(len(reference) // size, settings.most_blocks)).astype(int)
    found = []
    for start in starts.tolist():
        rest = np.concatenate([reference[:start], reference[start + size :]])
        if rest.min() < rest.max():
            found.append(distance(rest, reference[start : start + size]))
    if len(found) < 3:
        return None
    distances = np.array(found, dtype=np.float64)
    known = calibrate(distances[:, None], settings.chance, settings.least_relative_spread * float(distances.mean()))
    return max(settings.least_distance, float(known.typical[0] + known.limit * known.spread[0]))


def rate_limit(hits: int, of: int, rows: int, chance: float) -> float:
    """The share of `rows` that is passed with a probability below `chance`, after `hits` in `of` earlier rows.

    The beta-binomial prediction from Jeffreys' prior, so that a thing never seen in 500 rows is still allowed to
    happen now and then.
    """
    a, b = hits + 0.5, of - hits + 0.5
    x = np.arange(rows, dtype=np.float64)
    steps = np.log((rows - x) / (x + 1)) + np.log((x + a) / (rows - x - 1 + b))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    weights = np.exp(logs - logs.max())
    beyond = np.cumsum(weights[::-1])[::-1] - weights
    allowed = int(np.argmax(beyond <= chance * weights.sum()))
    return max(allowed, 1) / rows
