"""Windows of parts that are known and that wait, as a line makes them whose noise depends on an input."""

from __future__ import annotations

import numpy as np

from detectors.window.before_outcomes import COLUMNS
from monitor.model import Floats, Window

INPUTS = ("form.noise", "form.other", "form.lot")


def parts(
    rows: int, seed: int, shift: float = 0.0, scale: float = 1.0, claims: bool = True, known: bool = True
) -> Window:
    """Calibrated predictions: the error is normal with the deviation that is claimed, an interval covers 90 %.

    `shift` moves the input that the noise depends on, `scale` the true error beyond what is claimed; without `claims`
    every part claims the same. Lots of 30 share an input. Unless `known`, the losses are not there.
    """
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((rows, len(INPUTS)))
    inputs[:, 2] = np.repeat(rng.standard_normal(rows // 30 + 1), 30)[:rows]
    inputs[:, 0] += shift
    deviation = np.exp(0.3 * inputs[:, 0])
    error = scale * deviation * rng.standard_normal(rows)
    half = 1.6449 * (deviation if claims else np.full(rows, 1.05))
    loss = np.column_stack([np.abs(error), (np.abs(error) > half).astype(np.float64)])
    loss = loss if known else np.full_like(loss, np.nan)
    values = np.column_stack([20 + inputs[:, 1], half, np.full(rows, 0.3) + 0.1 * rng.random(rows), loss, inputs])
    return window(values)


def window(values: Floats) -> Window:
    """A window of these rows."""
    at = 3_600_000_000_000 * np.arange(len(values), dtype=np.int64)
    return Window("form", "form", (*COLUMNS, *INPUTS), values, at, np.arange(1, len(values) + 1, dtype=np.int64))
