"""Rows that were loaded from files: chosen, put one after the other, and ordered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitor.model import RejectReason
from monitor.sources.lake.fragments import Cells, Damage, joined, take
from monitor.sources.typed.times import Times


@dataclass(slots=True)
class Block:
    """Rows that were loaded: their columns, when they happened and became known, and what was damaged, with when."""

    columns: Mapping[str, Cells]
    at: Times
    places: Times
    damaged: Sequence[tuple[int, Damage]] = ()

    def __len__(self) -> int:
        return len(self.at.micros)

    def take(self, rows: Sequence[int]) -> Block:
        """The given rows, in that order; what is damaged stays."""
        columns = {name: take(cells, rows) for name, cells in self.columns.items()}
        return Block(columns, self.at.take(rows), self.places.take(rows), self.damaged)

    def ordered(self, rows: NDArray[np.intp], keys: Sequence[str]) -> Block:
        """The given rows by place, event and the columns `keys`, so that the order is not that of files or paging."""
        at, places = self.at.micros[rows], self.places.micros[rows]
        order = np.lexsort((at, places))
        if bool(((np.diff(places[order]) == 0) & (np.diff(at[order]) == 0)).any()):
            ranks = [_ranks([str(cell) for cell in take(self.columns[name], rows.tolist())]) for name in keys]
            order = np.lexsort((*reversed(ranks), at, places))
        order = rows[order]
        unchanged = len(order) == len(self) and bool((order == np.arange(len(self))).all())
        return self if unchanged else self.take(order.tolist())


def _ranks(texts: Sequence[str]) -> NDArray[np.int64]:
    """The place of each text in the order of all."""
    return np.asarray(pd.factorize(np.asarray(texts, dtype=object), sort=True)[0], np.int64)


def joined_blocks(blocks: Sequence[Block], names: Sequence[str]) -> Block:
    """Rows one after the other, with these columns."""
    return Block(
        {name: joined([block.columns[name] for block in blocks]) for name in names},
        _times_of([block.at for block in blocks]),
        _times_of([block.places for block in blocks]),
        [pair for block in blocks for pair in block.damaged],
    )


def _times_of(parts: Sequence[Times]) -> Times:
    """Times one after the other."""
    faults: dict[int, RejectReason] = {}
    start = 0
    for part in parts:
        faults |= {start + i: reason for i, reason in part.faults.items()}
        start += len(part.micros)
    return Times(np.concatenate([np.array([], np.int64), *(part.micros for part in parts)]), faults)
