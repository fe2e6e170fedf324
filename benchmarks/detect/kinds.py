"""What of a simulated machine's faults is found, and after how many rows: eight correlated AR(1) sensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.detect.measures import IN_A_ROW
from benchmarks.detect.scoring import first_run
from benchmarks.detect.subject import Product
from monitor.model import Floats

_REFERENCE, _BEFORE, _AFTER, _MEMORY = 1000, 500, 4000, 0.5
_SENSORS, _COMMON = 8, 0.6

Fault = Callable[[Floats, np.random.Generator], None]


def _shift(sigmas: float) -> Fault:
    def apply(rows: Floats, rng: np.random.Generator) -> None:
        rows[:, 2] += sigmas

    return apply


def _scatter(factor: float, sensors: Sequence[int]) -> Fault:
    def apply(rows: Floats, rng: np.random.Generator) -> None:
        rows[:, list(sensors)] *= factor

    return apply


def _wear(sigmas_in_1000: float) -> Fault:
    def apply(rows: Floats, rng: np.random.Generator) -> None:
        rows[:, 4] += sigmas_in_1000 * np.arange(len(rows)) / 1000

    return apply


def _uncoupled(rows: Floats, rng: np.random.Generator) -> None:
    rows[:, 6] = _sensors(len(rows), 1, rng)[:, 0]


def _dead(rows: Floats, rng: np.random.Generator) -> None:
    rows[:, 1] = np.nan


def _one_wild(rows: Floats, rng: np.random.Generator) -> None:
    rows[0, 3] = 1e6


def _load(rows: Floats, rng: np.random.Generator) -> None:
    rows += np.sqrt(_COMMON) * 1.5


FAULTS: Mapping[str, Fault] = {
    "one sensor moves by 1 sigma": _shift(1.0),
    "one sensor moves by 2 sigma": _shift(2.0),
    "one sensor moves by 5 sigma": _shift(5.0),
    "one sensor wears by 1 sigma in 1,000 rows": _wear(1.0),
    "one sensor wears by 4 sigma in 1,000 rows": _wear(4.0),
    "one sensor scatters twice as much": _scatter(2.0, [4]),
    "all sensors scatter half as much again": _scatter(1.5, range(_SENSORS)),
    "one sensor no longer moves with the others": _uncoupled,
    "all sensors move as by more load (1.5 sigma)": _load,
    "a sensor dies (no alarm here)": _dead,
    "one wild sample (no alarm)": _one_wild,
}


def _sensors(rows: int, sensors: int, rng: np.random.Generator) -> Floats:
    noise = rng.normal(size=(rows, sensors)) * np.sqrt(1 - _MEMORY**2)
    noise[0] /= np.sqrt(1 - _MEMORY**2)
    for row in range(1, rows):
        noise[row] += _MEMORY * noise[row - 1]
    return noise


def machine(rows: int, rng: np.random.Generator) -> Floats:
    """Sensors of variance 1 that share 60 % of it, shape (rows, 8)."""
    noise = _sensors(rows, _SENSORS + 1, rng)
    return np.asarray(np.sqrt(_COMMON) * noise[:, -1:] + np.sqrt(1 - _COMMON) * noise[:, :-1])


def fault_kinds(seeds: Sequence[int]) -> Mapping[str, Any]:
    """For each fault and limit: in how many machines it was found, and the median number of rows it took."""
    found: dict[str, dict[str, list[int | None]]] = {name: {"flag": [], "page": []} for name in FAULTS}
    for seed in seeds:
        whole = machine(_REFERENCE + _BEFORE + _AFTER, np.random.default_rng(seed))
        for number, (name, fault) in enumerate(FAULTS.items()):
            rows = whole.copy()
            fault(rows[_REFERENCE + _BEFORE :], np.random.default_rng((seed, number)))
            judging = Product().fit(rows[:_REFERENCE])
            scores = judging.score(rows)[_REFERENCE + _BEFORE :]
            for what, limit in (("flag", 1.0), ("page", Product.page_limit)):
                found[name][what].append(first_run(scores > limit, IN_A_ROW))
    return {name: {what: _told(rows) for what, rows in by.items()} for name, by in found.items()}


def _told(rows: Sequence[int | None]) -> Mapping[str, Any]:
    known = [row for row in rows if row is not None]
    return {"found": len(known), "of": len(rows), "median_rows": float(np.median(known)) if known else None}
