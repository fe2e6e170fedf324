"""Machine windows: count, missing, minimum, maximum, sum and sum of squares of each sensor, 5 minutes at a time.

Rows are added to the stored sums one by one, so that the sums are bit-identical however rows are split into batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from monitor.instants import from_micros
from monitor.model import Floats, MachineBatch, Mask
from monitor.store.rows.readings import MachineWindow

WindowKey = tuple[str, datetime]
Totals = dict[str, tuple[int, int, float | None, float | None, float, float]]
"""By sensor: rows, missing, minimum, maximum, total, square total."""


_NO_ROWS = (0, 0, None, None, 0.0, 0.0)


def window_starts(batch: MachineBatch, length: timedelta) -> list[datetime]:
    """The starts of the windows that the batch has rows in."""
    return [from_micros(start) for start in np.unique(_starts(batch, length)).tolist()]


def _starts(batch: MachineBatch, length: timedelta) -> NDArray[np.int64]:
    """The start of each row's window, in microseconds."""
    step = int(length.total_seconds() * 1_000_000)
    return np.asarray(batch.at // 1000 // step * step, dtype=np.int64)


def add(windows: Mapping[WindowKey, Totals], batch: MachineBatch, length: timedelta) -> dict[WindowKey, Totals]:
    """The windows that the batch has rows in, with these rows added; values that are only held are no samples."""
    starts, places = np.unique(_starts(batch, length), return_inverse=True)
    keys = [(batch.machine, from_micros(start)) for start in starts.tolist()]
    before = [[windows.get(key, {}).get(sensor, _NO_ROWS) for sensor in batch.sensors] for key in keys]
    held = np.array(before, dtype=np.float64).reshape(len(keys), len(batch.sensors), len(_NO_ROWS))
    sampled = np.ones(batch.values.shape, np.bool_) if batch.sampled is None else batch.sampled
    missing = np.isnan(batch.values) | ~sampled
    filled = np.where(missing, 0.0, batch.values)
    with np.errstate(over="ignore"):
        squares = filled * filled
    finite = np.where(missing | np.isinf(filled), np.nan, batch.values)
    lows, highs = held[:, :, 2].copy(), held[:, :, 3].copy()
    np.fmin.at(lows, places, finite)
    np.fmax.at(highs, places, finite)
    rows_of, missing_of = (_sums(held[:, :, i], places, mask) for i, mask in ((0, sampled), (1, missing & sampled)))
    totals, squares_of = _sums(held[:, :, 4], places, filled), _sums(held[:, :, 5], places, squares)
    counts = (rows_of.astype(np.int64), missing_of.astype(np.int64))
    columns = [c.tolist() for c in (*counts, _or_none(lows), _or_none(highs), totals, squares_of)]
    rows = (zip(*of_window, strict=True) for of_window in zip(*columns, strict=True))
    return {key: dict(zip(batch.sensors, row, strict=True)) for key, row in zip(keys, rows, strict=True)}


def _sums(before: Floats, places: NDArray[np.int64], values: Floats | Mask) -> Floats:
    """What was there, shape (windows, sensors), and the rows' values, (rows, sensors), added one after the other."""
    cells = np.arange(before.size).reshape(before.shape)
    where = np.concatenate([cells, cells[places]]).ravel()
    added = np.bincount(where, np.concatenate([before, values]).ravel(), before.size)
    return np.asarray(added.reshape(before.shape), dtype=np.float64)


def _or_none(extremes: Floats) -> NDArray[np.object_]:
    boxed = extremes.astype(np.object_)
    boxed[np.isnan(extremes)] = None
    return boxed


def as_rows(windows: Mapping[WindowKey, Totals]) -> list[MachineWindow]:
    """The windows as rows of the store."""
    return [
        MachineWindow(machine, sensor, start, *numbers)
        for (machine, start), totals in windows.items()
        for sensor, numbers in totals.items()
    ]


def from_rows(rows: Iterable[MachineWindow]) -> dict[WindowKey, Totals]:
    """The store's rows as windows."""
    windows: dict[WindowKey, Totals] = {}
    for row in rows:
        windows.setdefault((row.machine, row.start), {})[row.sensor] = row[3:]
    return windows
