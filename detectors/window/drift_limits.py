"""Limits of drift, read off the reference itself: how far its own blocks are from the rest of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom

from detectors.shared.calibration import calibrate
from detectors.window.wasserstein import Distance
from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Settings:
    """How sure a limit is.

    `chance` is the probability that a window of a feature that did not change passes its limit. `blocks` are looked
    at, far from each other, because neighbours of one lot would count as two. Each is as long as the window that is
    judged, or shorter where the reference is short, which errs on the quiet side: a short block strays further. A
    spread of block distances below `least_relative_spread` of their mean is luck. No distance limit is below
    `least_distance`, Evidently's own threshold for this statistic, and no limit of a share below `least_share`: what
    is smaller may be certain and is not worth a look. A window with fewer than `least_rows` values is not judged.
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
    """The limit for the distance of `rows` values from a reference sample, in order of arrival and without NaN.

    Values that follow each other are alike: lots, campaigns, tools that wear. A block of consecutive values held
    against the rest of the reference shows how far a healthy window strays, whatever makes it stray. Each block counts
    with its farthest machine (`machines` numbers them): tools of two machines that happened to wear in turns while the
    reference was made may wear in step later. None where the reference is too short for that.
    """
    size = min(rows, len(reference) // settings.blocks)
    if size < 4:
        return None
    starts = np.linspace(0, len(reference) - size, settings.blocks).astype(int)
    found = []
    for start in starts.tolist():
        rest = np.concatenate([reference[:start], reference[start + size :]])
        if rest.min() < rest.max():
            block = slice(start, start + size)
            found.append(max(distance(rest, part) for part in _parts(reference[block], machines[block])))
    if len(found) < 3:
        return None
    farthest = np.array(found, dtype=np.float64)
    known = calibrate(farthest[:, None], settings.chance, settings.least_relative_spread * float(farthest.mean()))
    return max(settings.least_distance, float(known.typical[0] + known.limit * known.spread[0]))


def _parts(block: Floats, machines: NDArray[np.int64]) -> Iterator[Floats]:
    """The block by machine; by halves where one machine, or a crowd of them, made it."""
    large = [m for m in np.unique(machines) if (machines == m).sum() * 4 >= len(block)]
    if len(large) > 1:
        yield from (block[machines == m] for m in large)
    else:
        yield from (block[: len(block) // 2], block[len(block) // 2 :])


def share_limit(hits: int, of: int, rows: int, settings: Settings) -> float:
    """The share of `rows` that is passed with a probability below `chance`, after `hits` in `of` earlier rows.

    The beta-binomial prediction from Jeffreys' prior, so that a thing never seen in 500 rows is still allowed to
    happen now and then.
    """
    allowed = int(betabinom.isf(settings.chance, rows, hits + 0.5, of - hits + 0.5))
    return max(settings.least_share, allowed / rows)
