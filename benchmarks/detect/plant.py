"""The readings of simulated plants as arrays, for detectors that take rows: healthy ones, and one with slow wear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from benchmarks.bench_false_alarms import batches
from benchmarks.detect.data import Flags
from detectors.shared.rows import running
from monitor.model import Floats
from monitor.simulator.faults import DEFAULT_SCRIPT, FaultKind
from monitor.simulator.history import History, simulate

DAYS = 5.0
SETTLING = 10
"""Running rows after a start or a changeover that are passed over, as the product does."""
WEAR = tuple(fault for fault in DEFAULT_SCRIPT if fault.kind is FaultKind.SLOW_WEAR)
_HOUR_NS = 3600e9


@dataclass(frozen=True, slots=True)
class Stream:
    """A machine on one recipe: values (rows, 8) of the rows that are judged, and their hours since the start."""

    machine: str
    recipe: str
    hours: Floats
    values: Floats


@dataclass(frozen=True, slots=True)
class Wear:
    """Where wear begins, and when its level passes the limit of the sensor, in hours of the history."""

    machine: str
    begins: float
    passes: float


def healthy(seed: int, days: float = DAYS) -> list[Stream]:
    """A plant without faults: changeovers, services, breakdowns and dirty data as ever."""
    return list(_streams(simulate(seed, days=days, faults=(), commissioning_parts=0)))


def worn(seed: int, days: float = DAYS) -> tuple[list[Stream], Wear]:
    """The machine that the demo's slow wear is on, and the truth of it."""
    history = simulate(seed, days=days, faults=WEAR, commissioning_parts=0)
    fault = history.truth["faults"][0]
    begins, passes = (
        (datetime.fromisoformat(fault[name]) - history.start).total_seconds() / 3600
        for name in ("start", "beyond_limits_from")
    )
    return [s for s in _streams(history) if s.machine == fault["subject"]], Wear(fault["subject"], begins, passes)


def _streams(history: History) -> Iterator[Stream]:
    rows: dict[str, list[tuple[NDArray[np.int64], Floats, Flags, NDArray[np.object_]]]] = {}
    for batch in batches(history):
        recipes = np.array(batch.recipes, dtype=object)
        rows.setdefault(batch.machine, []).append((batch.at, batch.values, running(batch.states), recipes))
    began = history.start.timestamp() * 1e9
    for machine, parts in rows.items():
        at, values, runs, recipes = (np.concatenate(column) for column in zip(*parts, strict=True))
        judged = runs & ~settling(runs, recipes)
        for recipe in np.unique(recipes[judged].astype(str)).tolist():
            mine = judged & (recipes == recipe)
            yield Stream(machine, recipe, (at[mine] - began) / _HOUR_NS, values[mine])


def settling(runs: Flags, recipes: NDArray[np.object_], rows: int = SETTLING) -> Flags:
    """The running rows that come less than `rows` running rows after a start or a changeover."""
    out, left = np.zeros(len(runs), dtype=bool), 0
    for row, now in enumerate(runs.tolist()):
        if now and row and (not runs[row - 1] or recipes[row] != recipes[row - 1]):
            left = rows
        out[row] = now and left > 0
        left -= int(now and left > 0)
    return out
