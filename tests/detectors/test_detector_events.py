"""Events of single metrics: found, kept quiet about, and the same whatever way rows are split."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.events.events import NAMES, Settings, State, score, settings_for, start
from detectors.events.saved import load, save
from detectors.shared.windows import highest_before, window_sums
from monitor.model import Floats

SHORT = Settings(warmup=60, quiet=40)
MINUTES = 60 * 10**9


def noise(rows: int, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).standard_normal(rows)


def times_of(rows: int, minutes: int = 30) -> Any:
    return 1_700_000_000 * 10**9 + np.arange(rows, dtype=np.int64) * minutes * MINUTES


def judged(values: Floats, chosen: Settings = SHORT, times: Any = None) -> Any:
    return score(chosen, start(chosen), values, times)[1]


RUBBISH: dict[str, Floats] = {
    "missing": np.full(50, np.nan),
    "infinite": np.array([np.inf, -np.inf] * 20),
    "huge": np.array([1e300, -1e300, 1.7e308, -1.7e308]),
    "other units for an hour": 1000.0 * noise(60, 3),
    "stuck": np.zeros(300),
    "nothing": np.zeros(0),
    "an outlier": np.array([1e6]),
}


@pytest.mark.parametrize("rubbish", RUBBISH.values(), ids=RUBBISH)
def test_a_shift_is_found_after_rubbish(rubbish: Floats) -> None:
    quiet = 400
    values = np.concatenate([noise(600, 4), rubbish, noise(quiet, 5), noise(100, 6) + 5.0])
    found = judged(values, Settings(200, 100))
    first = 600 + len(rubbish) + quiet
    assert found.events[first : first + 60].any()
    assert np.isnan(found.scores[~np.isfinite(values)]).all()
    assert np.isfinite(found.scores[first:]).all()


def test_other_units_for_days_are_forgotten() -> None:
    values = np.concatenate([noise(600, 4), 1000.0 * noise(3000, 3), noise(9000, 5), noise(100, 6) + 5.0])
    assert judged(values, Settings(200, 100)).events[-100:].any()


def test_nothing_is_judged_before_the_warm_up_is_over() -> None:
    values = noise(100)
    values[10] = np.nan
    found = judged(values)
    assert np.isnan(found.scores[:61]).all()
    assert np.isfinite(found.scores[61:]).all()
    assert (found.charts[:61] == -1).all()


@pytest.mark.parametrize("level", [0.0, 5.0, -1e9, 1e-9])
def test_a_constant_metric_has_no_event_until_it_moves(level: float) -> None:
    values = np.full(400, level)
    values[300:] += max(abs(level), 1.0)
    found = judged(values)
    assert np.flatnonzero(found.events)[0] == 300
    assert NAMES[found.charts[300]]


@pytest.mark.slow
def test_few_events_where_nothing_happens() -> None:
    found = [judged(noise(3000, seed), settings_for(600)).events.sum() for seed in range(1000, 1010)]
    assert sum(found) <= 27  # of 27,000 judged rows


def test_an_event_is_told_once() -> None:
    values = noise(900)
    values[500:] += 8.0
    events = np.flatnonzero(judged(values, Settings(200, 300)).events)
    told = events[events >= 500]
    assert 500 <= told[0] <= 502
    assert len(told) <= 6


def test_a_usual_value_at_an_unusual_time_of_day_is_an_event() -> None:
    rows = np.arange(48 * 20)
    daily = 5.0 * np.maximum(0.0, np.sin(2 * np.pi * rows / 48)) + 0.3 * noise(len(rows))
    daily[816:840] = daily[744:768]  # a day without its hours of work
    times = times_of(len(rows))
    found = judged(daily, Settings(100, 40), times)
    first = 816 + int(np.argmax(found.events[816:840]))
    assert found.events[first]
    assert "time of day" in NAMES[found.charts[first]]
    assert found.scores[816:840].max() > judged(daily, Settings(100, 40)).scores[816:840].max()


def test_a_clock_that_steps_back_or_stands_is_survived() -> None:
    times = times_of(700)
    times[300:320] = times[300]
    times[400:] -= 10 * 1440 * MINUTES
    found = judged(noise(700), times=times)
    assert np.isfinite(found.scores[60:]).all()


def _in_parts(chosen: Settings, values: Floats, times: Any, cuts: list[int], as_json: bool) -> tuple[State, list[Any]]:
    state, found = start(chosen), []
    edges = [0, *sorted(cut % (len(values) + 1) for cut in cuts), len(values)]
    for a, b in pairwise(edges):
        state, scores = score(chosen, state, values[a:b], None if times is None else times[a:b])
        found.append(scores)
        if as_json:
            state = load(chosen, json.loads(json.dumps(save(chosen, state), allow_nan=False)))
    return state, [np.concatenate([getattr(part, name) for part in found]) for name in found[0]._fields]


_VALUE = st.one_of(st.floats(-5, 5), st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e308, -1e300, 1e-310]))


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**31),
    st.lists(_VALUE, max_size=40),
    st.lists(st.integers(0, 10_000), max_size=6),
    st.booleans(),
    st.booleans(),
)
@pytest.mark.slow
def test_splits_and_saving_change_no_bit(
    seed: int, strange: list[float], cuts: list[int], timed: bool, as_json: bool
) -> None:
    values = np.concatenate([noise(150, seed % 1000), strange, noise(150, seed % 999)])
    times = times_of(len(values)) if timed else None
    whole, state = judged(values, SHORT, times), score(SHORT, start(SHORT), values, times)[0]
    last, parts = _in_parts(SHORT, values, times, cuts, as_json)
    for name, got in zip(whole._fields, parts, strict=True):
        np.testing.assert_array_equal(getattr(whole, name), got, err_msg=name)
    assert save(SHORT, last) == save(SHORT, state)


def test_row_by_row_is_the_same() -> None:
    values, times = noise(260), times_of(260)
    _, parts = _in_parts(SHORT, values, times, list(range(260)), False)
    np.testing.assert_array_equal(parts[0], judged(values, SHORT, times).scores)


@pytest.mark.parametrize(
    "damage",
    [{"version": 2}, {"identity": "other"}, {"held": "x"}, {"warming": None}, {"records": {}}],
    ids=["another version", "other settings", "a damaged array", "nothing in place of rows", "no records"],
)
def test_damaged_states_are_refused(damage: dict[str, object]) -> None:
    state, _ = score(SHORT, start(SHORT), noise(200), times_of(200))
    with pytest.raises(ValueError, match="saved"):
        load(SHORT, {**save(SHORT, state), **damage})


def test_the_state_is_small() -> None:
    chosen = settings_for(750)
    state, _ = score(chosen, start(chosen), noise(5000), times_of(5000))
    assert len(json.dumps(save(chosen, state))) <= 16_000


@pytest.mark.parametrize(("warmup", "quiet"), [(29, 1), (2001, 1), (30, 0)])
def test_settings_out_of_range_are_refused(warmup: int, quiet: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        Settings(warmup, quiet)


@pytest.mark.parametrize("width", [1, 2, 3, 20, 30, 100])
def test_windows_hold_their_own_rows(width: int) -> None:
    rows = noise(300)
    expected = [rows[i : i + width].sum() for i in range(300 - width + 1)]
    np.testing.assert_allclose(window_sums(rows, width), expected, atol=1e-12)
    np.testing.assert_array_equal(
        highest_before(rows[width:], rows[:width]), [rows[i : i + width].max() for i in range(300 - width)]
    )
