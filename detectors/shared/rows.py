"""What every detector asks of a batch: which rows count, and which columns are its sensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats, MachineBatch, MachineState

_RUNNING = frozenset({MachineState.RUN, MachineState.UNKNOWN})


def running(states: Sequence[MachineState]) -> NDArray[np.bool_]:
    """Which rows are judged: the machine runs, or nobody says what it does (a plant without a state source)."""
    return np.fromiter((s in _RUNNING for s in states), dtype=np.bool_, count=len(states))


def columns(batch: MachineBatch, sensors: Sequence[str]) -> Floats:
    """The batch's values, shape (rows, sensors), in this order; a sensor that the batch lacks is all NaN.

    An infinite value is a missing one: sources refuse them, and one alone would spoil what a detector learns for ever.
    """
    if batch.sensors == tuple(sensors):
        return _finite(batch.values)
    place = {name: i for i, name in enumerate(batch.sensors)}
    picked = np.full((len(batch), len(sensors)), np.nan)
    for i, name in enumerate(sensors):
        if name in place:
            picked[:, i] = batch.values[:, place[name]]
    return _finite(picked)


def _finite(values: Floats) -> Floats:
    infinite = np.isinf(values)
    return np.where(infinite, np.nan, values) if infinite.any() else values
