"""Windows of predictions beside outcomes, as a plant with lots makes them."""

from __future__ import annotations

import numpy as np

from detectors.window.performance import COLUMNS
from monitor.model import Window

HOUR = 3_600_000_000_000
GROUPS = (("m1", "r1"), ("m2", "r1"))


def predictions(
    rows: int,
    seed: int,
    bias: float = 0.0,
    lot: float = 0.0,
    noise: float = 1.0,
    naive: float = 9.0,
    fitted: float = 0.0,
) -> Window:
    """Predictions of parts in lots of 40; a share `fitted` of the parts has no outcome that counts.

    The interval is two standard deviations of the noise to each side; the naive baseline errs by `naive`.
    """
    rng = np.random.default_rng(seed)
    truth = 100 + rng.standard_normal(rows)
    shared = np.repeat(rng.standard_normal(rows // 40 + 1), 40)[:rows]
    predicted = truth + bias + lot * shared + noise * rng.standard_normal(rows)
    said = truth + naive * rng.standard_normal(rows)
    known = np.where(rng.random(rows) < fitted, np.nan, truth)
    values = np.column_stack([predicted, predicted - 2 * noise, predicted + 2 * noise, known, said])
    at = np.arange(rows, dtype=np.int64) * HOUR
    groups = tuple(GROUPS[i % 2] for i in range(rows))
    return Window("form", "form", COLUMNS, values, at, np.arange(1, rows + 1, dtype=np.int64), groups)
