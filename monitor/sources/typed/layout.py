"""Checks and conversions across rows: contradictions in a page, and the long layout as a wide one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitor.model import Floats


def mark_contradictions(
    frame: pd.DataFrame, key: Sequence[str], content: Sequence[str], values: Floats
) -> NDArray[np.bool_]:
    """Marks rows, shape (rows,), that have the same key as a row with other content (`content` columns and values).

    As it is unknown which of them is right, all of them are marked; identical rows are not.
    """
    marked = np.zeros(len(frame), np.bool_)
    if len(set(zip(*(_plain(frame[name]) for name in key), strict=True))) == len(frame):
        return marked
    repeated = np.flatnonzero(frame.duplicated(list(key), keep=False).to_numpy())
    part = frame.iloc[repeated]
    keys = zip(*(part[name].tolist() for name in key), strict=True)
    texts = list(zip(*(part[name].tolist() for name in content), strict=True)) or [()] * len(repeated)
    groups: dict[Hashable, list[int]] = {}
    for position, row_key in zip(repeated.tolist(), keys, strict=True):
        groups.setdefault(row_key, []).append(position)
    contents = {p: (text, values[p].tobytes()) for p, text in zip(repeated.tolist(), texts, strict=True)}
    for positions in groups.values():
        if len({contents[p] for p in positions}) > 1:
            marked[positions] = True
    return marked


def _plain(column: pd.Series[Any]) -> list[object]:
    """The values of a column; times as whole numbers, which take a tenth of the time to make."""
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.tolist()
    whole: list[object] = np.asarray(column.array, dtype="M8[ns]").view(np.int64).tolist()
    return whole


def mark_long_contradictions(frame: pd.DataFrame, values: Floats) -> NDArray[np.bool_]:
    """As `mark_contradictions`, for the long layout: two values of a sensor or recipes of a machine at an instant."""
    instant = ["machine", "at", "available_at"]
    marked = mark_contradictions(frame, [*instant, "sensor"], ["recipe"], values)
    if frame["recipe"].nunique() > 1:
        marked |= mark_contradictions(frame, instant, ["recipe"], np.empty((len(frame), 0)))
    return marked


def widen(frame: pd.DataFrame, values: Floats, names: Sequence[str]) -> tuple[pd.DataFrame, Floats]:
    """Converts long rows (machine, recipe, sensor, at, available_at; values of shape (rows, 1)) to wide ones.

    There is one row for each machine and instant, in order of first appearance, with values of shape (rows, names);
    a sensor without a long row is NaN. Long rows of one instant that became available at different times stay
    separate; identical rows are merged.
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
