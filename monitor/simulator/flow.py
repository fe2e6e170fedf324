"""Parts through machines: a queue at each step, with changeovers, tool changes, breakdowns and rework loops.

The machines of a step serve no other step, so the steps are simulated one after the other. Time is counted in working
milliseconds, without pauses, and converted to clock time at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats
from monitor.simulator.machines import MACHINE_STEP, STEPS
from monitor.simulator.shifts import WORK_DAY_MS, Ints, Shifts

NO_REWORK = -1
RUN, IDLE, SETUP, DOWN = range(4)
"""Positions in machines.STATES."""

_MINUTE = 60_000.0
_CYCLE_MS = {"forging": 500_000.0, "machining": 500_000.0, "coating": 245_000.0, "testing": 235_000.0}
_TRANSPORT_MS = {
    "forging": 30 * _MINUTE, "machining": 40 * _MINUTE, "coating": WORK_DAY_MS, "testing": 0.0,
}  # fmt: skip
_LIFE = {"forging": 400, "machining": 60, "coating": 500, "testing": 2000}
"""Parts between two services of the tool, die, nozzle or clamp."""
_REWORK_WAIT_MS, _CHANGEOVER_MS, _SERVICE_MS = 30 * _MINUTE, 10 * _MINUTE, 6 * _MINUTE
_BREAKDOWNS_PER_DAY, _BREAKDOWN_MS = 0.6, (12 * _MINUTE, 40 * _MINUTE)
_MAX_RUN_GAP_MS = 10 * _MINUTE
"""A machine that waits less than this for its next part stays in run."""


@dataclass(frozen=True, slots=True)
class Passes:
    """Every passage of a part through a step, one row each; times in ms since 1970, `wear` in 0..1."""

    part: Ints
    step: Ints
    visit: Ints
    machine: Ints
    start: Ints
    end: Ints
    wear: Floats

    def where(self, rows: NDArray[np.bool_]) -> Passes:
        """The chosen rows."""
        return Passes(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(slots=True)
class _Machine:
    """The state of a machine during the simulation: when it is free, its recipe and what it has done."""

    index: int
    life: int
    breakdowns: list[tuple[float, float]]
    free: float = 0.0
    recipe: int = -1
    served: int = 0
    busy: list[tuple[float, float, int]] = field(default_factory=list)

    def _occupy(self, start: float, length: float, state: int) -> float:
        self.busy.append((start, start + length, state))
        self.free = start + length
        return self.free

    def serve(self, arrival: float, recipe: int, cycle: float) -> tuple[float, float, float]:
        """Start, end and wear of the next part's passage."""
        start = max(arrival, self.free)
        while self.breakdowns and self.breakdowns[0][0] <= start:
            _, length = self.breakdowns.pop(0)
            start = self._occupy(start, length, DOWN)
        if self.recipe not in (-1, recipe):
            start = self._occupy(start, _CHANGEOVER_MS, SETUP)
        if self.served == self.life:
            start, self.served = self._occupy(start, _SERVICE_MS, SETUP), 0
        wear, self.recipe, self.served = (self.served + 0.5) / self.life, recipe, self.served + 1
        return start, self._occupy(start, cycle, RUN), wear


@dataclass(frozen=True, slots=True)
class Flow:
    """The result of a simulation: passes in order of their end, and the states of each machine as (times, codes)."""

    passes: Passes
    states: tuple[tuple[Ints, Ints], ...]


def run_line(release: Floats, recipe: Ints, rework: Ints, shifts: Shifts, rng: np.random.Generator) -> Flow:
    """Send parts through all steps.

    `release` is in working ms since the shifts' origin, `recipe` indexes RECIPES, `rework` is the step
    (index in STEPS) that a part passes twice, or NO_REWORK.
    """
    rows: list[tuple[float, ...]] = []
    machines: list[_Machine] = []
    arrivals = release
    for step, name in enumerate(STEPS):
        machines_of_step = _machines_of(name, float(release[-1]) + 2 * WORK_DAY_MS, rng)
        cycles = _CYCLE_MS[name] * rng.uniform(0.95, 1.05, (release.shape[0], 2))
        rows_of_step = _queue(step, arrivals, recipe, rework == step, cycles, machines_of_step)
        arrivals = _ends(rows_of_step, release.shape[0]) + _TRANSPORT_MS[name]
        rows += rows_of_step
        machines += machines_of_step
    return Flow(_to_passes(rows, shifts), tuple(_state_changes(machine.busy, shifts) for machine in machines))


