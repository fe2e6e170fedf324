"""How many rows a detector judges in a unit of work, and how large its saved state is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.unit import unit
from detectors.stream.limits import SensorLimits
from detectors.stream.online import MachineAnomaly
from monitor.detection import CONDITION
from monitor.model import Floats, MachineBatch, MachineState, Status
from monitor.ports import StreamDetector

REFERENCE_ROWS, BATCH_ROWS, BATCHES, ROUNDS = 1000, 1000, 20, 5
SENSORS = (8, 52)
_PEER_BATCHES, _WARMING_ROWS = 2, 10_000
_SECOND_NS = 1_000_000_000

Work = Callable[[Floats], object]


def rows_of(sensors: int, rows: int, seed: int = 1) -> Floats:
    """Healthy rows (rows, sensors): half of each sensor's variance is common to all, each remembers its last rows."""
    rng = np.random.default_rng(seed)
    white = rng.normal(size=(rows, sensors)) + rng.normal(size=(rows, 1))
    out, last = np.empty_like(white), np.zeros(sensors)
    for i, row in enumerate(white):
        last = 0.8 * last + row
        out[i] = last
    return out


def rows_a_unit(works: Mapping[str, Work], sensors: int) -> Mapping[str, Any]:
    """Rows of each work, which has learnt its reference, in a unit: by turns, the best of several rounds.

    A work whose name begins with `peer` gets fewer rows: it is slow.
    """
    batches = np.split(rows_of(sensors, BATCH_ROWS * BATCHES, seed=2), BATCHES)
    given = {name: batches[: _PEER_BATCHES if name.startswith("peer") else BATCHES] for name in works}
    taken = [[unit(), *(_seconds(work, given[name]) for name, work in works.items())] for _ in range(ROUNDS)]
    loop, *best = (min(column) for column in zip(*taken, strict=True))
    rates = {name: BATCH_ROWS * len(given[name]) / seconds for (name, seconds) in zip(works, best, strict=True)}
    return {
        "sensors": sensors, "batch_rows": BATCH_ROWS, "unit_seconds": round(loop, 4),
        "rows_a_second": {name: round(rate) for name, rate in rates.items()},
        "rows_a_unit": {name: round(rate * loop) for name, rate in rates.items()},
    }  # fmt: skip


def anomaly(sensors: tuple[str, ...]) -> StreamDetector:
    """The score of a machine without operating limits."""
    return MachineAnomaly(dict.fromkeys(sensors, (None, None)))


def limits(sensors: tuple[str, ...]) -> StreamDetector:
    """Limits that no row reaches."""
    return SensorLimits(dict.fromkeys(sensors, (-1000.0, 1000.0)))


class WholeDetector:
    """A detector as the pipeline runs it, past its warm-up, with batches of a machine that runs."""

    def __init__(self, sensors: int, make: Callable[[tuple[str, ...]], StreamDetector] | None = None) -> None:
        names = tuple(f"s{i}" for i in range(sensors))
        self._detector, self._names, self._rows = (make or anomaly)(names), names, 0
        self._state = self._detector.start()
        for rows in np.split(rows_of(sensors, _WARMING_ROWS), _WARMING_ROWS // BATCH_ROWS):
            self(rows)

    def __call__(self, rows: Floats) -> None:
        """Observe a batch, a row a second."""
        at = (self._rows + np.arange(len(rows), dtype=np.int64)) * _SECOND_NS
        states, recipes = [MachineState.RUN] * len(rows), ["A"] * len(rows)
        batch = MachineBatch("m", self._names, at, rows, states, recipes, offset=self._rows)
        self._state, _ = self._detector.observe(self._state, batch)
        self._rows += len(rows)

    @property
    def status(self) -> Status:
        """Of the machine at the last row."""
        return next(f.status for f in self._detector.current(self._state) if f.method == CONDITION)

    def saved_bytes(self) -> int:
        """Of the state as JSON."""
        return len(json.dumps(self._detector.save(self._state)))


def _seconds(work: Work, batches: list[Floats]) -> float:
    began = time.perf_counter()
    for batch in batches:
        work(batch)
    return time.perf_counter() - began
