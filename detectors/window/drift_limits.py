"""Drift limits, derived from the reference: from the distances of its own blocks from the rest of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom

from detectors.shared.calibration import calibrate
from detectors.window.wasserstein import Distance
from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Settings:
    """Parameters of the limits.

    `chance`: the probability that a window of an unchanged feature exceeds its limit. `blocks`: how many blocks of the
    reference are compared with the rest; they are spread out, because neighbouring blocks of one lot are not
    independent. A block is as long as the judged window, or shorter where the reference is short; a shorter block
    deviates more, so the limit errs on the high side. `least_relative_spread`: the minimum standard deviation of block
    distances, relative to their mean; a smaller one is taken for coincidence. `least_distance`: the lowest distance
    limit (standard deviations), Evidently's threshold for this statistic. `least_share`: the lowest limit of a share;
    smaller changes may be significant but are not worth an alert. `least_rows`: the fewest values in a window that are
    judged.
    """

    chance: float = 1e-4
    blocks: int = 8
    least_relative_spread: float = 0.25
    least_distance: float = 0.1
    least_share: float = 0.1
    least_rows: int = 20


def distance_limit(
    reference: Floats, machines: NDArray[np.int64], rows: int, distance: Distance, settings: Settings
) -> float | None:
    """The limit for the distance of `rows` values from `reference`, shape (values,), in order of arrival, no NaN.

    Consecutive values are alike: lots, campaigns, tool wear. The distance of a block of consecutive values from the
    rest of the reference therefore shows how far a healthy window deviates, for whatever reason. Each block
    contributes the distance of its most distant machine (`machines`, shape (values,), numbers them): the tools of two
    machines may have worn alternately during the reference and wear at the same time later. The limit is in the unit
    of `distance`; None where the reference is too short.
    """
    size = min(rows, len(reference) // settings.blocks)
    if size < 4:
        return None
    starts = np.linspace(0, len(reference) - size, settings.blocks).astype(int)
    distances = []
    for start in starts.tolist():
        rest = np.concatenate([reference[:start], reference[start + size :]])
        if rest.min() < rest.max():
            block = slice(start, start + size)
            distances.append(max(distance(rest, part) for part in _parts(reference[block], machines[block])))
    if len(distances) < 3:
        return None
    farthest = np.array(distances, dtype=np.float64)
    min_spread = settings.least_relative_spread * float(farthest.mean())
    calibration = calibrate(farthest[:, None], settings.chance, min_spread)
    return max(settings.least_distance, float(calibration.typical[0] + calibration.limit * calibration.spread[0]))


def _parts(block: Floats, machines: NDArray[np.int64]) -> Iterator[Floats]:
    """The block split by machine; into halves where fewer than two machines made a quarter of it each."""
    large = [m for m in np.unique(machines) if (machines == m).sum() * 4 >= len(block)]
    if len(large) > 1:
        yield from (block[machines == m] for m in large)
    else:
        yield from (block[: len(block) // 2], block[len(block) // 2 :])


@lru_cache(maxsize=4096)
def share_limit(hits: int, total: int, rows: int, settings: Settings) -> float:
    """The share of `rows` that is exceeded with a probability below `chance`, after `hits` in `total` earlier rows.

    The beta-binomial predictive distribution with Jeffreys' prior: an event that never occurred in 500 rows may
    still occur occasionally.
    """
    allowed = int(betabinom.isf(settings.chance, rows, hits + 0.5, total - hits + 0.5))
    return max(settings.least_share, allowed / rows)
