"""Events of single sensors in a plant: what starts and ends one, and what is no row of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.events.events import Settings
from detectors.stream.metric_events import MetricEvents
from monitor.model import Finding, Floats, MachineBatch, MachineState, Status

SETTINGS = Settings(warmup=250, quiet=40)


def _batch(values: Floats) -> MachineBatch:
    count = len(values)
    at = 1_767_225_600_000_000_000 + 60_000_000_000 * np.arange(count, dtype=np.int64)
    return MachineBatch("press", ("load", "heat"), at, values, [MachineState.RUN] * count, [""] * count)


def _quiet(rows: int = 600) -> Floats:
    return np.random.default_rng(1100).normal(size=(rows, 2))


def _findings(batch: MachineBatch, sensors: tuple[str, ...] = ("load", "heat")) -> list[Finding]:
    detector = MetricEvents(sensors, SETTINGS)
    return [f for f in detector.observe(detector.start(), batch)[1] if f.status is not Status.CANNOT_JUDGE]


def test_a_spike_is_one_event_of_its_sensor_and_ends() -> None:
    values = _quiet()
    values[450, 0] = 30.0
    found = [f for f in _findings(_batch(values)) if f.feature == "load"]
    assert [(f.status, f.row) for f in found] == [(Status.OK, 250), (Status.BREACH, 450), (Status.OK, 490)]
    assert found[1].causes == ("load",)
    assert found[1].value is not None
    assert found[1].value > 1.5


def test_what_lasts_is_told_once() -> None:
    values = _quiet(900)
    values[400:, 1] += 8.0
    breaches = [f for f in _findings(_batch(values)) if f.status is Status.BREACH]
    assert [f.feature for f in breaches] == ["heat"]
    assert 400 <= breaches[0].row <= 402


def test_a_sensor_that_nobody_asked_for_is_not_judged() -> None:
    values = _quiet()
    values[450, 0] = 30.0
    assert {f.feature for f in _findings(_batch(values), ("heat",))} == {"heat"}


def test_rows_of_a_standing_machine_and_held_values_are_no_samples() -> None:
    values = _quiet()
    values[450] = 30.0
    batch = _batch(values)
    standing = replace(batch, states=[MachineState.IDLE if row == 450 else MachineState.RUN for row in range(600)])
    sampled = np.ones(values.shape, np.bool_)
    sampled[450] = False
    for one in (standing, replace(batch, sampled=sampled)):
        assert not [f for f in _findings(one) if f.status is Status.BREACH]
