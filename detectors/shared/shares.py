"""Limits of a share of rows, such as those without a value: how large it may be by chance."""

from __future__ import annotations

from functools import lru_cache

from scipy.stats import betabinom

LEAST_SHARE = 0.1
"""The lowest limit of a share; smaller changes may be significant but are not worth an alert."""


@lru_cache(maxsize=4096)
def share_limit(hits: int, total: int, rows: int, chance: float, least: float) -> float:
    """The share of `rows` that is exceeded with a probability below `chance`, after `hits` in `total` earlier rows.

    The beta-binomial predictive distribution with Jeffreys' prior: an event that never occurred in 500 rows may
    still occur occasionally.
    """
    allowed = int(betabinom.isf(chance, rows, hits + 0.5, total - hits + 0.5))
    return max(least, allowed / rows)
