"""The ensemble: the joint normal distribution for any missing inputs, intervals equal to a library's, categories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from crepes import ConformalRegressor

from benchmarks.lines import INPUTS, SETTINGS, line
from inference.models.kind import TrainingData, TrainingSettings
from inference.models.tables import conditional_gaussian
from inference.models.tables.encoding import closed_levels, known_levels, learn_encoding
from inference.models.tables.ensemble_fitting import quantiles
from inference.training import train
from monitor.model import Floats, Prediction
from monitor.ports import GateModel

RECIPE = INPUTS.index("recipe")


def joint(count: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Inputs and outcome of one normal distribution of five numbers, and its covariance."""
    factor = np.random.default_rng(0).normal(size=(5, 5)) + 0.5 * np.eye(5)
    both = np.random.default_rng(seed).normal(size=(count, 5)) @ factor.T
    return both[:, :4] * 3 + 100, both[:, 4], factor @ factor.T


def test_every_pattern_is_answered_as_the_distribution_says() -> None:
    rows, target, _ = joint(3000, 1)
    fitted = conditional_gaussian.fit(rows, target)
    mean = np.append(rows.mean(axis=0), target.mean())
    covariance = np.diag(fitted.scales[1]) @ fitted.covariance @ np.diag(fitted.scales[1])
    for code in range(16):
        given = np.array([bool(code >> i & 1) for i in range(4)])
        some = np.where(given, rows[:5], np.nan)
        o = np.flatnonzero(given)
        slope = np.linalg.solve(covariance[np.ix_(o, o)], covariance[o, 4])
        value, deviation, _ = fitted.predict(some)
        np.testing.assert_allclose(value, mean[4] + (rows[:5][:, o] - mean[o]) @ slope, rtol=1e-7)
        np.testing.assert_allclose(deviation, np.sqrt(covariance[4, 4] - covariance[o, 4] @ slope), rtol=1e-7)
        filled = fitted.filled(some)
        assert np.array_equal(filled[:, o], some[:, o])
        gone = np.flatnonzero(~given)
        expected = mean[gone] + (rows[:5][:, o] - mean[o]) @ np.linalg.solve(
            covariance[np.ix_(o, o)], covariance[np.ix_(o, gone)]
        )
        np.testing.assert_allclose(filled[:, gone], expected, rtol=1e-7)


def test_missing_values_hardly_change_what_is_learnt() -> None:
    rows, target, covariance = joint(4000, 2)
    gaps = np.where(np.random.default_rng(3).random(rows.shape) < 0.25, np.nan, rows)
    fitted = conditional_gaussian.fit(gaps, target)
    scale = np.array([3.0, 3.0, 3.0, 3.0, 1.0])
    found = fitted.covariance * np.outer(fitted.scales[1], fitted.scales[1]) / np.outer(scale, scale)
    size = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert np.abs((found - covariance) / size).max() < 0.06


def test_distances_have_one_scale_whatever_is_missing() -> None:
    fitted = conditional_gaussian.fit(*joint(4000, 2)[:2])
    rows = joint(20000, 4)[0]
    for given in ([0], [1, 3], [0, 1, 2], [0, 1, 2, 3]):
        some = np.full_like(rows, np.nan)
        some[:, given] = rows[:, given]
        distance = fitted.predict(some)[2]
        assert 0.006 < (distance > 2.326).mean() < 0.016
    assert fitted.predict(np.full((1, 4), np.nan))[2][0] == 0


@pytest.mark.slow
def test_no_bit_depends_on_the_other_rows_or_on_what_was_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, target, _ = joint(500, 5)
    rows = np.where(np.random.default_rng(3).random(rows.shape) < 0.3, np.nan, rows)
    fitted = conditional_gaussian.fit(rows, target)
    whole = np.array(fitted.predict(rows))
    monkeypatch.setattr(conditional_gaussian, "_KEPT", 2)
    other = conditional_gaussian.fit(rows, target)
    assert np.array_equal(np.hstack([np.array(other.predict(row[None])) for row in rows]), whole)
    assert len(other._solved) <= 2
    assert np.array_equal(np.vstack([other.filled(row[None]) for row in rows]), fitted.filled(rows))


def test_constant_and_repeated_columns_do_no_harm() -> None:
    rows, target, _ = joint(100, 6)
    odd = np.hstack([rows, rows[:, :1], np.full((100, 1), 3.0), np.full((100, 1), np.nan)])
    assert np.isfinite(conditional_gaussian.fit(odd, target).predict(odd)).all()
    assert np.isfinite(conditional_gaussian.fit(odd, np.full(100, 2.0)).predict(odd * 1e90)).all()


