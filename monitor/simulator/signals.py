"""The rows of the historian: sensor samples in wide rows and machine states, with faults and dirty data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats
from monitor.simulator.faults import Fault, FaultKind, FaultTruth, full_drift
from monitor.simulator.flow import RUN, Flow, value_at
from monitor.simulator.machines import (
    MACHINE_CODES,
    MACHINES,
    RECIPES,
    SAMPLE_MS,
    SENSORS,
    STATE_CODES,
    read_sensors,
    sensor_noise,
)  # fmt: skip
from monitor.simulator.records import UNKNOWN_MACHINE
from monitor.simulator.shifts import Ints, to_datetime, to_ms
from monitor.simulator.tables import Rows, equip_state, sort_by_posting, trend_wide

_STAGGER_MS = 4000
"""The machines are sampled one after the other."""
_GAP_SHARE, _DUPLICATE_SHARE, _UNKNOWN_ROWS = 0.0002, 0.0005, 5
_BLACKOUT_S, _DAY_MS = (240, 480), 86_400_000
"""Once a day the connection of each machine is down for that long; its rows then arrive all at once."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Rows of the historian, and counts of dirty data by kind."""

    rows: tuple[Rows, ...]
    dirt: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Trace:
    at: Ints
    posted: Ints
    recipe: Ints
    values: Floats
    late: int


def record_signals(
    flow: Flow, recipe: Ints, script: Sequence[Fault], truths: Sequence[FaultTruth], start: int, end: int,
    rng: np.random.Generator,
) -> Signals:  # fmt: skip
    """TREND_WIDE and EQUIP_STATE of [start, end) in ms; `recipe` is the one on the machine, per passage."""
    samples = (end - start) // SAMPLE_MS
    noise = sensor_noise(samples, rng)
    traces = []
    for machine in range(len(MACHINES)):
        at = start + machine * _STAGGER_MS + SAMPLE_MS * np.arange(samples, dtype=np.int64)
        values, on_machine = _healthy(flow, recipe, machine, at, noise[:, machine])
        running = value_at(*flow.states[machine], at) == RUN
        for fault, truth in zip(script, truths, strict=True):
            if fault.sensor and fault.subject == MACHINES[machine]:
                values = _apply_sensor_fault(values, at, running, fault, truth)
        values[rng.random(values.shape) < _GAP_SHARE] = np.nan
        posted, late = _posting(at, start, end, rng)
        traces.append(_Trace(at, posted, on_machine, values, late))
    readings, dirt = _wide_rows(traces, rng)
    return Signals((readings, _state_rows(flow, start, end)), dirt)


def _healthy(flow: Flow, recipe: Ints, machine: int, at: Ints, noise: Floats) -> tuple[Floats, Ints]:
    """Values (rows, 8) and the recipe on the machine, which stays until the next part with another one."""
    passes, rows = flow.passes, np.flatnonzero(flow.passes.machine == machine)
    rows = rows[np.argsort(passes.start[rows], kind="stable")]
    current = value_at(passes.start[rows], rows, at)
    running = value_at(*flow.states[machine], at) == RUN
    return read_sensors(machine, at, running, recipe[current], passes.wear[current], noise), recipe[current]


def _apply_sensor_fault(
    values: Floats, at: Ints, running: NDArray[np.bool_], fault: Fault, truth: FaultTruth
) -> Floats:
    """The values with the fault of one sensor applied."""
    column, values = SENSORS.index(fault.sensor), values.copy()
    during = (at >= to_ms(truth.start)) & (at < to_ms(truth.end))
    if fault.kind is FaultKind.DEAD_SENSOR:
        values[during, column] = np.nan
    elif fault.kind is FaultKind.STUCK_SENSOR:
        before = np.flatnonzero(running & (at < to_ms(truth.start)))
        last = before[-1] if before.size else int(np.argmax(during))
        values[during, column] = values[last, column]
    elif fault.duration is not None:
        elapsed = (at - to_ms(truth.start)) / (fault.duration.total_seconds() * 1000.0)
        working = during & running
        values[working, column] += full_drift(fault) * elapsed[working]
    return values


def _posting(at: Ints, start: int, end: int, rng: np.random.Generator) -> tuple[Ints, int]:
    """When each sample reached the historian, and how many came late."""
    posted = at + 1000 * rng.integers(2, 6, at.shape[0])
    late = 0
    for day in range(start, end, _DAY_MS):
        begins = day + int(rng.integers(_DAY_MS - 1000 * _BLACKOUT_S[1]))
        ends = begins + 1000 * int(rng.integers(*_BLACKOUT_S))
        delayed = (posted >= begins) & (posted < ends)
        posted[delayed], late = ends, late + int(delayed.sum())
    return posted, late


def _wide_rows(traces: Sequence[_Trace], rng: np.random.Generator) -> tuple[Rows, dict[str, int]]:
    rows: list[tuple[Any, ...]] = []
    for code, trace in zip(MACHINE_CODES, traces, strict=True):
        recipes = [RECIPES[recipe] for recipe in trace.recipe]
        stored = np.round(trace.values, 4).astype(object)
        stored[np.isnan(trace.values)] = None
        columns = [stored[:, i].tolist() for i in range(len(SENSORS))]
        rows += zip([code] * len(recipes), recipes, trace.at.tolist(), trace.posted.tolist(), *columns, strict=True)
    posted = np.concatenate([trace.posted for trace in traces])
    duplicated = np.flatnonzero(rng.random(posted.shape[0]) < _DUPLICATE_SHARE)
    second = posted[duplicated] + 1000 * rng.integers(60, 300, duplicated.shape[0])
    rows += [(*rows[i][:3], int(when), *rows[i][4:]) for i, when in zip(duplicated, second, strict=True)]
    unknown = rng.choice(posted.shape[0], min(_UNKNOWN_ROWS, posted.shape[0]), replace=False)
    rows += [(UNKNOWN_MACHINE, *rows[i][1:]) for i in unknown]
    dirt = {
        "late_readings": sum(trace.late for trace in traces),
        "duplicate_readings": duplicated.shape[0],
        "unknown_machine_readings": unknown.shape[0],
    }
    return sort_by_posting(trend_wide, np.concatenate([posted, second, posted[unknown]]), rows), dirt


def _state_rows(flow: Flow, start: int, end: int) -> Rows:
    rows: list[tuple[Any, ...]] = []
    for code, (times, states) in zip(MACHINE_CODES, flow.states, strict=True):
        inside = (times > start) & (times < end)
        since = np.insert(times[inside], 0, start)
        for at, state in zip(since, value_at(times, states, since), strict=True):
            rows.append((code, STATE_CODES[state], f"{to_datetime(int(at)):%Y-%m-%dT%H:%M:%SZ}", int(at) + 1000))
    return sort_by_posting(equip_state, np.array([row[3] for row in rows], dtype=np.int64), rows)
