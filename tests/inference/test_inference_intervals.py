"""Whether intervals hold: as often as promised but for chance, on parts that the model knows and not at fault."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from inference.intervals import (
    binomial_cdf,
    counted,
    coverage_holds,
    errors,
    half_widths,
    inside,
    intervals_hold,
)
from monitor.model import Floats, Prediction

ROWS = 200
NOISE = np.random.default_rng(8).normal(size=ROWS) * 2


def holds(error: Floats, distance: float = 0.1) -> bool:
    """Of intervals of half width 4 that promise 0.9; the noise alone keeps 0.95 within them."""
    return intervals_hold(np.zeros(ROWS), [Prediction(e, e - 4, e + 4, distance, 1.0) for e in error.tolist()], 0.9)


@pytest.mark.parametrize(
    ("error", "distance", "expected"),
    [
        pytest.param(NOISE, 0.1, True, id="as promised"),
        pytest.param(NOISE + 5, 0.1, False, id="beside a change"),
        pytest.param(NOISE + 20, 0.1, False, id="so far beside it that no part counts"),
        pytest.param(NOISE, 2.0, False, id="a model that knows none of the parts"),
        pytest.param(np.where(np.arange(ROWS) % 3 == 0, 60.0, NOISE), 0.1, True, id="a third of the parts at fault"),
        pytest.param(np.where(np.arange(ROWS) % 3 > 0, 60.0, NOISE), 0.1, False, id="two thirds of the parts at fault"),
    ],
)
def test_intervals_hold_or_not(error: Floats, distance: float, expected: bool) -> None:
    assert holds(error, distance) is expected


@pytest.mark.parametrize(
    ("successes", "trials", "probability"), [(0, 5, 0.9), (17, 20, 0.9), (30, 40, 0.8), (85, 100, 0.9), (170, 200, 0.9)]
)
def test_the_probability_is_the_exact_binomial_sum(successes: int, trials: int, probability: float) -> None:
    p = Fraction(str(probability))
    exact = sum(comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(successes + 1))
    assert binomial_cdf(successes, trials, probability) == pytest.approx(float(exact), rel=1e-9)


@pytest.mark.parametrize(("trials", "least"), [(20, 16), (50, 41), (100, 85), (200, 173)])
def test_so_many_intervals_must_hold_of_those_that_promise_nine_in_ten(trials: int, least: int) -> None:
    """`least` by the tables of the binomial distribution at 0.05."""
    for within, expected in ((least, True), (least - 1, False)):
        assert coverage_holds(np.arange(trials) < within, trials, 0.9) is expected


def test_what_is_asked_of_a_prediction() -> None:
    """The parts lie below, on and between the bounds, on the other one and above."""
    target = np.array([0.5, 1.0, 2.0, 5.0, 5.5])
    predictions = [Prediction(2.0, 1.0, 5.0, distance, 1.0) for distance in (0.5, 1.0, 1.5, 0.0, 0.0)]
    assert inside(target, predictions, 0.9).tolist() == [False, True, True, True, False]
    assert errors(target, predictions).tolist() == [1.5, 1.0, 0.0, 3.0, 3.5]
    assert half_widths(predictions).tolist() == [2.0] * 5
    assert counted(target, predictions, 3.0).tolist() == [True, True, False, False, False], "an error below the cap"
    assert counted(target, predictions, 2 * half_widths(predictions)).tolist() == [True, True, False, True, True]


def test_no_parts_at_all_say_nothing_against_a_model() -> None:
    assert coverage_holds(np.zeros(0, dtype=np.bool_), 0, 0.9)
    assert intervals_hold(np.zeros(0), [], 0.9)
