"""Four presses made of the hydraulic rig's cycles, on each of which one component gets worse.

The rig ran an experiment in blocks of ten cycles, in which all components change by turns: no stretch of it has one
component worsening over many cycles. A press therefore takes the cycles by the level of its component, from the best to
the worst, and within a level in random order: the other components vary all the time, before the fault as after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from monitor.model import Floats

LEVELS = {
    "cooler": (0, (100, 20, 3)), "valve": (1, (100, 90, 80, 73)), "pump": (2, (0, 1, 2)),
    "accumulator": (3, (130, 115, 100, 90)),
}  # fmt: skip
"""The column of the profile and its levels, from the best to the worst, of each component."""
_LARGEST_REFERENCE, _CHECKED = 500, 50
"""Rows of the best level that are learnt at most, and those that are judged at least."""


@dataclass(frozen=True, slots=True)
class Press:
    """Values (rows, 8), a row a cycle; how many of the first are the reference, and the first row that is worse."""

    name: str
    values: Floats
    reference: int
    worse: int


def presses(curves: Floats, profile: Floats, seed: int) -> Iterator[Press]:
    """A press for each component. `curves`: (cycles, sensors), `profile`: (cycles, 5)."""
    rng = np.random.default_rng(seed)
    for name, (column, levels) in LEVELS.items():
        rows = [rng.permutation(np.flatnonzero(profile[:, column] == level)) for level in levels]
        best = len(rows[0])
        yield Press(name, curves[np.concatenate(rows)], min(_LARGEST_REFERENCE, best - _CHECKED), best)
