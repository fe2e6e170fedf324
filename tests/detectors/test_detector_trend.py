"""Trend and time left: what is found, when nothing is, and that it does not depend on how rows are cut."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from detectors.trend.growth import Blocks, Noise
from detectors.trend.time_left import (
    KEPT,
    LENGTHS,
    ROWS,
    Forecast,
    Limit,
    Trend,
    blocks,
    follow,
    forecasts,
    load_trend,
    save_trend,
    start,
)
from monitor.model import Floats


def _noise(seed: int, rows: int, series: int = 1, memory: float = 10.0) -> Floats:
    """An autoregressive series of variance 1."""
    root = np.exp(-1.0 / memory)
    steps = np.random.default_rng(seed).standard_normal((rows + 200, series))
    return np.asarray(lfilter([np.sqrt(1.0 - root**2)], [1.0, -root], steps, axis=0)[200:])


def _ramp(rows: int, onset: int, slope: float, power: float = 1.0) -> Floats:
    return np.asarray(slope * np.maximum(np.arange(rows) - onset, 0.0)[:, None] ** power)


def _one(rows: Floats, limit: float = 20.0) -> Forecast:
    return forecasts(follow(start(rows.shape[1]), rows), [Limit(0, limit)])[0]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 700), st.lists(st.integers(0, 700), max_size=6), st.integers(1, 3), st.integers(0, 9))
@pytest.mark.slow
def test_any_split_gives_the_same_bits(rows: int, cuts: list[int], series: int, seed: int) -> None:
    values = _noise(seed, rows, series) * 10.0
    values[np.random.default_rng(seed).random(values.shape) < 0.1] = np.nan
    whole, parts = follow(start(series), values), start(series)
    edges = sorted({0, rows, *(cut for cut in cuts if cut < rows)})
    for first, end in pairwise(edges):
        parts = load_trend(json.loads(json.dumps(save_trend(follow(parts, values[first:end])))), series)
    assert save_trend(parts) == save_trend(whole)
    for one, other in zip(*(forecasts(trend, [Limit(0, 5.0)]) for trend in (whole, parts)), strict=True):
        assert (one.growth, one.interval) == (other.growth, other.interval)


@pytest.mark.parametrize("rows", [1, 7, 8, 100, 1_000, 20_001])
def test_blocks_hold_every_row_once(rows: int) -> None:
    values = np.arange(rows, dtype=np.float64)[:, None]
    past = blocks(follow(start(1), values))
    assert past.starts[0] == -rows
    assert past.ends[-1] == 0.0
    assert (past.starts[1:] == past.ends[:-1]).all()
    assert past.means[:, 0] == pytest.approx(rows + (past.starts + past.ends - 1.0) / 2.0, rel=1e-6)
    assert len(past.means) <= KEPT * LENGTHS + 1


@pytest.mark.parametrize(
    ("values", "limit", "truth"),
    [
        pytest.param(_ramp(400, 200, 0.05), 20.0, 200, id="a straight line"),
        pytest.param(-_ramp(400, 200, 0.05), -20.0, 200, id="a straight line downwards"),
        pytest.param(_ramp(400, 200, 0.0003, 2.0), 20.0, 58, id="an accelerating one"),
        pytest.param(_ramp(8_000, 7_700, 0.04), 20.0, 200, id="one that began after a long quiet time"),
        pytest.param(_ramp(400, 0, 0.03) - _ramp(400, 200, 6.0, 0.0), 14.0, 267, id="one that a service set back"),
    ],
)
def test_the_interval_holds_the_rows_left(values: Floats, limit: float, truth: int) -> None:
    forecast = _one(values + _noise(3, len(values)), limit)
    assert forecast.established
    assert forecast.interval is not None
    low, high = forecast.interval
    assert low <= truth <= high
    assert low > truth / 8
    assert forecast.within(low) < 0.1
    assert forecast.within(truth * 4) > 0.5


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.zeros((500, 1)), id="constant"),
        pytest.param(_noise(5, 500), id="noise"),
        pytest.param(_noise(5, 3_000, memory=300.0), id="noise that wanders"),
        pytest.param(_noise(5, 600) + 6.0 * (np.arange(600) > 300)[:, None], id="a step"),
        pytest.param(np.full((300, 1), np.nan), id="never a value"),
    ],
)
def test_without_a_trend_there_is_no_interval(values: Floats) -> None:
    forecast = _one(values)
    assert not forecast.established
    assert forecast.interval is None
    assert forecast.within(1e9) == 0.0


def test_what_is_beyond_its_limit_has_no_time_left() -> None:
    forecast = _one(_ramp(300, 100, 0.2))
    assert forecast.reached
    assert forecast.interval == (0.0, 0.0)
    assert forecast.within(1.0) == 1.0


@pytest.mark.parametrize("rows", [0, 1, 2 * ROWS - 1])
def test_few_rows_give_no_forecast(rows: int) -> None:
    assert forecasts(follow(start(2), np.ones((rows, 2))), [Limit(0, 5.0)]) == []


@pytest.mark.slow
def test_intervals_hold_nine_times_of_ten_and_are_not_given_lightly() -> None:
    """Sixty lives with wear of random beginning, slope and curvature, each at a random moment; sixty healthy ones."""
    held, healthy, random = [], 0, np.random.default_rng(1000)
    for life in range(60):
        onset, span, power = random.integers(50, 300), random.integers(200, 600), random.choice([1.0, 1.5, 2.0])
        level = _ramp(1_000, int(onset), 25.0 / float(span) ** power, power) + _noise(1_000 + life, 1_000)
        now, reached = onset + int(span * random.uniform(0.3, 0.7)), int(np.argmax(level[:, 0] >= 20.0))
        if now < reached and (interval := _one(level[:now]).interval) is not None and np.isfinite(interval[1]):
            held.append(interval[0] <= reached - now + 1 <= interval[1])
        healthy += _one(_noise(2_000 + life, 400)).established
    print(f"{len(held)} intervals, {np.mean(held):.2f} hold, {healthy} of 60 healthy lives have a trend")
    assert len(held) >= 20
    assert np.mean(held) >= 0.8
    assert healthy <= 2


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_after_bad_values_a_trend_is_still_found(bad: float) -> None:
    values = _ramp(500, 300, 0.08) + _noise(8, 500)
    values[100:250], values[301::7] = bad, bad
    interval = _one(values).interval
    assert interval is not None
    assert interval[0] <= 50 <= interval[1]


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {"rows": 3},
        {**save_trend(follow(start(1), np.ones((40, 1)))), "rows": -1},
        {**save_trend(follow(start(1), np.ones((40, 1)))), "rows": 41},
        {**save_trend(follow(start(1), np.ones((40, 1)))), "counts": [9]},
        {**save_trend(follow(start(1), np.ones((40, 1)))), "means": "no"},
    ],
)
def test_a_damaged_state_is_refused(damaged: object) -> None:
    with pytest.raises(ValueError, match=r"rebuild|incomplete|damaged|expected"):
        load_trend(damaged, 1)


@pytest.mark.parametrize(("short", "memory"), [(10.0, 10.0), (10.0, 250.0)])
def test_the_errors_of_block_means_are_those_of_the_rows_they_hold(short: float, memory: float) -> None:
    ends = np.array([-40.0, -8.0, 0.0])
    past = Blocks(np.array([-100.0, -40.0, -8.0]), ends, np.zeros((3, 1)))
    points = np.arange(-100.0, 0.0, 0.25) + 0.125
    apart = np.abs(points[:, None] - points)
    of_points = 0.5 * np.exp(-apart / short) + 0.5 * np.exp(-apart / memory)
    mean = (np.searchsorted(ends, points) == np.arange(3)[:, None]) / (4.0 * (ends - past.starts)[:, None])
    noise = Noise(short, memory)
    assert noise.between(past) == pytest.approx(mean @ of_points @ mean.T, rel=1e-3)
    ahead = 0.5 * np.exp((points - 20.0) / short) + 0.5 * np.exp((points - 20.0) / memory)
    assert noise.ahead(past, np.array([20.0]))[:, 0] == pytest.approx(mean @ ahead, rel=1e-3)


def test_the_state_is_small() -> None:
    trend: Trend = follow(start(8), _noise(1, 100_000, 8))
    assert len(json.dumps(save_trend(trend))) < 6_000
