"""The parts of a machine's condition: smoothing, memory, forward errors, limits, gaps, river's test."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
from detector_streams import ar1
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift import PageHinkley

from detectors.condition.balance import differences, learn_balance
from detectors.condition.levels import PAGE, learn_levels, scaled
from detectors.condition.reference import learn
from detectors.condition.scatter import Scatter, ScatterChart, scatter_scores
from detectors.condition.settings import Settings
from detectors.condition.smoothing import freedoms, memory, one_sided, row_product, smooth
from detectors.condition.standard import Others, fill, no_last
from monitor.model import Floats

DEFAULTS = Settings()


@pytest.mark.parametrize("weight", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("rows", [0, 1, 2, 300])
def test_smoothing_is_the_plain_loop(rows: int, weight: float) -> None:
    values = ar1(3100, max(rows, 1), 0.3, sensors=3)[:rows]
    last = np.array([1.0, -2.0, 0.0])
    smoothed = smooth(values, weight, last)
    assert smoothed.shape == values.shape
    for row in range(rows):
        last = weight * values[row] + (1 - weight) * last
        np.testing.assert_allclose(smoothed[row], last, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 9), st.lists(st.integers(0, 40), max_size=5))
def test_products_of_rows_have_the_same_bits_beside_any_others(
    seed: int, inner: int, columns: int, cuts: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    rows, matrix = rng.normal(size=(40, inner)), rng.normal(size=(inner, columns))
    whole = row_product(rows, matrix)
    np.testing.assert_allclose(whole, rows @ matrix, rtol=1e-12, atol=1e-12)
    parts = [row_product(rows[a:b], matrix) for a, b in pairwise([0, *sorted(cuts), 40])]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.6, 0.9])
def test_the_memory_of_an_ar1_is_the_known_one(phi: float) -> None:
    series = ar1(3101, 60_000, phi, sensors=1)[:, 0]
    assert memory(series) == pytest.approx((1 + phi) / (1 - phi), rel=0.12)


def test_the_memory_of_what_never_moves_is_one_row() -> None:
    assert memory(np.full(50, 3.0)) == 1.0


def test_freedom_is_the_independent_rows_less_one_and_never_below_the_least() -> None:
    series = ar1(3102, 4000, 0.6, sensors=2)
    expected = [len(series) / memory(column) - 1 for column in series.T]
    assert freedoms(series, 4.0) == pytest.approx(expected)
    assert freedoms(np.cumsum(series, axis=0)[:60], 4.0).tolist() == [4.0, 4.0]


@pytest.mark.parametrize("rows", [40, 101])
def test_what_is_held_out_lies_beyond_one_end(rows: int) -> None:
    for fitted, held_out, direction in one_sided(rows):
        inside, outside = range(rows)[fitted], range(rows)[held_out]
        assert len(inside) + len(outside) == rows
        assert (inside[-1] < outside[0]) if direction > 0 else (outside[-1] < inside[0])


def test_the_forward_error_of_white_noise_is_that_of_its_average_and_its_mean() -> None:
    rows = np.random.default_rng(3103).normal(size=(20_000, 4))
    weight = 0.3
    expected = math.sqrt(weight / (2 - weight))
    chart = learn_levels(rows, Settings(level_weight=weight))
    assert chart.forward == pytest.approx([expected] * 4, rel=0.05)


def test_the_forward_error_grows_with_slow_movements_and_has_a_floor() -> None:
    rows = np.random.default_rng(3104).normal(size=(1000, 2))
    slow = rows + np.outer(np.linspace(-2, 2, 1000), [0.0, 1.0])
    still = rows * [0.0, 1.0]
    assert learn_levels(slow, DEFAULTS).forward[1] > 3 * learn_levels(rows, DEFAULTS).forward[1]
    assert learn_levels(still, DEFAULTS).forward[0] == pytest.approx(DEFAULTS.least_forward)


def test_limits_of_levels_are_student_quantiles_shared_among_the_sensors() -> None:
    rows = ar1(3105, 3000, 0.3, sensors=4)
    chart = learn_levels(rows, DEFAULTS)
    freedom = freedoms(smooth(rows, DEFAULTS.level_weight, np.zeros(4)), DEFAULTS.least_freedom)
    assert chart.flag == pytest.approx(scipy.stats.t.isf(DEFAULTS.row_chance / 8, freedom), rel=1e-6)
    assert chart.page == pytest.approx(scipy.stats.t.isf(DEFAULTS.page_chance / 8, freedom), rel=1e-6)


def test_two_straight_pieces() -> None:
    assert scaled(np.array([0.0, 2.0, 4.0, 6.0, 8.0]), 4.0, 6.0).tolist() == [0.0, 0.5, 1.0, PAGE, 3.0]


@pytest.mark.parametrize(
    ("rows", "chance"), [(1.0, 1e-5), (86_400.0, 1 / 2_592_000), (2_592_000.0, 1 / 77_760_000), (1e300, 1e-12)]
)
def test_the_chance_of_a_false_call_follows_from_the_rows_in_which_one_is_allowed(rows: float, chance: float) -> None:
    assert Settings(false_alarm_rows=rows).page_chance == pytest.approx(chance)


def test_fewer_false_alarms_allowed_is_a_higher_limit_of_every_chart_but_the_scatter() -> None:
    rows = ar1(3106, 1000, 0.3)
    few, many = (learn(rows, settings=Settings(false_alarm_rows=n)) for n in (1e7, 1e4))
    assert (few.level.page > many.level.page).all()
    assert few.balance.limit > many.balance.limit
    assert few.residual.page > many.residual.page
    assert (few.level.flag == many.level.flag).all()
    assert few.residual.flag == many.residual.flag


def test_a_balance_is_the_regression_on_the_other_sensors() -> None:
    rows = ar1(3107, 5000, 0.0, sensors=3)
    rows -= rows.mean(axis=0)
    precision = np.linalg.inv(np.cov(rows, rowvar=False))
    others = rows[:, 1:]
    fitted = others @ np.linalg.lstsq(others, rows[:, 0], rcond=None)[0]
    np.testing.assert_allclose(differences(rows, precision, np.inf)[:, 0], rows[:, 0] - fitted, rtol=1e-9, atol=1e-9)
    near, far = (differences(rows * size, precision, 100.0)[:, 0] for size in (1.0, 1000.0))
    assert (np.abs(far) < 1000.0 * np.abs(near)).all(), "trusted less, the farther the others are from the reference"


def test_a_balance_below_its_limit_is_not_flagged_and_above_it_calls_a_person() -> None:
    chart = learn_balance(ar1(3108, 500, 0.3), DEFAULTS)
    scores = chart.score(ar1(3109, 300, 0.3) * np.linspace(0, 30, 300)[:, None])
    assert not ((scores > 1.0) & (scores <= PAGE)).any()
    assert (scores > PAGE).any()


GAPS: dict[str, tuple[list[float], list[float], list[bool]]] = {
    "a gap keeps the last value": ([1, np.nan, np.nan, 2], [1, 1, 1, 2], [False, True, True, False]),
    "before the first value: the mean": ([np.nan, np.nan, 1, 1], [0, 0, 1, 1], [True, True, False, False]),
    "a wild sample becomes the median of three": ([1, 40, 2, 2], [1, 1, 2, 2], [False] * 4),
    "a lasting jump shows one row later": ([1, 40, 41, 42], [1, 1, 41, 42], [False] * 4),
}  # fmt: skip


@pytest.mark.parametrize(("given_rows", "filled", "absent"), GAPS.values(), ids=GAPS)
def test_gaps_and_wild_samples(given_rows: list[float], filled: list[float], absent: list[bool]) -> None:
    standard = fill(np.array(given_rows, dtype=np.float64)[:, None], no_last(1), None, DEFAULTS)
    assert standard.rows[:, 0].tolist() == filled
    assert standard.absent[:, 0].tolist() == absent


@pytest.mark.parametrize(("wanders", "held"), [(False, 0), (True, DEFAULTS.bridged)])
def test_a_missing_sensor_gets_what_the_others_say_and_one_that_wanders_first_keeps_its_value(
    wanders: bool, held: int
) -> None:
    rows = ar1(3110, 4000, 0.0, sensors=3, common=0.9)
    others = Others(np.linalg.inv(np.cov(rows, rowvar=False)), np.array([False, wanders, False]), np.zeros(3, bool))
    gone = rows[-200:].copy()
    gone[1:, 1] = np.nan
    expected = -(others.precision[1, [0, 2]] @ rows[-200:, [0, 2]].T) / others.precision[1, 1]
    filled = fill(gone, no_last(3), others, DEFAULTS).rows
    np.testing.assert_allclose(filled[1 + held :, 1], expected[1 + held :], rtol=1e-9)
    assert (filled[: 1 + held, 1] == rows[-200, 1]).all()


def squares(seed: int, blocks: int) -> Floats:
    """Mean squares that rise after two thirds of the blocks, with a part of a block at the end."""
    rng = np.random.default_rng(seed)
    values = rng.chisquare(8, DEFAULTS.block * blocks + 7) / 8
    values[len(values) * 2 // 3 :] *= 1.6
    return np.asarray(values)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31), st.lists(st.integers(0, 1500), max_size=8))
def test_the_scatter_is_rivers_page_hinkley_in_one_go(seed: int, cuts: list[int]) -> None:
    values, chart = squares(seed, 60), ScatterChart(1.0, 0.1)
    test = PageHinkley(
        DEFAULTS.scatter_blocks, DEFAULTS.scatter_drift, DEFAULTS.scatter_limit, alpha=1.0, mode="up"
    )  # fmt: skip
    expected = np.zeros(len(values))
    for end in range(DEFAULTS.block, len(values) + 1, DEFAULTS.block):
        total = 0.0
        for value in values[end - DEFAULTS.block : end].tolist():
            total += value
        test.update(min(max((total / DEFAULTS.block - 1.0) / 0.1, -5.0), 5.0))
        ratio = (test._sum_increase - test._min_increase) / DEFAULTS.scatter_limit
        seen = 0.0 if test._x_mean.n < DEFAULTS.scatter_blocks else ratio
        expected[end - 1 :] = seen if seen <= 1.0 else PAGE * seen
        assert test.drift_detected is (seen > 1.0)
    scatter, found = Scatter(), []
    for a, b in pairwise([0, *sorted(cuts), len(values)]):
        scatter, part = scatter_scores(chart, scatter, values[a:b], DEFAULTS)
        found.append(part)
    np.testing.assert_array_equal(np.concatenate(found), expected)
    assert (expected > PAGE).any()
