"""Intervals follow the outcomes: too narrow ones widen, too wide ones narrow, lots count as lots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from inference.models.adapting import scaled, tail_freedom, tracked_scale
from monitor.model import Floats, Prediction


def alone(count: int) -> list[str]:
    return [str(i) for i in range(count)]


def followed(scores: Floats, lots: list[str], coverage: float, every: int = 20) -> float:
    """The coverage of intervals that are adapted to the outcomes before, which become known `every` parts at once."""
    inside = []
    for start in range(0, len(scores), every):
        scale = tracked_scale(scores[:start], lots[:start], coverage)
        inside += (scores[start : start + every] <= scale).tolist()
    return float(np.mean(inside[200:]))


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("wrong", [0.5, 1.0, 2.5], ids=["too wide", "right", "too narrow"])
def test_the_coverage_is_reached_after_200_outcomes(coverage: float, wrong: float) -> None:
    scores = wrong * np.abs(np.random.default_rng(2).normal(size=1200))
    assert followed(scores, alone(1200), coverage) == pytest.approx(coverage, abs=0.02)


def test_a_change_of_the_plant_is_followed() -> None:
    rng = np.random.default_rng(6)
    scores = np.abs(rng.normal(size=1200)) * np.linspace(0.7, 1.5, 1200)
    assert followed(scores, alone(1200), 0.9) == pytest.approx(0.9, abs=0.03)


def test_parts_of_a_lot_that_miss_together_move_it_less_than_as_many_alone() -> None:
    rng = np.random.default_rng(3)
    lots = [str(i // 10) for i in range(1200)]
    scores = np.abs(rng.normal(0.0, 1.0, 120))[np.arange(1200) // 10] + np.abs(rng.normal(0, 0.05, 1200))
    moved, together = (
        [tracked_scale(scores[:n], names[:n], 0.9) for n in range(400, 1200, 10)] for names in (alone(1200), lots)
    )
    assert np.std(np.log(together)) < 0.7 * np.std(np.log(moved))


def test_without_outcomes_intervals_are_as_the_model_gives_them() -> None:
    assert tracked_scale(np.empty(0), [], 0.9) == 1.0
    told = Prediction(5.0, 4.0, 7.0, 0.5, 1.0, (0.5, 0.5))
    assert scaled(told, 1.0) == told
    assert scaled(told, 2.0) == Prediction(5.0, 3.0, 9.0, 0.5, 1.0, (0.5, 0.5))


@pytest.mark.parametrize(("score", "scale"), [(np.inf, 8.0), (0.0, 1 / 8)])
def test_the_scale_is_bounded(score: float, scale: float) -> None:
    assert tracked_scale(np.full(5000, score), alone(5000), 0.9) == pytest.approx(scale)


def errors(freedom: float, count: int, seed: int) -> Floats:
    """Absolute errors in half widths of intervals that contain nine in ten."""
    drawn = student.rvs(freedom, size=count, random_state=np.random.default_rng(seed))
    return np.abs(drawn) / float(student.ppf(0.95, freedom))


def test_without_outcomes_tails_are_taken_for_heavy() -> None:
    assert tail_freedom(np.empty(0), [], 0.9) == pytest.approx(4.0)


@pytest.mark.parametrize(("freedom", "low", "high"), [(2.5, 2.0, 3.5), (5.0, 3.5, 7.5), (1e6, 20.0, 1000.0)])
def test_tails_are_found_from_errors(freedom: float, low: float, high: float) -> None:
    found = [tail_freedom(errors(freedom, 1200, seed), alone(1200), 0.9) for seed in range(5)]
    assert low < np.median(found) < high


def test_more_outcomes_of_light_tails_make_the_tails_lighter() -> None:
    scores = errors(1e6, 1200, 1)
    found = [tail_freedom(scores[:count], alone(count), 0.9) for count in (0, 50, 1200)]
    assert found == sorted(found)


def test_copies_of_parts_in_a_lot_say_little_more_than_one() -> None:
    scores = np.repeat(errors(1e6, 100, 4), 10)
    lots = [str(i // 10) for i in range(1000)]
    assert tail_freedom(scores, lots, 0.9) < tail_freedom(scores, alone(1000), 0.9)


def test_an_error_where_the_interval_has_no_width_makes_heavy_tails_and_no_nan() -> None:
    scores = errors(1e6, 200, 5)
    scores[7] = np.inf
    assert 2.0 <= tail_freedom(scores, alone(200), 0.9) < 4.0
