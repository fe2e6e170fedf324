"""Splits of a window's rows: which machine, lot, recipe or time explains best where its scores are off.

A split says: these rows are shifted, the others are as always. Its gain is the log likelihood ratio of a shift of
unknown size among standard normal scores; its price is the length of its description in nats, as in minimum description
length (Rissanen 1978): log n for each end of a stretch of time, the log of how many names could have been named, log 3
for each further lot. The split with the largest gain minus price is the explanation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

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


def splits(scores: Floats, step: str, labels: Sequence[Labels]) -> list[Split]:
    """Every split of the rows, shape (rows,) in order of time, that gains more than it costs; the best first."""
    found = [*_by_time(scores, step)]
    for label in labels:
        found += _SPLITS[label.factor](scores, label)
    worth = [split for split in found if split.score > 0 and split.rows.sum() >= FEWEST]
    return sorted(worth, key=lambda split: (-split.score, split.factor, split.step, split.names))


def _by_time(scores: Floats, step: str) -> Iterator[Split]:
    yield _split(Factor.TIME, step, (), scores, np.arange(len(scores)), 0.0)


def _by_name(scores: Floats, label: Labels) -> Iterator[Split]:
    """Rows of one machine or one recipe, over a stretch of time."""
    names = sorted({name for name in label.names if name})
    known = np.array(label.names)
    for name in names:
        price = math.log(len(names)) + label.price
        yield _split(label.factor, label.step, (name,), scores, np.flatnonzero(known == name), price)


def _by_change(scores: Floats, label: Labels) -> Iterator[Split]:
    """Rows whose recipe is not the one that parts like them are given: the label names the recipe, else it is ''."""
    rows = np.array([bool(name) for name in label.names])
    if rows.any():
        names = tuple(sorted({name for name in label.names if name}))
        yield Split(label.factor, label.step, names, rows, gain(scores[rows]), float(scores[rows].mean()))


def _by_lots(scores: Floats, label: Labels) -> Iterator[Split]:
    """The lots that are off to one side, the farthest first; each further one has its price."""
    lots = sorted({name for name in label.names if name})
    known = np.array(label.names)
    for sign in (1.0, -1.0):
        means = {lot: sign * float(scores[known == lot].mean()) for lot in lots}
        order = sorted((lot for lot in lots if means[lot] > 0), key=lambda lot: (-means[lot], lot))
        best: Split | None = None
        for count in range(1, len(order) + 1):
            rows = np.isin(known, order[:count])
            score = gain(scores[rows]) - math.log(len(lots)) - (count - 1) * math.log(3)
            if best is None or score > best.score:
                names = tuple(sorted(order[:count]))
                best = Split(label.factor, label.step, names, rows, score, float(scores[rows].mean()))
        if best is not None:
            yield best


_SPLITS: Mapping[Factor, Callable[[Floats, Labels], Iterator[Split]]] = {
    Factor.MACHINE: _by_name, Factor.RECIPE: _by_name, Factor.CHANGED_RECIPE: _by_change, Factor.LOT: _by_lots,
}  # fmt: skip


def _split(
    factor: Factor, step: str, names: tuple[str, ...], scores: Floats, among: NDArray[np.intp], price: float
) -> Split:
    """The stretch of these rows that gains most for its ends: an end inside the window has to be named."""
    first, last, score = _stretch(scores[among], among)
    rows = np.zeros(len(scores), dtype=bool)
    rows[among[first:last]] = True
    shift = float(scores[rows].mean()) if rows.any() else 0.0
    return Split(factor, step, names, rows, score - price, shift)


def _stretch(scores: Floats, places: NDArray[np.intp]) -> tuple[int, int, float]:
    """First row, row after the last, and gain minus price of the best stretch of consecutive rows.

    `places`, shape (rows,), are those of the rows in the window. An end inside it costs the choice of a row; where rows
    come in runs, as campaigns do, a coin's toss and the choice of a run if it is the end of one.
    """
    count = len(scores)
    if not count:
        return 0, 0, -math.inf
    sums = np.concatenate([[0.0], np.cumsum(scores)])
    begins, ends = np.arange(count)[:, None], np.arange(1, count + 1)[None, :]
    lengths = ends - begins
    with np.errstate(divide="ignore", invalid="ignore"):
        gained = (sums[ends] - sums[begins]) ** 2 / (2 * lengths)
    cost = _cost_of_ends(places)
    worth = np.where(lengths > 0, gained - cost[begins] - cost[ends], -math.inf)
    first, last = np.unravel_index(int(np.argmax(worth)), worth.shape)
    return int(first), int(last) + 1, float(worth[first, last])


def _cost_of_ends(places: NDArray[np.intp]) -> Floats:
    """The cost of each place between two rows, shape (rows + 1,), as the end of a stretch: none at either border."""
    apart = np.flatnonzero(np.diff(places) > 1) + 1
    cost = np.full(len(places) + 1, math.log(len(places)) + (math.log(2) if len(apart) else 0.0))
    cost[apart] = math.log(2) + math.log(len(apart) + 1)
    cost[[0, -1]] = 0.0
    return cost


def gain(scores: Floats) -> float:
    """The log likelihood ratio of a shift among standard normal scores, in nats."""
    return float(scores.sum() ** 2 / (2 * len(scores))) if len(scores) else 0.0
