"""Histories that every stream detector is run on: healthy and broken, idle, of several recipes, 1 and 20 sensors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from stream_detector import History

from detectors.events.events import Settings as EventSettings
from detectors.stream.baseline import Settings
from detectors.stream.limits import SensorLimits
from detectors.stream.metric_events import MetricEvents
from detectors.stream.online import MachineAnomaly
from detectors.stream.patience import Patience
from monitor.model import Floats, MachineBatch, MachineState
from monitor.ports import StreamDetector

ROWS = 420
NANOSECONDS = 30_000_000_000

Maker = Callable[[tuple[str, ...]], StreamDetector]


def _limits(sensors: tuple[str, ...]) -> StreamDetector:
    return SensorLimits(dict.fromkeys(sensors, (-4.0, 4.0)), limit_rows=2, dead_rows=4, stuck_rows=6)


def _anomaly(sensors: tuple[str, ...]) -> StreamDetector:
    # Short warm-up, windows and patience, so that every turn of its life lies inside the rows.
    patience = Patience(breach_rows=3, clear_rows=4, blind_rows=5, recipes=2)
    return MachineAnomaly(dict.fromkeys(sensors, (-4.0, 4.0)), Settings(warmup_rows=100), patience)


def _events(sensors: tuple[str, ...]) -> StreamDetector:
    return MetricEvents(sensors, EventSettings(warmup=60, quiet=20))


MAKERS: dict[str, Maker] = {"limits": _limits, "anomaly": _anomaly, "events": _events}


def _healthy(width: int) -> Floats:
    return np.random.default_rng(2500 + width).normal(size=(ROWS, width))


def _broken() -> Floats:
    values = _healthy(4)
    values[150:220] += 6.0
    values[240:300, 1] = values[240, 1]
    values[250:290, 2] = np.nan
    values[320:340] = np.nan
    return values


def _patchy() -> Floats:
    values = _healthy(5)
    values[np.random.default_rng(2600).random(values.shape) < 0.3] = np.nan
    return values


def _moved_for_good() -> Floats:
    values = _healthy(3)
    values[180:] -= 9.0
    return values


def _with_a_dead_and_a_constant_sensor() -> Floats:
    values = _healthy(4)
    values[:, 0], values[:, 3] = np.nan, 2.0
    return values


def _worn() -> Floats:
    values = _healthy(3) / 4.0
    values[150:, 1] -= 0.016 * np.arange(ROWS - 150)
    return values


def _stops_and_goes() -> list[MachineState]:
    cycle = [MachineState.RUN] * 33 + [MachineState.IDLE] * 5 + [MachineState.UNKNOWN] * 9 + [MachineState.DOWN]
    return (cycle * ROWS)[:ROWS]


def _three_recipes() -> list[str]:
    return (["a"] * 130 + ["b"] * 120 + ["a"] * 40 + ["c"] * 30 + ["a"] * ROWS)[:ROWS]


def _batch(values: Floats, states: list[MachineState] | None = None, recipes: list[str] | None = None) -> MachineBatch:
    return MachineBatch(
        machine="lathe_2",
        sensors=tuple(f"s{i}" for i in range(values.shape[1])),
        at=1_767_225_600_000_000_000 + NANOSECONDS * np.arange(len(values), dtype=np.int64),
        values=values,
        states=states or [MachineState.RUN] * len(values),
        recipes=recipes or ["a"] * len(values),
        offset=17,
    )


BATCHES: dict[str, MachineBatch] = {
    "a healthy machine": _batch(_healthy(4)),
    "one sensor": _batch(_healthy(1)),
    "twenty sensors": _batch(_healthy(20)),
    "shifted, stuck, dead and blind in turn": _batch(_broken()),
    "a third of the values missing": _batch(_patchy()),
    "no value at all": _batch(np.full((60, 3), np.nan)),
    "a new normal that stays": _batch(_moved_for_good()),
    "a sensor that wears": _batch(_worn()),
    "a sensor that wears in two recipes": _batch(_worn(), recipes=(["a"] * 120 + ["b"] * 130 + ["a"] * ROWS)[:ROWS]),
    "a dead and a constant sensor": _batch(_with_a_dead_and_a_constant_sensor()),
    "a machine that stops and goes": _batch(_broken(), states=_stops_and_goes()),
    "a machine that never runs": _batch(_healthy(2), states=[MachineState.IDLE] * ROWS),
    "a recipe for every order": _batch(_broken(), recipes=[f"o{row // 7}" for row in range(ROWS)]),
    "a recipe for every order of a machine that stops": _batch(
        _moved_for_good(), states=_stops_and_goes(), recipes=[f"o{row // 20}" for row in range(ROWS)]
    ),
    "three recipes, one forgotten": _batch(_broken(), recipes=_three_recipes()),
}

HISTORIES: dict[str, History] = {
    f"{detector}: {name}": History(name, batch, lambda maker=maker, batch=batch: maker(batch.sensors))
    for detector, maker in MAKERS.items()
    for name, batch in BATCHES.items()
}
