"""Change points of a machine's streams: found, counted where there are none, the same under any split."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.condition.changes import (
    LEAST_ROWS,
    WIDTH,
    ChangeReference,
    Changes,
    ChangeState,
    learn_changes,
    load_changes,
    save_changes,
    score_changes,
    start_changes,
)
from monitor.model import Floats

REFERENCE = 400


def noise(rows: int, sensors: int = 4, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).standard_normal((rows, sensors))


def judged(rows: Floats, reference: int = REFERENCE) -> Changes:
    return score_changes(learn_changes(rows[:reference]), start_changes(rows.shape[1]), rows)[1]


def test_a_shift_is_found_within_the_window_and_its_sensor_named() -> None:
    rows = noise(800)
    rows[600:, 2] += 3.0
    found = judged(rows)
    points = np.flatnonzero(found.points)
    points = points[points >= REFERENCE]
    assert 600 <= points[0] < 610
    assert found.sensors[points[0]] == 2
    assert (np.diff(points) >= 30).all()
    assert points[-1] < 600 + WIDTH


@pytest.mark.parametrize("sensors", [1, 8])
def test_there_are_few_where_nothing_changes(sensors: int) -> None:
    runs = [judged(noise(3000, sensors, seed)).points[REFERENCE:].sum() for seed in range(1000, 1010)]
    assert sum(runs) <= 5  # in 26,000 rows


@pytest.mark.parametrize(
    "rubbish",
    [np.nan, np.inf, -1e300, 1e6],
    ids=["missing", "infinite", "huge", "an outlier"],
)
def test_a_shift_is_found_after_rubbish(rubbish: float) -> None:
    rows = noise(900)
    rows[500:520, 1] = rubbish
    rows[700:, 1] += 5.0
    found = judged(rows)
    assert found.points[700:720].any()
    assert np.isfinite(found.ratio[WIDTH:]).all()


def test_what_cannot_be_judged_is_not() -> None:
    short = judged(noise(600), LEAST_ROWS - 1)
    assert np.isnan(short.ratio).all()
    assert not short.points.any()
    assert (short.sensors == -1).all()
    found = judged(noise(600))
    assert np.isnan(found.ratio[:WIDTH]).all()
    assert math.isfinite(found.ratio[WIDTH])


def test_constant_sensors_have_no_change_until_they_move() -> None:
    rows = np.zeros((600, 2))
    rows[500:, 1] = 1.0
    points = np.flatnonzero(judged(rows).points)
    assert 500 <= points[0] < 510


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**31),
    st.lists(st.integers(0, 500), max_size=5),
    st.lists(st.tuples(st.integers(0, 499), st.sampled_from([np.nan, np.inf, 1e308, 0.0])), max_size=20),
)
def test_splits_and_saving_change_no_bit(seed: int, cuts: list[int], strange: list[tuple[int, float]]) -> None:
    rows = noise(500, 3, seed)
    rows[420:] += 2.0
    for row, value in strange:
        rows[row, row % 3] = value
    reference: ChangeReference = learn_changes(rows[:REFERENCE])
    _, whole = score_changes(reference, start_changes(3), rows)
    state: ChangeState = start_changes(3)
    found = []
    for a, b in pairwise([0, *sorted(cuts), 500]):
        state, part = score_changes(reference, state, rows[a:b])
        found.append(part)
        reference, state = load_changes(json.loads(json.dumps(save_changes(reference, state), allow_nan=False)))
    for name in whole._fields:
        np.testing.assert_array_equal(getattr(whole, name), np.concatenate([getattr(part, name) for part in found]))


@pytest.mark.parametrize("damage", [{"version": 0}, {"rows": "x"}, {"sensors": -1}, {"since": None}])
def test_damaged_states_are_refused(damage: dict[str, object]) -> None:
    saved = save_changes(learn_changes(noise(REFERENCE)), start_changes(4))
    with pytest.raises(ValueError, match=r"saved|whole number"):
        load_changes({**saved, **damage})


def test_the_state_is_small() -> None:
    for sensors, most in ((8, 16_000), (52, 64_000)):
        rows = noise(600, sensors)
        reference = learn_changes(rows[:REFERENCE])
        state, _ = score_changes(reference, start_changes(sensors), rows)
        assert len(json.dumps(save_changes(reference, state))) <= most
