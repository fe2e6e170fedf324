"""Rows against each other: contradictions of one page, and the long layout turned into the wide one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitor.model import Floats


def contradicting(frame: pd.DataFrame, key: Sequence[str], content: Sequence[str], values: Floats) -> NDArray[np.bool_]:
    """Rows that share the key columns with a row of other content (the columns of `content` and the values).

    Which of them is right cannot be known, so all are marked; identical rows are not.
    """
    marked = np.zeros(len(frame), np.bool_)
    repeated = np.flatnonzero(frame.duplicated(list(key), keep=False).to_numpy())
    if not repeated.size:
        return marked
    part = frame.iloc[repeated]
    keys = zip(*(part[name].tolist() for name in key), strict=True)
    words = list(zip(*(part[name].tolist() for name in content), strict=True)) or [()] * len(repeated)
    groups: dict[Hashable, list[int]] = {}
    for position, one in zip(repeated.tolist(), keys, strict=True):
        groups.setdefault(one, []).append(position)
    contents = {p: (w, values[p].tobytes()) for p, w in zip(repeated.tolist(), words, strict=True)}
    for positions in groups.values():
        if len({contents[p] for p in positions}) > 1:
            marked[positions] = True
    return marked


def contradicting_long(frame: pd.DataFrame, values: Floats) -> NDArray[np.bool_]:
    """The same for the long layout: one sensor with two numbers, or one instant of a machine with two recipes."""
    instant = ["machine", "at", "available_at"]
    marked = contradicting(frame, [*instant, "sensor"], ["recipe"], values)
    if frame["recipe"].nunique() > 1:
        marked |= contradicting(frame, instant, ["recipe"], np.empty((len(frame), 0)))
    return marked


def widen(frame: pd.DataFrame, values: Floats, names: Sequence[str]) -> tuple[pd.DataFrame, Floats]:
    """Long rows (machine, recipe, sensor, at, available_at; one value each) to one row an instant of a machine.

    Rows come in order of first appearance; a sensor without a row is NaN. Pieces of one instant that became available
    at different times stay separate rows. Identical rows become one.
    """
    wide_columns = ["at", "available_at", "machine", "recipe"]
    if frame.empty:
        return frame[wide_columns], np.empty((0, len(names)))
    group = frame.groupby(["machine", "recipe", "at", "available_at"], sort=False).ngroup().to_numpy()
    _, first = np.unique(group, return_index=True)
    places = {name: i for i, name in enumerate(names)}
    column = np.fromiter((places[s] for s in frame["sensor"]), np.int64, len(frame))
    wide = np.full((len(first), len(names)), np.nan)
    wide[group, column] = values[:, 0]
    return frame.iloc[first][wide_columns].reset_index(drop=True), wide
