"""What a changed mix of recipes and machines explains of a drift, and in which of them, or lots, alone there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.comparing.chance import distance
from detectors.comparing.columns import Column, Labels
from detectors.comparing.columns import Settings as Comparing
from detectors.comparing.measures import of_values
from detectors.shared.numbers import Numbers, blocks, named, numbered, without_gaps
from detectors.window.units import MOST
from monitor.model import Floats, Mask, Window

Groups = tuple[list[tuple[str, ...]], Numbers]
"""The different groups of a window, and the number of each row's."""
KINDS = ("machine", "recipe")
"""What the first elements of a row's group are."""
LOT = "lot"
_AT_ONCE = 2**15
"""Values that are worked on at once, so that they stay near the processor."""


@dataclass(frozen=True, slots=True)
class Slices:
    """Parts of a window: `names`, such as "machine press-2"; `members` (slices, cells): which cells each is made of.

    A cell is what has one group and one lot, if lots are looked at; `cells`, shape (rows,), numbers them, `groups` has
    the group of each.
    """

    names: tuple[str, ...]
    members: Mask
    cells: Numbers
    groups: tuple[tuple[str, ...], ...]


def groups_of(window: Window) -> Groups:
    """The window's groups; one without elements where no row has any."""
    return named(window.groups) if window.groups else ([()] * bool(len(window)), np.zeros(len(window), dtype=np.int64))