def test_intervals_are_those_of_crepes() -> None:
    """Normalised, by kind (Mondrian): the same half widths, to the last bit.

    Not where (n + 1) / 10 is whole: there crepes takes the next larger score, by the last bit of 1 - 0.9.
    """
    rng = np.random.default_rng(0)
    for first, second in ((63, 57), (170, 166), (502, 497)):
        count = first + second
        residuals, deviation = rng.normal(size=count), rng.uniform(0.5, 2.0, count)
        complete = rng.permutation(count) < first
        found = quantiles(np.abs(residuals) / deviation, complete, 0.9, [str(i) for i in range(count)])
        theirs = ConformalRegressor().fit(residuals, sigmas=deviation, bins=complete.astype(int))
        new, kinds = rng.uniform(0.5, 2.0, 50), rng.random(50) < 0.5
        expected = theirs.predict_int(np.zeros(50), sigmas=new, bins=kinds.astype(int), confidence=0.9)
        half = np.where(kinds, *found) * new
        assert np.array_equal(np.stack([-half, half], axis=1), expected)


@pytest.fixture(scope="module")
def taught() -> tuple[TrainingData, TrainingData, GateModel, dict[str, float]]:
    data = line(700, 4000).data
    early = np.arange(700) < 300
    trained = train(data.at(early), SETTINGS, "ensemble")
    return data.at(early), data.at(~early), trained.model(), dict(trained.metrics.quality)


def values(answers: list[Prediction] | object) -> Floats:
    return np.array([one.value for one in answers])  # type: ignore[attr-defined]


@pytest.mark.slow
def test_it_beats_its_best_input_and_says_by_how_much(
    taught: tuple[TrainingData, TrainingData, GateModel, dict[str, float]],
) -> None:
    learnt, fresh, model, quality = taught
    error = np.abs(fresh.target - values(model.predict(fresh.table))).mean()
    early = INPUTS.index("p2")
    slope, constant = np.polyfit(learnt.table[:, early], learnt.target, 1)
    best = np.abs(fresh.target - constant - slope * fresh.table[:, early]).mean()
    assert error < 0.75 * best
    assert quality["gain_over_best_input"] == pytest.approx(1 - error / best, abs=0.08)
    assert quality["gain_over_flat"] > 0.1
    assert quality["best_input_mae"] == pytest.approx(best, rel=0.1)


@pytest.mark.slow
def test_a_new_recipe_is_out_of_distribution_and_an_unknown_part_is_the_mean() -> None:
    data = line(300, 7).data
    model = train(data, replace(SETTINGS, max_missing=0.95), "ensemble").model()
    rows = data.table[:10].copy()
    rows[:, RECIPE] = -1
    assert all(one.distance > one.distance_limit for one in model.predict(rows))
    nothing = model.predict(np.full((1, len(INPUTS)), np.nan))[0]
    assert nothing.value == pytest.approx(data.target.mean(), abs=0.2)
    assert nothing.lower < np.quantile(data.target, 0.1)
    assert nothing.distance <= nothing.distance_limit


@pytest.mark.slow
def test_lots_come_and_go_and_are_not_out_of_distribution() -> None:
    data = line(300, 8).data
    lots = np.arange(300) // 30
    rows = np.column_stack([data.table, lots])
    settings = TrainingSettings(
        (*INPUTS, "lot"), 0, 0.9, 0, 1, categories={**SETTINGS.categories, "lot": tuple(f"L{i}" for i in range(10))}
    )
    model = train(replace(data, rows=rows), settings, "ensemble").model()
    rows[:, -1] = -1
    assert np.mean([one.distance > one.distance_limit for one in model.predict(rows)]) < 0.05


def test_categories_become_columns_of_their_frequent_levels() -> None:
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.normal(size=100), np.repeat([0, 1, 2, 3], [50, 40, 7, 3]), np.arange(100) // 10])
    rows[5, 1] = np.nan
    fold_of = np.arange(100) // 20
    shuffled = rng.permutation(100)
    rows[:, 1] = rows[shuffled, 1]
    levels = {1: 5, 2: 10}
    known = closed_levels(rows, fold_of, levels)
    assert set(known) == {1}
    encoding = learn_encoding(rows, (0, 1, 2), levels, known)
    assert encoding.levels == {1: (0, 1, 2), 2: tuple(range(10))}
    strange = known_levels(np.array([[1.0, 4.0, 3.0], [1.0, 7.0, 3.0], [1.0, 2.0, -1.0]]), levels)
    assert np.isnan(strange[1, 1])
    columns = encoding.of(strange)
    assert columns.shape == (3, encoding.width)
    assert columns[0, 1:4].tolist() == [0, 0, 0]
    assert np.isnan(columns[1, 1:4]).all()
    assert columns[2, 1:4].tolist() == [0, 0, 1]
    assert encoding.new(np.array([[1.0, 4.0, 3.0], [1.0, np.nan, 99.0]])).tolist() == [True, False]
