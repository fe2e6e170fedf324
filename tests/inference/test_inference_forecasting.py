"""Forecasts from known outcomes: nothing from the future, close to the best simple one, intervals that hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.intervals import forecast_holds
from inference.models.fitting import conformal_quantile
from inference.models.forecasting import MEMORY, NEEDED, RESIDUALS, Forecast, _experts, _quantile, follow, forecast
from monitor.model import Floats


def known(count: int, delay: int = 0) -> np.ndarray:
    return np.maximum(np.arange(count) - delay, 0)


def series(name: str, count: int = 3000) -> Floats:
    rng = np.random.default_rng(5)
    noise = rng.normal(size=count)
    if name == "noise":
        return 10 + noise
    if name == "walk":
        return np.cumsum(noise)
    if name == "shifts":
        return noise + 6 * ((np.arange(count) // 400) % 2)
    return noise * (1 + 2 * ((np.arange(count) // 500) % 2))  # spread


NAMES = ("noise", "walk", "shifts", "spread")


@given(st.integers(0, 200), st.integers(0, 12), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_no_forecast_knows_what_comes_later(cut: int, delay: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=200)
    whole, first = (follow(v, known(len(v), delay), 0.9) for v in (values, values[:cut]))
    for name in ("value", "half_width"):
        np.testing.assert_array_equal(getattr(whole, name)[: cut + 1], getattr(first, name))
    np.testing.assert_array_equal(whole.inside[:cut], first.inside)


@pytest.mark.parametrize("delay", [0, 10])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_nearly_as_good_as_the_best_simple_forecast_in_hindsight(name: str, delay: int) -> None:
    values = series(name)
    knew = known(len(values), delay)
    error = np.abs(values - follow(values, knew, 0.9).value[knew])[200:].mean()
    each = np.abs(values[:, None] - _experts(values)[knew])[200:].mean(axis=0)
    assert error < 1.06 * each.min()


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("name", NAMES)
def test_intervals_hold_also_while_the_process_changes(name: str, coverage: float) -> None:
    values = series(name)
    inside = follow(values, known(len(values), 5), coverage).inside[200:]
    assert abs(inside.mean() - coverage) < 0.025


def test_the_interval_is_conformal() -> None:
    errors = np.abs(np.random.default_rng(2).normal(size=RESIDUALS))
    for coverage in (0.5, 0.8, 0.9, 0.99):
        assert _quantile(sorted(errors.tolist()), coverage) == conformal_quantile(errors, coverage)


def test_few_outcomes_make_no_forecast_and_old_ones_are_forgotten() -> None:
    values = series("noise")
    assert forecast(values[:NEEDED], known(NEEDED), 0.9) is None
    assert forecast(values[: NEEDED + 1], known(NEEDED + 1), 0.9) is not None
    whole = forecast(values, known(len(values)), 0.9)
    changed = np.concatenate([values[:-MEMORY] + 1e6, values[-MEMORY:]])
    assert whole == forecast(changed, known(len(values)), 0.9)
    assert whole is not None
    assert (whole.outcomes, forecast_holds(whole)) == (MEMORY, True)


def test_constant_outcomes_have_an_interval_without_width() -> None:
    said = forecast(np.full(100, 7.0), known(100), 0.9)
    assert said is not None
    assert (said.value, said.lower, said.upper) == (7.0, 7.0, 7.0)


def test_intervals_that_fail_are_seen() -> None:
    """Outcomes known so late that the process has always moved on: no width of the past is enough."""
    values = np.cumsum(np.exp(np.linspace(0, 12, 400)))
    said = forecast(values, known(400, 20), 0.9)
    assert said is not None
    assert not forecast_holds(said)


def test_parts_that_miss_together_count_as_fewer() -> None:
    """Known in batches of 50, a level of its own each: the intervals of a batch hold or fail together."""
    rng = np.random.default_rng(4)
    batch = np.repeat(np.arange(24), 50)
    together = forecast(rng.normal(size=24)[batch] + rng.normal(0, 0.05, len(batch)), 50 * batch, 0.9)
    alone = forecast(rng.normal(size=len(batch)), known(len(batch)), 0.9)
    assert together is not None
    assert alone is not None
    assert together.alike > 10
    assert alone.alike < 2
    failing = Forecast(0.0, -1.0, 1.0, 0.9, 1200, inside=150, watched=200)
    assert not forecast_holds(failing)
    assert forecast_holds(replace(failing, alike=40.0))