def slices_of(window: Window, least_rows: int) -> Slices:
    """Every machine, recipe and lot of the window with enough rows, but those that are the whole of it.

    Of more than `MOST` machines, recipes or lots none is looked at.
    """
    if not (window.groups or window.lots):
        return Slices((), np.zeros((0, 0), dtype=np.bool_), np.empty(0, dtype=np.int64), ())
    group_names, groups = groups_of(window)
    lot_names, lots = [""], np.zeros(len(window), dtype=np.int64)
    if 0 < len(set(window.lots) - {""}) <= MOST:
        lot_names, lots = named(window.lots)
    both, cells = without_gaps(groups * len(lot_names) + lots)
    kinds = [(group_names[i // len(lot_names)], lot_names[i % len(lot_names)]) for i in both.tolist()]
    rows = np.bincount(cells, minlength=len(kinds))
    found: dict[str, dict[str, list[int]]] = {kind: {} for kind in (*KINDS, LOT)}
    for i, (group, lot) in enumerate(kinds):
        for kind, level in (*zip(KINDS, group, strict=False), (LOT, lot)):
            if level:
                found[kind].setdefault(level, []).append(i)
    levels = {
        f"{kind} {level}": cells_of
        for kind, of_kind in found.items()
        if len(of_kind) <= MOST
        for level, cells_of in of_kind.items()
    }
    members = np.zeros((len(levels), len(kinds)), dtype=np.bool_)
    for i, chosen in enumerate(levels.values()):
        members[i, chosen] = True
    kept = (members @ rows >= least_rows) & ~members.all(axis=1)
    names = tuple(name for name, keep in zip(levels, kept, strict=True) if keep)
    return Slices(names, members[kept], cells, tuple(group for group, _ in kinds))


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is usual in each group of a reference: means and numbers of values, by column; of the whole under None."""

    means: dict[tuple[str, ...] | None, Floats]
    counts: dict[tuple[str, ...] | None, Floats]


def baseline(groups: Groups, values: Floats, least_rows: int) -> Baseline:
    """Of every group with enough rows; `values` (columns, rows), NaN where missing."""
    names, numbers = groups
    sums, counts = (part.T for part in sums_of(values, numbers, len(names)))
    found: dict[tuple[str, ...] | None, tuple[Floats, Floats]] = {None: (sums.sum(axis=0), counts.sum(axis=0))}
    for name, rows, total, present in zip(names, np.bincount(numbers).tolist(), sums, counts, strict=True):
        if rows >= least_rows:
            found[name] = total, present
    means = {name: part / np.maximum(count, 1) for name, (part, count) in found.items()}
    return Baseline(means, {name: count for name, (_, count) in found.items()})


def sums_of(values: Floats, cells: Numbers, count: int) -> tuple[Floats, Floats]:
    """The sums and numbers of values (columns, rows) by cell, both (columns, cells); each cell has rows."""
    sizes = np.bincount(cells, minlength=count)
    begins, order = np.cumsum(sizes) - sizes, np.argsort(cells.astype(np.min_scalar_type(count)), kind="stable")
    sums, counts = np.empty((2, len(values), count))
    counts[:] = sizes
    for block in blocks(len(values), values.shape[1], _AT_ONCE):
        part = values[block] if count == 1 else values[block].take(order, axis=1)
        missing = np.isnan(part)
        if missing.any():
            part = np.where(missing, 0.0, part)
            counts[block] -= np.add.reduceat(missing, begins, axis=1, dtype=np.float64)
        np.add.reduceat(part, begins, axis=1, out=sums[block])
    return sums, counts


def shifts(slices: Slices, values: Floats, usual: Baseline) -> tuple[Floats, Floats, Floats]:
    """By column and slice: how far its values lie from what is usual in their groups, how many, and of how many.

    `values` has shape (columns, rows), all others (columns, slices). A row of a group that the reference hardly
    knows is compared with the whole of it. The last is the number of independent rows that the mean of
    what is usual amounts to.
    """
    known = [group if group in usual.means else None for group in slices.groups]
    sums, counts = (part.T for part in sums_of(values, slices.cells, len(known)))
    apart = sums - counts * np.stack([usual.means[name] for name in known])
    members = slices.members.astype(np.float64)
    rows = members @ counts
    names, uses = named(known)
    noise = np.zeros_like(rows)
    for i, name in enumerate(names):
        weight = members @ np.where((uses == i)[:, None], counts, 0.0)
        noise += weight**2 / np.maximum(usual.counts[name], 1)
    several = np.maximum(rows, 1)
    return (members @ apart / several).T, rows.T, (several**2 / np.maximum(noise, 1e-9)).T


@dataclass(frozen=True, slots=True)
class Mix:
    """The share of a distance that a changed mix explains, the distance that remains, and of how many rows it is.

    `reference_rows`: the number of independent rows to which the rows of the reference, weighted, amount.
    """

    explained: float
    remains: float
    reference_rows: float


def mixes(name: str, reference: Window, current: Window, values: tuple[Floats, Floats], least: int) -> Iterator[Mix]:
    """What the shares of recipes, of machines, and of both together, explain of one column's distance.

    A mix with a group of enough rows that the reference does not have explains nothing.
    """
    present = [np.isfinite(part) for part in values]
    for places in ((1,), (0,), (0, 1)):
        labels = [_labels(window, places) for window in (reference, current)]
        if not all(labels):
            continue
        numbers = numbered([*labels[0], *labels[1]])
        groups = (numbers[: len(reference)], numbers[len(reference) :])
        counts = [np.bincount(g[p], minlength=numbers.max() + 1) for g, p in zip(groups, present, strict=True)]
        if (counts[1][counts[0] == 0] >= least).any() or not (counts[0] * counts[1]).any():
            continue
        measure = of_values(Column(name, *values), Labels(groups), Comparing())
        if measure is None:
            continue
        statistic = measure.method.statistic
        whole, remains = (distance(s, measure.cells, statistic) for s in (measure.whole(), measure.by_group()))
        both = counts[0] > 0
        share = counts[1][both] / counts[1][both].sum()
        yield Mix(max(0.0, 1 - remains / whole), remains, float(1 / (share**2 / counts[0][both]).sum()))


def _labels(window: Window, places: Sequence[int]) -> list[tuple[str, ...]]:
    """The elements of each row's group at these places; none where a row does not have them all."""
    found = [tuple(group[i] for i in places if i < len(group)) for group in window.groups]
    return found if all(len(label) == len(places) for label in found) else []


_IN, _ONLY_IN = " for ", " only for "


def in_slice(feature: str, where: str) -> str:
    """That a feature drifts in a slice, in words."""
    return f"{feature}{_IN}{where}"


def only_in(feature: str, where: str) -> str:
    """That a feature drifts in a slice and not in the window as a whole, in words."""
    return f"{feature}{_ONLY_IN}{where}"


def feature_of(words: str) -> str:
    """The feature of which such words speak, or that they are."""
    return words.partition(_ONLY_IN)[0].partition(_IN)[0]
