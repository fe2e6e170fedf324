"""Simulated machines for the detectors' tests: correlated AR(1) sensors, and what can go wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitor.model import Floats, MachineBatch, MachineState

START = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z in nanoseconds."""
PERIOD = 30_000_000_000
"""30 s in nanoseconds: 2,880 rows a machine and day."""


def ar1(seed: int, rows: int, phi: float, sensors: int = 8, common: float = 0.6) -> Floats:
    """Sensors of unit variance with lag-one correlation `phi`, each sharing `common` of its variance with the rest."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(rows, sensors + 1)) * np.sqrt(1 - phi**2)
    noise[0] /= np.sqrt(1 - phi**2)
    for i in range(1, rows):
        noise[i] += phi * noise[i - 1]
    signs = np.where(np.arange(sensors) % 2, -1.0, 1.0)
    return np.sqrt(common) * signs * noise[:, -1:] + np.sqrt(1 - common) * noise[:, :-1]


def shifted(values: Floats, start: int, sigmas: float, sensors: Sequence[int]) -> Floats:
    """The mean of some sensors moves by `sigmas` at row `start`."""
    changed = values.copy()
    changed[start:, list(sensors)] += sigmas
    return changed


def spread(values: Floats, start: int, factor: float, sensors: Sequence[int]) -> Floats:
    """The deviation of some sensors from 0 grows by `factor` at row `start`."""
    changed = values.copy()
    changed[start:, list(sensors)] *= factor
    return changed


def uncoupled(values: Floats, start: int, sensor: int, seed: int, phi: float) -> Floats:
    """From row `start` one sensor goes its own way: same mean, variance and memory, but apart from the others."""
    changed = values.copy()
    changed[start:, sensor] = ar1(seed, len(values) - start, phi, sensors=1)[:, 0]
    return changed


def batch_of(
    values: Floats,
    start: int = 0,
    stop: int | None = None,
    states: Sequence[MachineState] | None = None,
    recipes: Sequence[str] | None = None,
    machine: str = "press_1",
) -> MachineBatch:
    """Rows [start, stop) of a machine's history as a batch; running and of recipe `a` where not said otherwise."""
    stop = len(values) if stop is None else stop
    count = stop - start
    return MachineBatch(
        machine=machine,
        sensors=tuple(f"s{i}" for i in range(values.shape[1])),
        at=START + PERIOD * np.arange(start, stop, dtype=np.int64),
        values=values[start:stop],
        states=[MachineState.RUN] * count if states is None else list(states[start:stop]),
        recipes=["a"] * count if recipes is None else list(recipes[start:stop]),
        offset=start,
    )
