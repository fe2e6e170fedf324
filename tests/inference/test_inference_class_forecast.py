"""The forecast of a class: rates that follow the process, and a watch of what it was certain of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.intervals import forecast_holds
from inference.models.forecasting import Counts, Forecast
from inference.models.tables.class_forecast import ClassForecast, class_forecast, follow_rates
from inference.policy.gate import decide_by_forecast, hold
from monitor.model import ClassSpec, Decision, Reason, ReworkBand, Spec, Verdict

MEANINGS = (Verdict.CONTINUE, Verdict.CONTINUE, Verdict.CORRECT, Verdict.SCRAP)
SPEC = ClassSpec(("none", "stain", "scratch", "crack"), (0, 1, 2, 3), MEANINGS, 0.9)
HELD = hold(Reason.NO_MODEL)


def drawn(shares: tuple[float, ...], count: int, seed: int) -> Counts:
    return np.random.default_rng(seed).choice(len(shares), size=count, p=shares)


def at_once(places: Counts) -> Counts:
    return np.arange(len(places))


def found(places: Counts, known: Counts | None = None) -> ClassForecast:
    forecast = class_forecast(places, at_once(places) if known is None else known, SPEC)
    assert forecast is not None
    return forecast


@pytest.mark.slow
def test_rates_are_near_those_of_the_process() -> None:
    shares = (0.6, 0.3, 0.07, 0.03)
    errors = [np.abs(np.array(found(drawn(shares, 800, seed)).rates) - shares).max() for seed in range(20)]
    assert np.mean(errors) < 0.05
    forecast = found(drawn(shares, 800, 1))
    assert sum(forecast.rates) == pytest.approx(1)
    assert forecast.value == forecast.lower == forecast.upper == pytest.approx(forecast.rates[2] + forecast.rates[3])


def test_they_follow_a_change_within_some_parts() -> None:
    before, after = drawn((0.97, 0.01, 0.01, 0.01), 600, 1), drawn((0.1, 0.1, 0.7, 0.1), 80, 2)
    assert found(before).rates[0] > 0.9
    assert found(np.concatenate([before, after])).rates[2] > 0.5


def test_too_few_outcomes_say_nothing() -> None:
    assert class_forecast(np.zeros(29, dtype=np.intp), np.arange(29), SPEC) is None
    assert class_forecast(np.zeros(0, dtype=np.intp), np.arange(0), SPEC) is None
    assert class_forecast(np.zeros(30, dtype=np.intp), np.arange(30), SPEC) is not None


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 20))
@settings(max_examples=50, deadline=None)
def test_what_comes_later_changes_no_earlier_rate(places: list[int], delay: int) -> None:
    whole = np.array(places, dtype=np.intp)
    known = np.maximum(np.arange(len(whole)) - delay, 0)
    rates = follow_rates(whole, known, 4)
    assert rates.shape == (len(whole) + 1, 4)
    assert np.allclose(rates.sum(axis=1), 1)
    for end in range(0, len(whole), 7):
        assert np.array_equal(follow_rates(whole[:end], known[:end], 4), rates[: end + 1])


CASES = {
    "nearly all are good": ((0.7, 0.28, 0.01, 0.01), "continue"),
    "nearly all can be corrected": ((0.02, 0.0, 0.97, 0.01), "correct"),
    "nearly all are scrap: never scrapped": ((0.01, 0.0, 0.01, 0.98), "hold"),
    "not so nearly all": ((0.5, 0.2, 0.2, 0.1), "hold"),
}


@pytest.mark.parametrize(("shares", "verdict"), CASES.values(), ids=CASES)
def test_it_decides_where_one_meaning_is_as_frequent_as_wanted(shares: tuple[float, ...], verdict: str) -> None:
    decision = decide_by_forecast(HELD, found(drawn(shares, 600, 3)), SPEC, ReworkBand())
    assert decision == (HELD if verdict == "hold" else Decision(Verdict(verdict), Reason.FORECAST))


def test_it_does_not_decide_while_what_it_was_certain_of_was_often_wrong() -> None:
    """Defects come in runs: known late, each run is over when the rate says so, and the next one is not foretold."""
    places = np.zeros(600, dtype=np.intp)
    for start in range(60, 560, 120):
        places[start : start + 30] = 3
    late = np.maximum(np.arange(600) - 40, 0)
    forecast = found(places, late)
    assert 0 < forecast.inside < forecast.watched
    assert not forecast_holds(forecast)
    certain = replace(forecast, rates=(0.97, 0.01, 0.01, 0.01))
    assert decide_by_forecast(HELD, certain, SPEC, ReworkBand()) == HELD
    right = replace(certain, inside=certain.watched)
    assert decide_by_forecast(HELD, right, SPEC, ReworkBand()).verdict is Verdict.CONTINUE


@pytest.mark.slow
def test_healthy_processes_are_seldom_said_to_be_wrong() -> None:
    fine = [forecast_holds(found(drawn((0.95, 0.0, 0.03, 0.02), 600, seed))) for seed in range(60)]
    assert sum(fine) >= 57


def test_a_forecast_of_something_else_decides_nothing() -> None:
    number = Forecast(5.0, 4.0, 6.0, 0.9, 600, 190, 200)
    assert decide_by_forecast(HELD, number, SPEC, ReworkBand()) == HELD
    assert decide_by_forecast(HELD, found(drawn((0.98, 0.02, 0.0, 0.0), 200, 1)), Spec(0, 1), ReworkBand()) == HELD
    assert decide_by_forecast(HELD, number, Spec(0, 10), ReworkBand()).reason is Reason.FORECAST
