"""Conversions of values that change with time, for swapped sensors: the time of a row's event chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.instants import to_micros
from monitor.model import Floats
from monitor.plant.sources import Conversion, ValueColumn
from monitor.sources.typed.arrays import Micros


@dataclass(frozen=True, slots=True)
class Events:
    """When and where the values of rows arose: event times, and names of the `machine` and `sensor` if told."""

    at: Micros
    names: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Scales:
    """The scale and offset of each value."""

    scale: Floats
    offset: Floats

    def repeat(self, times: int) -> Scales:
        """For rows that hold several values."""
        return Scales(np.repeat(self.scale, times), np.repeat(self.offset, times))


def scales_of(column: ValueColumn, events: Events | None) -> Scales | None:
    """The scale and offset of each row; None if all have the column's own."""
    if not column.conversions or events is None:
        return None
    scale, offset = (np.full(len(events.at), value) for value in (column.scale, column.offset))
    # Of two that start together, the one for a single machine or sensor is the last word.
    for entry in sorted(column.conversions, key=lambda c: (c.since, (c.machine is not None) + (c.sensor is not None))):
        holds = _holds(entry, events)
        scale[holds], offset[holds] = entry.scale, entry.offset
    return Scales(scale, offset)


def _holds(entry: Conversion, events: Events) -> NDArray[np.bool_]:
    holds = events.at >= to_micros(entry.since)
    for kind, wanted in (("machine", entry.machine), ("sensor", entry.sensor)):
        if wanted is not None:
            holds &= np.asarray(events.names[kind]) == wanted
    return holds
