"""How many rows a detector judges in a unit of work, and how large its saved state is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from monitor.model import Floats

REFERENCE_ROWS, BATCH_ROWS, BATCHES, ROUNDS = 1000, 1000, 50, 5
_PEER_ROWS = 2000

Work = Callable[[Floats], object]


def unit() -> float:
    """Seconds of a fixed loop: what a core can do, measured beside what it did."""
    total, began = 0, time.perf_counter()
    for i in range(10_000_000):
        total += i * i % 7
    return time.perf_counter() - began


def rows_of(sensors: int, rows: int, seed: int = 1) -> Floats:
    """Healthy rows (rows, sensors): half of each sensor's variance is common to all, each remembers its last rows."""
    rng = np.random.default_rng(seed)
    white = rng.normal(size=(rows, sensors)) + rng.normal(size=(rows, 1))
    out, last = np.empty_like(white), np.zeros(sensors)
    for i, row in enumerate(white):
        last = 0.8 * last + row
        out[i] = last
    return out


def rows_a_unit(make: Callable[[Floats], Work], sensors: int, peer: Callable[[Floats], Work]) -> Mapping[str, Any]:
    """Ours and a peer's, by turns with the unit, the best of several rounds; each learns the same reference first."""
    rows = rows_of(sensors, REFERENCE_ROWS + BATCH_ROWS * BATCHES)
    reference, batches = rows[:REFERENCE_ROWS], np.split(rows[REFERENCE_ROWS:], BATCHES)
    ours, theirs = make(reference), peer(reference)
    ours(batches[0])
    taken = [
        (unit(), _seconds(ours, batches), _seconds(theirs, [batches[0], batches[1]][: _PEER_ROWS // BATCH_ROWS]))
        for _ in range(ROUNDS)
    ]
    loop, mine, other = (min(column) for column in zip(*taken, strict=True))
    return {
        "sensors": sensors, "batch_rows": BATCH_ROWS, "unit_seconds": round(loop, 4),
        "rows_a_second": round(BATCHES * BATCH_ROWS / mine), "rows_a_unit": round(BATCHES * BATCH_ROWS / mine * loop),
        "peer_rows_a_unit": round(_PEER_ROWS / other * loop),
    }  # fmt: skip


def _seconds(work: Work, batches: list[Floats]) -> float:
    began = time.perf_counter()
    for batch in batches:
        work(batch)
    return time.perf_counter() - began
