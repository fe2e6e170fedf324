"""Distances between two distributions over the same cells, for many pairs at once; 0 where both are equal.

Each takes shares (pairs, k) of the reference and of the current sample and the cells, and returns (pairs,).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detectors.comparing.cells import Cells
from monitor.model import Floats

Statistic = Callable[[Floats, Floats, Cells], Floats]

_RARE = 1e-4
"""What Evidently puts for an empty bin; a millionth of the smallest share where that is no larger."""


def wasserstein(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """The area between both distribution functions, in the scale of the cells."""
    between = np.abs(np.cumsum(reference - current, axis=1))[:, :-1]
    return np.asarray(between @ np.diff(cells.points) / cells.scale)


def energy(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """The energy distance (Székely and Rizzo, 2013): twice the squared area, its root."""
    between = np.cumsum(reference - current, axis=1)[:, :-1]
    return np.asarray(np.sqrt(2 * (between**2 @ np.diff(cells.points))))


def kolmogorov(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """The largest difference of both distribution functions."""
    return np.asarray(np.abs(np.cumsum(reference - current, axis=1)).max(axis=1))


def cramer_von_mises(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """The mean squared difference of both distribution functions over all values."""
    return np.asarray(np.cumsum(reference - current, axis=1) ** 2 @ cells.pooled)


def anderson_darling(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """As Cramér and von Mises, with more weight on the ends (Scholz and Stephens, 1987)."""
    share = cells.pooled
    below = np.cumsum(share)[:-1]
    weights = share[:-1] / (below * (1 - below))
    return np.asarray(np.cumsum(reference - current, axis=1)[:, :-1] ** 2 @ weights)


def means(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """The difference of the means, in the scale of the cells."""
    return np.asarray(np.abs((reference - current) @ ((cells.points - cells.points.min()) / cells.scale)))


def ranks(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """The difference of the mean ranks, as a share of all values; ties have their middle rank."""
    share = cells.pooled
    return np.asarray(np.abs((reference - current) @ (np.cumsum(share) - share / 2)))


def total_variation(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """Half the sum of the differences: the share that would have to move."""
    return np.asarray(np.abs(reference - current).sum(axis=1) / 2)


def chi_square(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """Squared differences over the share of all values."""
    return np.asarray((reference - current) ** 2 @ (1 / cells.pooled))


def hellinger(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """Hellinger's distance, from 0 to 1."""
    return np.asarray(np.sqrt(1 - np.clip(np.sqrt(reference * current).sum(axis=1), 0, 1)))


def jensen_shannon(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """The root of the Jensen-Shannon divergence in nats (Endres and Schindelin, 2003)."""
    middle = (reference + current) / 2
    halves = (_divergence(reference, middle) + _divergence(current, middle)) / 2
    return np.asarray(np.sqrt(np.maximum(halves, 0)))


def kullback_leibler(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """The divergence of the current sample from the reference, in nats, empty bins filled as Evidently does."""
    before, now = _filled(reference), _filled(current)
    before, now = (shares / shares.sum(axis=1, keepdims=True) for shares in (before, now))
    return _divergence(before, now)


def stability_index(reference: Floats, current: Floats, cells: Cells) -> Floats:
    """The population stability index, empty bins filled as Evidently does."""
    before, now = _filled(reference), _filled(current)
    return np.asarray(((before - now) * np.log(before / now)).sum(axis=1))


def _divergence(first: Floats, second: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(first > 0, first * np.log(first / second), 0.0)
    return np.asarray(terms.sum(axis=1))


def _filled(shares: Floats) -> Floats:
    least = np.where(shares > 0, shares, np.inf).min(axis=1, keepdims=True)
    return np.where(shares > 0, shares, np.where(least <= _RARE, least / 1e6, _RARE))