def _machines_of(step: str, until: float, rng: np.random.Generator) -> list[_Machine]:
    machines_of_step = []
    for index, at in enumerate(MACHINE_STEP):
        if at == step:
            times = np.cumsum(rng.exponential(WORK_DAY_MS / _BREAKDOWNS_PER_DAY, 1 + int(until / WORK_DAY_MS)))
            lengths = rng.uniform(*_BREAKDOWN_MS, times.shape)
            breakdowns = list(zip(times.tolist(), lengths.tolist(), strict=True))
            machines_of_step.append(_Machine(index, _LIFE[step], breakdowns, served=int(rng.integers(_LIFE[step]))))
    return machines_of_step


def _queue(
    step: int,
    arrivals: Floats,
    recipe: Ints,
    reworked: NDArray[np.bool_],
    cycles: Floats,
    machines_of_step: list[_Machine],
) -> list[tuple[float, ...]]:
    """First come, first served, by the machine that has been free longest; a reworked part queues again."""
    waiting = [(arrival, part, 1) for part, arrival in enumerate(arrivals.tolist())]
    heapify(waiting)
    rows: list[tuple[float, ...]] = []
    while waiting:
        arrival, part, visit = heappop(waiting)
        machine = min(machines_of_step, key=lambda m: m.free)
        start, end, wear = machine.serve(arrival, int(recipe[part]), float(cycles[part, visit - 1]))
        rows.append((part, step, visit, machine.index, start, end, wear))
        if visit == 1 and reworked[part]:
            heappush(waiting, (end + _REWORK_WAIT_MS, part, 2))
    return rows


def _ends(rows: list[tuple[float, ...]], parts: int) -> Floats:
    ends = np.zeros(parts)
    for part, _, _, _, _, end, _ in rows:
        ends[int(part)] = max(ends[int(part)], end)
    return ends


def _to_passes(rows: list[tuple[float, ...]], shifts: Shifts) -> Passes:
    table = np.array(rows)
    part, step, visit, machine = table[:, :4].astype(np.int64).T
    start, end = shifts.to_wall(table[:, 4]), shifts.to_wall(table[:, 5])
    passes = Passes(part, step, visit, machine, start, end, table[:, 6])
    order = np.lexsort((visit, part, step, end))
    return Passes(*(getattr(passes, name)[order] for name in Passes.__dataclass_fields__))


def _state_changes(busy: list[tuple[float, float, int]], shifts: Shifts) -> tuple[Ints, Ints]:
    """Times (ms since 1970) and codes of the changes of state; pauses are idle in any case."""
    edges = [(0.0, IDLE)]
    for i, (start, end, state) in enumerate(busy):
        edges.append((start, state))
        gap = busy[i + 1][0] - end if i + 1 < len(busy) else np.inf
        if not (state == RUN and gap < _MAX_RUN_GAP_MS):
            edges.append((end, IDLE))
    times = shifts.to_wall(np.array([time for time, _ in edges]))
    codes = np.array([code for _, code in edges], dtype=np.int64)
    after_pause = codes[np.searchsorted(times, shifts.ends, side="right") - 1]
    times = np.concatenate([times, shifts.starts, shifts.ends])
    codes = np.concatenate([codes, np.full(shifts.starts.shape, IDLE), after_pause])
    order = np.argsort(times, kind="stable")
    times, codes = times[order], codes[order]
    last = np.append(times[1:] != times[:-1], True)
    times, codes = times[last], codes[last]
    new = np.insert(codes[1:] != codes[:-1], 0, True)
    return times[new], codes[new]


def value_at(times: Ints, values: Ints, at: Ints) -> Ints:
    """The value in force at each instant: that of the last change at or before it, or else the first value."""
    in_force: Ints = values[np.maximum(np.searchsorted(times, at, side="right") - 1, 0)]
    return in_force
