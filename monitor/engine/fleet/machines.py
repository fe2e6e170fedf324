"""Machines of one type compared over sites: how far each sensor's mean is from that of the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from monitor.model import Floats
from monitor.plant.plant import Plant

LEAST = 5
"""Machines of a type, below which the spread among them says nothing."""
LIMIT = 3.5
"""Robust z beyond which a machine is told: of machines that are alike, with a normal spread, 1 in 2000 sensors is."""
_TO_SIGMA = 1.4826
"""The median absolute deviation of a normal distribution times this is its standard deviation."""
_KEYS = ["site", "machine", "sensor"]
_SUMS = ("rows", "missing", "total")


class MachineCompared(NamedTuple):
    """A sensor of a machine beside those of all machines of its type: means, their median, and the robust z.

    `z` is None with fewer than `LEAST` machines, or where more than half of them have the same mean.
    """

    type: str
    site: str
    machine: str
    sensor: str
    samples: int
    mean: float
    median: float
    machines: int
    z: float | None


def summed(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Machine windows added up by site, machine and sensor; memory holds a batch and the sums."""
    sums = [(name, "sum") for name in _SUMS]
    parts: list[pa.Table] = []
    for batch in batches:
        parts.append(_added(pa.Table.from_batches([batch]), sums))
        if len(parts) > 50:
            parts = [_added(pa.concat_tables(parts), sums)]
    return _added(pa.concat_tables(parts), sums) if parts else pa.table({name: [] for name in [*_KEYS, *_SUMS]})


def _added(table: pa.Table, sums: Sequence[tuple[str, str]]) -> pa.Table:
    added = table.group_by(_KEYS).aggregate(sums)
    return added.rename_columns([name.removesuffix("_sum") for name in added.column_names])


def types_of(plant: Plant) -> dict[str, str]:
    """By machine its type: the machine that it is like in the end, itself if it is like none."""

    def root(machine: str) -> str:
        like = plant.machines[machine].like
        return machine if like is None else root(like)

    return {machine: root(machine) for machine in plant.machines}


def compare_machines(sums: pa.Table, types: Mapping[str, str]) -> list[MachineCompared]:
    """Every sensor of every machine with a value beside the others of its type, the farthest first."""
    groups: dict[tuple[str, str], list[tuple[str, str, int, float]]] = {}
    for row in sums.to_pylist():
        samples = row["rows"] - row["missing"]
        if samples > 0 and row["machine"] in types:
            key = types[row["machine"]], row["sensor"]
            groups.setdefault(key, []).append((row["site"], row["machine"], samples, row["total"] / samples))
    found = [one for key, machines in groups.items() for one in _compared(*key, machines)]
    return sorted(found, key=lambda one: (-abs(one.z or 0.0), one.type, one.sensor, one.site, one.machine))


def _compared(type_: str, sensor: str, machines: Sequence[tuple[str, str, int, float]]) -> Iterator[MachineCompared]:
    means = np.array([mean for *_, mean in machines])
    distances = robust_z(means)
    median = float(np.median(means))
    for (site, machine, samples, mean), z in zip(machines, distances, strict=True):
        yield MachineCompared(type_, site, machine, sensor, samples, mean, median, len(machines), z)


def robust_z(values: Floats) -> list[float | None]:
    """Of each value, shape (n,), the distance from the median in robust standard deviations; None where that is 0.

    None too with fewer than `LEAST` values.

    >>> robust_z(np.array([1.0, 2.0, 3.0, 4.0, 50.0]))[-1] > LIMIT
    True
    """
    spread = _TO_SIGMA * float(np.median(np.abs(values - np.median(values)))) if len(values) else 0.0
    if len(values) < LEAST or spread == 0:
        return [None] * len(values)
    distances: list[float | None] = ((values - np.median(values)) / spread).tolist()
    return distances
