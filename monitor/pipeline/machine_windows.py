"""Machine windows: count, missing, minimum, maximum, sum and sum of squares of each sensor, 5 minutes at a time.

Rows are added to the stored sums one by one, so that the sums are bit-identical however rows are split into batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import numpy as np

from monitor.instants import from_micros
from monitor.model import Floats, MachineBatch, Mask
from monitor.store.rows.readings import MachineWindow

WindowKey = tuple[str, datetime]
Totals = dict[str, tuple[int, int, float | None, float | None, float, float]]
"""By sensor: rows, missing, minimum, maximum, total, square total."""


def window_starts(batch: MachineBatch, length: timedelta) -> list[datetime]:
    """The start of each row's window."""
    step = int(length.total_seconds() * 1_000_000)
    starts = batch.at // 1000 // step * step
    return [from_micros(s) for s in starts]


def add(windows: Mapping[WindowKey, Totals], batch: MachineBatch, length: timedelta) -> dict[WindowKey, Totals]:
    """The windows that the batch has rows in, with these rows added."""
    starts = window_starts(batch, length)
    places: dict[datetime, list[int]] = {}
    for i, start in enumerate(starts):
        places.setdefault(start, []).append(i)
    added: dict[WindowKey, Totals] = {}
    for start, rows in places.items():
        sampled = np.ones((len(rows), len(batch.sensors)), np.bool_) if batch.sampled is None else batch.sampled[rows]
        window = windows.get((batch.machine, start), {})
        added[batch.machine, start] = _add_rows(window, batch.sensors, batch.values[rows], sampled)
    return added


def _add_rows(window: Totals, sensors: tuple[str, ...], values: Floats, sampled: Mask) -> Totals:
    """The window with the samples added; values that are only held are none."""
    values = np.where(sampled, values, np.nan)
    missing = np.isnan(values)
    filled = np.where(missing, 0.0, values)
    before = [window.get(s, (0, 0, None, None, 0.0, 0.0)) for s in sensors]
    totals = np.add.accumulate(np.vstack([[b[4] for b in before], filled]), axis=0)[-1]
    with np.errstate(over="ignore"):
        squares = np.add.accumulate(np.vstack([[b[5] for b in before], filled * filled]), axis=0)[-1]
    lows = np.where(missing, np.inf, values).min(axis=0)
    highs = np.where(missing, -np.inf, values).max(axis=0)
    counts = sampled.sum(axis=0)
    missing_counts = (missing & sampled).sum(axis=0)
    return {
        s: (
            before[j][0] + int(counts[j]),
            before[j][1] + int(missing_counts[j]),
            _extreme(min, before[j][2], float(lows[j])),
            _extreme(max, before[j][3], float(highs[j])),
            float(totals[j]),
            float(squares[j]),
        )
        for j, s in enumerate(sensors)
    }


def _extreme(choose: Callable[[float, float], float], before: float | None, new: float) -> float | None:
    if not np.isfinite(new):
        return before
    return new if before is None else choose(before, new)


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
