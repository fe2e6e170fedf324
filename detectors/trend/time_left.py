"""Trend and time left: how many rows until a level reaches its limit, with an interval.

Pure: `follow(trend, rows) -> trend`, the same bits whatever way the rows are cut, and `forecasts(trend, limits)` at any
moment. The past is kept as block means, fine for the newest rows and twice as coarse at each step back (Datar et al.,
Maintaining Stream Statistics over Sliding Windows, 2002). Times are in rows; the caller turns them into hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.shared.state import pack, require, unpack, whole_number
from detectors.trend.growth import DEFAULTS, Beliefs, Blocks, Explained
from monitor.model import Floats

ROWS = 8
"""Rows of the finest block."""
KEPT = 6
"""Blocks kept of each length."""
LENGTHS = 17
"""Lengths of blocks, each twice the one before: 6 million rows, 73 days of a row a second."""
AHEAD = 4.0
"""How many times as far as the past a forecast looks ahead."""
ESTABLISHED = 0.97
"""The chance of growth from which a trend counts as established."""
TAIL = 0.05
"""The chance on either side of an interval."""
_GRID = 1.08
_NEAREST = 0.5
"""The least distance of a limit from the reference, in units of noise."""
_NODES = ((1 / 6, -(3.0**0.5)), (2 / 3, 0.0), (1 / 6, 3.0**0.5))
"""Weights and nodes of Gauss-Hermite quadrature of three points, for a limit that is known with an error."""


@dataclass(frozen=True, slots=True)
class Trend:
    """The past of several series. `rows`: how many there were; `newest`, (< ROWS, series): rows not yet in a block;
    `means[k]`, (<= KEPT, series): means of blocks of ROWS * 2**k rows, oldest first; `last`, (series,): last values."""

    rows: int
    newest: Floats
    means: tuple[Floats, ...]
    last: Floats


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of one series, in units of its noise; below 0 it is reached from above. `error`: its standard error."""

    series: int
    value: float
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a series reaches a limit. `growth`: the chance that it has a trend. `chances`, (k,): that the limit has been
    reached up to the k-th of `rows` from now. `reached`: it is beyond the limit already, if that is known exactly."""

    limit: Limit
    growth: float
    rows: Floats
    chances: Floats
    reached: bool

    @property
    def established(self) -> bool:
        """Whether the series has a trend."""
        return self.growth >= ESTABLISHED

    @property
    def interval(self) -> tuple[float, float] | None:
        """Rows from now between which the limit is reached, in nine of ten cases; None without a trend.

        Infinity as the end means only that it is not before the beginning: growth may stop. The beginning then is that
        of the cases in which it goes on.
        """
        if self.reached:
            return 0.0, 0.0
        if not self.established:
            return None
        whole = float(self.chances[-1])
        return self.after(TAIL if whole >= 1.0 - TAIL else TAIL * whole), self.after(1.0 - TAIL)

    def after(self, chance: float) -> float:
        """Rows from now after which the limit is reached with this chance; infinity where the forecast ends before."""
        at = int(np.searchsorted(self.chances, chance))
        return float(self.rows[at]) if at < len(self.rows) else float("inf")

    def within(self, rows: float) -> float:
        """The chance that the limit is reached within so many rows, for an alert; 0 without a trend."""
        if self.reached:
            return 1.0
        return float(np.interp(rows, self.rows, self.chances, left=0.0)) if self.established else 0.0


def start(series: int) -> Trend:
    """Before the first row, and after a service: no past."""
    nothing = np.zeros((0, series))
    return Trend(0, nothing, (nothing,) * LENGTHS, np.zeros(series))


def follow(trend: Trend, rows: Floats) -> Trend:
    """Take up rows, shape (n, series), in order of time, in units of each series' noise: 0 is where the reference was.

    A value that is missing or infinite repeats the last one.
    """
    if not len(rows):
        return trend
    known = np.isfinite(rows)
    if not known.all():
        rows = _repeated(rows, known, trend.last)
    joined = np.concatenate([trend.newest, rows])
    whole = len(joined) // ROWS * ROWS
    blocks = joined[:whole].reshape(-1, ROWS, rows.shape[1])
    sums = blocks[:, 0]
    for i in range(1, ROWS):
        sums = sums + blocks[:, i]
    means, arriving = [], (sums / ROWS).astype(np.float32).astype(np.float64)
    for kept in trend.means:
        if not len(arriving):
            means.append(kept)
            continue
        held = np.concatenate([kept, arriving])
        leaving = 2 * ((max(0, len(held) - KEPT) + 1) // 2)
        arriving = ((held[0:leaving:2] + held[1:leaving:2]) / 2.0).astype(np.float32).astype(np.float64)
        means.append(held[leaving:])
    return Trend(trend.rows + len(rows), joined[whole:], tuple(means), rows[-1])


def in_units(trend: Trend, units: Floats) -> Trend:
    """The past divided by units, shape (series,): of one in the series' own units, one in units of their noise."""
    means = tuple(part / units for part in trend.means)
    return Trend(trend.rows, trend.newest / units, means, trend.last / units)


