"""Time left of a machine's sensors: told before a limit is passed, and nothing told of what is no wear."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from detector_streams import PERIOD, ar1, batch_of, shifted

from detectors.stream.anomaly_state import AnomalyState
from detectors.stream.baseline import Settings
from detectors.stream.online import MachineAnomaly
from detectors.stream.wearing import new_wearing, save_wearing
from detectors.trend.time_left import follow
from monitor.detection import CONTRIBUTION, TIME_LEFT, TIME_LEFT_EARLIEST, TIME_LEFT_LATEST
from monitor.model import Finding, Floats, Status

ROWS, ONSET, LIMIT = 5000, 2500, 6.0
HOUR = 3_600_000_000_000 // PERIOD


def worn(seed: int, slope: float = LIMIT / 2000, sensor: int = 2, sensors: int = 4) -> Floats:
    """From row ONSET one sensor wears; its level passes LIMIT after 2,000 rows, 16.7 hours."""
    values = ar1(seed, ROWS, 0.3, sensors)
    values[ONSET:, sensor] += slope * np.arange(ROWS - ONSET)
    return values


def watch(
    values: Floats, recipes: Sequence[str] | None = None, low: float | None = -LIMIT
) -> tuple[MachineAnomaly, AnomalyState, list[Finding]]:
    """The detector, its state, and the starts and ends of breaches by the time left."""
    detector = MachineAnomaly({**dict.fromkeys(("s0", "s1", "s2"), (low, LIMIT)), "s3": (None, None)}, Settings())
    state, findings = detector.observe(detector.start(), batch_of(values, recipes=recipes))
    told = [f for f in findings if f.method == TIME_LEFT]
    assert {f.feature for f in told} <= {"s0", "s1", "s2"}, "a sensor without limits has no time left"
    return detector, state, [f for f in told if f.status is Status.BREACH or f.at > told[0].at]


@pytest.mark.parametrize("seed", range(2870, 2875))
@pytest.mark.slow
def test_wear_is_told_before_the_level_passes_the_limit(seed: int) -> None:
    detector, state, told = watch(worn(seed))
    assert [(f.feature, f.status, f.causes) for f in told] == [("s2", Status.BREACH, ("s2",))], "once, and no chatter"
    left = (ONSET + 2000 - told[0].row) / HOUR
    assert left >= 3.0, "hours before"
    assert told[0].limit == 24.0
    assert told[0].value is not None
    assert 0.2 * left <= told[0].value <= 2.0 * left
    now = {f.method: f.value for f in detector.current(state) if f.feature == "s2"}
    assert (now[TIME_LEFT], now[TIME_LEFT_EARLIEST], now[TIME_LEFT_LATEST]) == (0.0, 0.0, 0.0), "it has been passed"


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(ar1(2876, ROWS, 0.9, 4), id="healthy and sluggish"),
        pytest.param(shifted(ar1(2877, ROWS, 0.3, 4), ONSET, 3.0, [2]), id="a step is no wear"),
        pytest.param(worn(2878, slope=-LIMIT / 2000), id="away from the only limit"),
        pytest.param(worn(2879, slope=LIMIT / 200_000), id="slower than the horizon"),
    ],
)
@pytest.mark.slow
def test_nothing_is_told_of_what_does_not_reach_a_limit_soon(values: Floats) -> None:
    assert watch(values, low=None)[2] == []


@pytest.mark.slow
def test_a_changeover_is_no_trend_and_wear_goes_on_over_it() -> None:
    values = worn(2880)
    recipes = (["a"] * 1200 + ["b"] * 1200 + (["a"] * 400 + ["b"] * 400) * 4)[:ROWS]
    apart = np.array([recipe == "b" for recipe in recipes])[:, None] * np.array([2.0, -2.0, 1.5, 4.0])
    told = watch(values + apart, recipes)[2]
    assert [(f.feature, f.status) for f in told] == [("s2", Status.BREACH)]
    assert told[0].row < ONSET + 2000 - 300
    healthy = ar1(2881, ROWS, 0.3, 4) + apart
    assert watch(healthy, recipes)[2] == []


@pytest.mark.slow
def test_a_vanished_sensor_and_a_constant_one_do_not_hide_wear() -> None:
    values = worn(2886)
    values[:, 1], values[2000:, 0] = 1.0, np.nan
    assert [(f.feature, f.status) for f in watch(values)[2] if f.feature == "s2"] == [("s2", Status.BREACH)]


@pytest.mark.slow
def test_a_repair_ends_the_breach_and_a_recorded_one_starts_the_trends_anew() -> None:
    values = worn(2882)
    values[4400:] = ar1(2883, ROWS - 4400, 0.3, 4)
    detector, state, told = watch(values)
    assert [f.status for f in told] == [Status.BREACH, Status.OK]
    assert 4400 < told[1].row <= 4400 + 3 * HOUR
    _, state, _ = watch(worn(2882))
    state, found = detector.forget(state, None)
    assert {f.feature: f.status for f in found if f.method == TIME_LEFT} == dict.fromkeys(
        ("s0", "s1", "s2"), Status.CANNOT_JUDGE
    )
    assert state.wearing.trend.rows == 0


@pytest.mark.slow
def test_contributions_are_those_of_the_current_score() -> None:
    detector, state, _ = watch(worn(2884))
    now = {f.feature: f.value or 0.0 for f in detector.current(state) if f.method == CONTRIBUTION}
    assert len(now) == 4
    assert max(now.values()) == now["s2"] == state.value, "the sensor that wears makes the score"
    values = np.full((12, 4), np.nan)
    state, _ = detector.observe(state, batch_of(values))
    gone = [f for f in detector.current(state) if f.method == CONTRIBUTION]
    assert {(f.value, f.status) for f in gone} == {(None, Status.NO_DATA)}, "no score, no contribution"


@pytest.mark.parametrize(("sensors", "rows", "most"), [(8, 1_000_000, 6_000), (52, 100_000, 30_000)])
@pytest.mark.slow
def test_the_state_is_small(sensors: int, rows: int, most: int) -> None:
    wearing = new_wearing(sensors)
    wearing.trend = follow(wearing.trend, np.random.default_rng(2885).normal(size=(rows, sensors)))
    size = len(json.dumps(save_wearing(wearing)))
    print(f"{sensors} sensors, {rows} rows: {size} bytes")
    assert size <= most
