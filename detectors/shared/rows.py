"""Selection of a batch's rows and columns, shared by all stream detectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.model import STANDING, Floats, MachineBatch, MachineState, Mask

BEYOND = float(np.finfo(np.float32).max)


def running(states: Sequence[MachineState]) -> NDArray[np.bool_]:
    """The rows that detectors judge, shape (rows,): the machine runs, or its state is unknown (no state source)."""
    return np.fromiter((s not in STANDING for s in states), dtype=np.bool_, count=len(states))


def columns(batch: MachineBatch, sensors: Sequence[str]) -> Floats:
    """The batch's values, shape (rows, sensors), in the order of `sensors`; a sensor not in the batch is all NaN.

    Values beyond single precision become NaN, infinite ones among them: no measurement is so large, and a single one
    would corrupt a detector's state for good.
    """
    if batch.sensors == tuple(sensors):
        return _finite(batch.values)
    position = {name: i for i, name in enumerate(batch.sensors)}
    selected = np.full((len(batch), len(sensors)), np.nan)
    for i, name in enumerate(sensors):
        if name in position:
            selected[:, i] = batch.values[:, position[name]]
    return _finite(selected)


def due(batch: MachineBatch, sensor: str) -> Mask:
    """The rows at which a sensor was due, shape (rows,): a value that is only held is no sample."""
    if batch.sampled is None or sensor not in batch.sensors:
        return np.ones(len(batch), np.bool_)
    return np.asarray(batch.sampled[:, batch.sensors.index(sensor)])


def sampling_interval(at: NDArray[np.int64]) -> float:
    """Seconds from row to row of instants (ns): the median, since stops and gaps lie in between; 1 without any."""
    steps = np.diff(at)
    steps = steps[steps > 0]
    return float(np.median(steps)) / 1e9 if len(steps) else 1.0


def _finite(values: Floats) -> Floats:
    beyond = np.abs(values) > BEYOND
    return np.where(beyond, np.nan, values) if beyond.any() else values
