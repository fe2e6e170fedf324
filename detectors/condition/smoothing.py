"""Exponential smoothing, how far it strays from a reference it has not seen, and how long a series remembers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from scipy.signal import lfilter

from monitor.model import Floats

_FORGOTTEN = 0.05
"""An autocorrelation below this ends a series' memory."""


def smooth(rows: Floats, weight: float, start: Floats) -> Floats:
    """Exponentially weighted moving averages down the columns, shape (n, columns), from `start`, shape (columns,).

    A recursion row by row: the same bits whatever way the rows are cut. No row gives no row.
    """
    if not len(rows):
        return np.empty_like(rows)
    before = (1.0 - weight) * np.asarray(start, dtype=np.float64)[None, :]
    return np.asarray(lfilter([weight], [1.0, weight - 1.0], rows, axis=0, zi=before)[0])


def row_product(rows: Floats, matrix: Floats) -> Floats:
    """The matrix product (n, k) x (k, columns), a row's bits independent of the rows beside it, unlike with BLAS."""
    return np.asarray(np.einsum("ij,jk->ik", rows, matrix))


def one_sided(rows: int) -> Iterator[tuple[slice, slice, int]]:
    """Splits of a reference in order of time: the rows to fit, the rows held out, and the direction of reading.

    What is held out lies wholly beyond one end of what is fitted, so its error is an extrapolation, as it will be for
    the rows after the reference.
    """
    half, third = rows // 2, rows // 3
    yield slice(0, half), slice(half, rows), 1
    yield slice(half, rows), slice(0, half), -1
    yield slice(0, rows - third), slice(rows - third, rows), 1
    yield slice(third, rows), slice(0, third), -1


def strays(rows: Floats, weight: float) -> Iterator[tuple[Floats, Floats]]:
    """For each of those splits the fitted rows, in the order of reading, and the rows held out after them, smoothed
    from the fitted ones' mean and less it, shape (m, sensors)."""
    for fitted, held_out, direction in one_sided(len(rows)):
        before, after = rows[fitted][::direction], rows[held_out][::direction]
        centred = np.concatenate([before, after]) - before.mean(axis=0)
        yield before, smooth(centred, weight, np.zeros(rows.shape[1]))[len(before) :]


def forward_error(errors: Iterable[Floats], least: float) -> Floats:
    """The root mean square of errors by sensor, arrays of shape (m, sensors) to (sensors,), `least` at least."""
    return rounded(np.maximum(np.sqrt((np.concatenate([*errors]) ** 2).mean(axis=0)), least))


def memory(series: Floats) -> float:
    """The integrated autocorrelation time of a series, shape (n,), in rows: n divided by it is how many independent
    rows say as much about the mean (Sokal, Monte Carlo Methods in Statistical Mechanics, 1997). 1 where nothing moves.
    """
    centred = series - series.mean()
    count = len(centred)
    if not centred.any():
        return 1.0
    spectrum = np.fft.rfft(centred, 2 * count)
    correlation = np.fft.irfft(spectrum * spectrum.conj())[:count]
    correlation = correlation / correlation[0]
    ends = np.flatnonzero(correlation <= _FORGOTTEN)
    end = int(ends[0]) if len(ends) else count
    return float(1.0 + 2.0 * correlation[1:end].sum())


def freedoms(smoothed: Floats, least: float) -> Floats:
    """The degrees of freedom of each sensor of smoothed rows, shape (n, sensors) to (sensors,): independent rows less
    one, `least` at least."""
    return np.array([max(least, len(smoothed) / memory(column) - 1.0) for column in smoothed.T])


def rounded(values: Floats) -> Floats:
    """Values as they are saved: in single precision, so that a saved reference judges by the same numbers."""
    return values.astype(np.float32).astype(np.float64)
