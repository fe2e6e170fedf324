"""What is known of the parts as columns of a regression: standardised, with products of components to choose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.model import Floats

COMPONENTS = (0, 8, 16)
"""Leading components whose squares and products are candidates, besides none."""
MOST_COLUMNS = 100
"""Columns of a step at most: a wider block is taken as its leading components."""
_FREE = 1e3  # the scale of columns that are hardly penalised: the constant and what was known before
_CLIP = 6.0


@dataclass(frozen=True, slots=True)
class Design:
    """Columns (parts, columns), and how many of the first ones each candidate has.

    The first ones, the constant and what was known before, are hardly penalised; products come last.
    """

    columns: Floats
    candidates: tuple[int, ...]


def standardised(values: Floats) -> Floats:
    """Columns (parts, columns) of mean 0 and variance 1, missing values at the median; constant columns are left out.

    Values are clipped at six standard deviations.
    """
    there = np.isfinite(values)
    kept = values[:, there.any(axis=0)]
    if not kept.shape[1]:
        return kept
    filled = np.where(np.isfinite(kept), kept, np.nanmedian(kept, axis=0))
    spread, size = filled.std(axis=0), np.abs(filled).max(axis=0)
    varies = spread > 1e-12 * size
    deviations = (filled[:, varies] - filled[:, varies].mean(axis=0)) / spread[varies]
    return np.asarray(np.clip(deviations, -_CLIP, _CLIP))


def components(columns: Floats, most: int) -> Floats:
    """The leading principal components (parts, at most `most`), each of variance 1."""
    if not columns.shape[1]:
        return columns
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    there = sizes > 1e-9 * sizes[0]
    return np.asarray(left[:, there][:, :most] * np.sqrt(len(columns)))


def narrowed(columns: Floats) -> Floats:
    """The columns of a step, or its leading components at their own scale where there are more than `MOST_COLUMNS`."""
    if columns.shape[1] <= MOST_COLUMNS:
        return columns
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, :MOST_COLUMNS] * sizes[:MOST_COLUMNS])


def design_of(before: Floats, known: Floats, most: tuple[int, ...] = COMPONENTS) -> Design:
    """The design of what was known before (parts, n; NaN: nothing) and of standardised columns (parts, columns).

    `most`: how many leading components have products, by candidate.
    """
    free = _FREE * np.hstack([np.ones((len(known), 1)), standardised(before)])
    leading = components(known, max(most))
    pairs = [(i, j) for j in range(leading.shape[1]) for i in range(j + 1)]  # those of the first components come first
    products = [leading[:, i] * leading[:, j] for i, j in pairs]
    crossed = standardised(np.stack(products, axis=1)) if products else known[:, :0]
    first = free.shape[1] + known.shape[1]
    widths = {first + min(k * (k + 1) // 2, crossed.shape[1]) for k in most}
    return Design(np.hstack([free, known, crossed]), tuple(sorted(widths)))