def _repeated(rows: Floats, known: NDArray[np.bool_], last: Floats) -> Floats:
    joined = np.concatenate([last[None], rows])
    place = np.where(np.concatenate([np.ones((1, rows.shape[1]), bool), known]), np.arange(len(joined))[:, None], 0)
    return np.asarray(np.take_along_axis(joined, np.maximum.accumulate(place, axis=0), axis=0)[1:])


def blocks(trend: Trend) -> Blocks:
    """The past as block means in order of time, the rows of no block yet as the last one."""
    parts = [(ROWS * 2.0**k, part) for k, part in reversed(list(enumerate(trend.means))) if len(part)]
    if len(trend.newest):
        parts.append((float(len(trend.newest)), trend.newest.mean(axis=0, keepdims=True)))
    lengths = np.concatenate([np.full(len(part), length) for length, part in parts])
    ends = np.cumsum(lengths) - lengths.sum()
    return Blocks(ends - lengths, ends, np.concatenate([part for _, part in parts]))


def forecasts(trend: Trend, limits: Sequence[Limit], beliefs: Beliefs = DEFAULTS) -> list[Forecast]:
    """A forecast for each limit, from at least two blocks of rows; none before."""
    if trend.rows < 2 * ROWS or not limits:
        return []
    explained = Explained(blocks(trend), beliefs)
    top = np.log(AHEAD * trend.rows) / np.log(_GRID)
    rows = np.unique(np.round(_GRID ** np.arange(0.0, top + 1.0)))
    return [_forecast(trend, explained, limit, rows) for limit in limits]


def _forecast(trend: Trend, explained: Explained, limit: Limit, rows: Floats) -> Forecast:
    side = -1.0 if limit.value < 0 else 1.0
    growth = float(explained.growth[limit.series])
    reached = not limit.error and bool(side * trend.last[limit.series] >= abs(limit.value))
    if growth < ESTABLISHED or reached:
        return Forecast(limit, growth, rows, np.full(len(rows), float(reached)), reached)
    nodes = _NODES if limit.error else ((1.0, 0.0),)
    values = [(weight, side * max(abs(limit.value) + node * limit.error, _NEAREST)) for weight, node in nodes]
    chances = np.sum([weight * explained.reach(limit.series, value, rows) for weight, value in values], axis=0)
    return Forecast(limit, growth, rows, chances, reached)


def save_trend(trend: Trend) -> dict[str, Any]:
    """The trend as JSON values."""
    counts = [len(part) for part in trend.means]
    means = pack(np.concatenate(trend.means), "<f4")
    return {
        "rows": trend.rows,
        "newest": pack(trend.newest),
        "counts": counts,
        "means": means,
        "last": pack(trend.last),
    }


def load_trend(saved: object, series: int) -> Trend:
    """What was given to `save_trend`; ValueError when it is incomplete or damaged."""
    given = require(saved, "a trend", ("rows", "newest", "counts", "means", "last"))
    rows, counts = whole_number(given["rows"], "rows"), given["counts"]
    if not isinstance(counts, list) or len(counts) != LENGTHS:
        raise ValueError(f"the saved state of a trend is damaged: counts is {counts!r}; rebuild it from history")
    ends = np.cumsum([whole_number(count, "counts") for count in counts])
    means = unpack(given["means"], (int(ends[-1]), series), "<f4").astype(np.float64)
    newest = unpack(given["newest"], (rows % ROWS, series))
    return Trend(rows, newest, tuple(np.split(means, ends[:-1])), unpack(given["last"], (series,)))
