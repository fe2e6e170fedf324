"""Splits of a window's rows: which machine, lot, recipe or time explains best where its scores are off.

A split says: these rows are shifted, the others are as always. Its gain is the log likelihood ratio of a shift of
unknown size among standard normal scores, of which those of one lot correlate; its price is the length of its
description in nats, as in minimum description length (Rissanen 1978): log n for each end of a stretch of time, the log
of how many names could have been named, log 3 for each further lot. The split with the largest gain minus price is the
explanation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from detectors.attribution.likeness import Scored
from monitor.model import Floats, Mask

FEWEST = 5
"""Rows that a split must call shifted."""


class Factor(StrEnum):
    """What the rows of a split have in common."""

    TIME = "time"
    MACHINE = "machine"
    RECIPE = "recipe"
    CHANGED_RECIPE = "changed_recipe"
    LOT = "lot"


@dataclass(frozen=True, slots=True)
class Labels:
    """A label of each row: the machine, recipe or lot it belongs to at a step; '' where it has none.

    `price`: nats that naming this label costs beside others, such as the machines of another step.
    """

    factor: Factor
    step: str
    names: Sequence[str]
    price: float = 0.0


@dataclass(frozen=True, slots=True)
class Split:
    """A split: what it names, which rows it calls shifted, and its score (gain minus price, in nats).

    `shift` is the mean score of its rows, in standard deviations of what is usual.
    """

    factor: Factor
    step: str
    names: tuple[str, ...]
    rows: Mask
    score: float
    shift: float


def splits(scored: Scored, step: str, labels: Sequence[Labels]) -> list[Split]:
    """Every split of the rows that gains more than it costs; the best first."""
    found = [_split(Factor.TIME, step, (), scored, np.arange(len(scored.scores)), 0.0)] if len(scored.scores) else []
    for label in labels:
        found += _SPLITS[label.factor](scored, label)
    worth = [split for split in found if split.score > 0 and split.rows.sum() >= FEWEST]
    return sorted(worth, key=lambda split: (-split.score, split.factor, split.step, split.names))


def _by_name(scored: Scored, label: Labels) -> Iterator[Split]:
    """Rows of one machine or one recipe, over a stretch of time."""
    names = sorted({name for name in label.names if name})
    known = np.array(label.names)
    for name in names:
        price = math.log(len(names)) + label.price
        yield _split(label.factor, label.step, (name,), scored, np.flatnonzero(known == name), price)


def _by_change(scored: Scored, label: Labels) -> Iterator[Split]:
    """Rows whose recipe is not the one that parts like them are given: the label names the recipe, else it is ''."""
    rows = np.array([bool(name) for name in label.names])
    if rows.any():
        names = tuple(sorted({name for name in label.names if name}))
        yield _of_rows(label, names, scored, rows, 0.0)


def _by_lots(scored: Scored, label: Labels) -> Iterator[Split]:
    """The lots that are off to one side, the farthest first; each further one has its price."""
    lots = sorted({name for name in label.names if name})
    known = np.array(label.names)
    for sign in (1.0, -1.0):
        means = {lot: sign * float(scored.scores[known == lot].mean()) for lot in lots}
        order = sorted((lot for lot in lots if means[lot] > 0), key=lambda lot: (-means[lot], lot))
        tried = [
            _of_rows(
                label, tuple(sorted(order[:count])), scored, np.isin(known, order[:count]),
                math.log(len(lots)) + (count - 1) * math.log(3),
            )
            for count in range(1, len(order) + 1)
        ]  # fmt: skip
        if tried:
            yield max(tried, key=lambda split: split.score)


_SPLITS: Mapping[Factor, Callable[[Scored, Labels], Iterator[Split]]] = {
    Factor.MACHINE: _by_name, Factor.RECIPE: _by_name, Factor.CHANGED_RECIPE: _by_change, Factor.LOT: _by_lots,
}  # fmt: skip


def _of_rows(label: Labels, names: tuple[str, ...], scored: Scored, rows: Mask, price: float) -> Split:
    return Split(label.factor, label.step, names, rows, scored.gain(rows) - price, float(scored.scores[rows].mean()))


def _split(
    factor: Factor, step: str, names: tuple[str, ...], scored: Scored, among: NDArray[np.intp], price: float
) -> Split:
    """The stretch of these rows that gains most for its ends: an end inside the window has to be named."""
    first, last, score = _stretch(scored, among)
    rows = np.zeros(len(scored.scores), dtype=bool)
    rows[among[first:last]] = True
    return Split(factor, step, names, rows, score - price, float(scored.scores[rows].mean()))


def _stretch(scored: Scored, places: NDArray[np.intp]) -> tuple[int, int, float]:
    """First row, row after the last, and gain minus price of the best stretch of consecutive rows.

    `places`, shape (rows,), are those of the rows in the window. An end inside it costs the choice of a row; where rows
    come in runs, as campaigns do, a coin's toss and the choice of a run if it is the end of one.
    """
    count = len(places)
    pulls = np.concatenate([[0.0], np.cumsum(scored.pulled[places])])
    corner = np.zeros((count + 1, count + 1))
    corner[1:, 1:] = scored.weights[np.ix_(places, places)].cumsum(axis=0).cumsum(axis=1)
    own = np.diag(corner)
    weight = own[None, :] + own[:, None] - 2 * corner
    cost = _cost_of_ends(places)
    with np.errstate(divide="ignore", invalid="ignore"):
        gained = (pulls[None, :] - pulls[:, None]) ** 2 / (2 * weight)
    forward = np.arange(count + 1)[:, None] < np.arange(count + 1)[None, :]
    worth = np.where(forward & (weight > 0), gained - cost[:, None] - cost[None, :], -math.inf)
    first, last = np.unravel_index(int(np.argmax(worth)), worth.shape)
    return int(first), int(last), float(worth[first, last])


def _cost_of_ends(places: NDArray[np.intp]) -> Floats:
    """The cost of each place between two rows, shape (rows + 1,), as the end of a stretch: none at either border."""
    apart = np.flatnonzero(np.diff(places) > 1) + 1
    cost = np.full(len(places) + 1, math.log(len(places)) + (math.log(2) if len(apart) else 0.0))
    cost[apart] = math.log(2) + math.log(len(apart) + 1)
    cost[[0, -1]] = 0.0
    return cost
