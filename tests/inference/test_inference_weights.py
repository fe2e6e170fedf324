"""Training weights: a part that stands for several counts as several, wherever parts are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.digest import data_digest
from inference.models.fitting import lot_quantile, measure
from inference.models.gaps import learn_gaps
from inference.models.kind import Times, TrainingData, TrainingSettings
from inference.models.tables import logistic
from inference.models.tables.class_quality import calibrate, known_rates, quality
from inference.training import train
from monitor.model import Floats

Rows = NDArray[np.intp]
WEIGHTS = np.random.default_rng(3).choice([1, 1, 1, 4], 120)
COPIES: Rows = np.repeat(np.arange(120), WEIGHTS)
"""The rows as often as their weights say."""


def test_a_quantile_of_weighted_parts_is_that_of_their_copies() -> None:
    scores, lots = np.random.default_rng(1).exponential(size=120), [str(i) for i in range(120)]
    apart = [str(i) for i in range(len(COPIES))]
    for coverage in (0.5, 0.8, 0.9, 0.99):
        expected = lot_quantile(scores[COPIES], coverage, apart)
        assert lot_quantile(scores, coverage, lots, WEIGHTS.astype(float)) == expected
        assert lot_quantile(scores, coverage, lots, np.ones(120)) == lot_quantile(scores, coverage, lots)


def test_metrics_of_weighted_parts_are_those_of_their_copies() -> None:
    rng = np.random.default_rng(2)
    target = rng.normal(size=120)
    value, half = target + rng.normal(0, 0.5, 120), np.full(120, 0.6)
    every: Mapping[str, Rows] = {"train": np.arange(60), "stopping": np.arange(0), "calibration": np.arange(60)}
    held = np.arange(1, 120)
    found = measure(target, value, half, {**every, "validation": held}, 0, WEIGHTS.astype(float))
    error = np.abs(target - value)[np.repeat(held, WEIGHTS[held])]
    assert found.quality["mae"] == pytest.approx(error.mean())
    assert found.coverage == pytest.approx((error <= 0.6).mean())
    plain = measure(target, value, half, {**every, "validation": held}, 0)
    assert found.skill != plain.skill
    assert measure(target, value, half, {**every, "validation": held}, 0, np.ones(120)) == plain


def _classes() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(120, 2))
    return rows, (rows[:, 0] + rng.normal(0, 0.8, 120) > 0.5).astype(np.float64)


def test_classes_are_fitted_and_judged_as_their_copies_would_be() -> None:
    rows, target = _classes()
    weights = WEIGHTS.astype(float)
    columns = logistic.learn_design(rows, learn_gaps(rows, 0.0), {}).of(rows)
    fitted = logistic.fit(columns, target, 2, 0.04, counted=weights)
    np.testing.assert_allclose(fitted, logistic.fit(columns[COPIES], target[COPIES], 2, 0.04), atol=2e-3)
    assert np.abs(fitted - logistic.fit(columns, target, 2, 0.04)).max() > 0.02
    guess = np.clip(0.5 + 0.2 * rows[:, 0], 0.05, 0.95)
    shares = np.column_stack([1 - guess, guess])
    calibration = calibrate(shares, target, weights)
    np.testing.assert_allclose(calibration, calibrate(shares[COPIES], target[COPIES]), atol=2e-3)
    settings = TrainingSettings(("a", "b"), 0, 0.9, 1, 1, classes=("good", "bad"), good="good")
    found, copied = quality(shares, target, settings, weights), quality(shares[COPIES], target[COPIES], settings)
    assert {name: found[name] for name in found if name != "auroc"} == pytest.approx(
        {name: copied[name] for name in copied if name != "auroc"}
    )
    folds = np.arange(120) // 24
    others = known_rates(target, 2, folds, weights)[2]
    np.testing.assert_allclose(others[COPIES], known_rates(target[COPIES], 2, folds[COPIES])[2])


def _data(kind: str) -> tuple[TrainingData, TrainingSettings]:
    rows, target = _classes()
    if kind != "classifier":
        target = rows[:, 0] + np.random.default_rng(6).normal(0, 0.3, 120)
    at = np.arange(120.0)
    names = ("good", "bad") if kind == "classifier" else ()
    settings = TrainingSettings(("a", "b"), 0, 0.9, 5, 1, classes=names, good="good" if names else "")
    return TrainingData(rows, target, [f"S{i}" for i in range(120)], (), Times(at, at + 1)), settings


@pytest.mark.parametrize("kind", ["classifier", "ensemble"])
@pytest.mark.slow
def test_weights_of_one_change_nothing_and_others_do(kind: str) -> None:
    data, settings = _data(kind)
    plain = train(data, settings, kind)
    same = train(replace(data, weights=np.ones(120)), settings, kind)
    assert same.contents.entries == plain.contents.entries
    for name, tensor in plain.contents.tensors.items():
        np.testing.assert_allclose(same.contents.tensors[name], tensor)
    other = train(replace(data, weights=np.where(data.target > np.median(data.target), 5.0, 1.0)), settings, kind)
    assert other.contents.entries != plain.contents.entries
    assert other.metrics != plain.metrics
    assert other.data_digest != plain.data_digest == data_digest(data.rows, data.target, data.serials)  # type: ignore[arg-type]


def test_rates_are_right_where_only_a_share_of_the_scraps_is_audited() -> None:
    """Of 4,000 parts 30 % would be scrapped; a tenth of these has an outcome, and so has every other part."""
    rng = np.random.default_rng(9)
    rows = rng.normal(size=(4000, 1))
    bad = (rng.random(4000) < 1 / (1 + np.exp(-2 * rows[:, 0] + 1))).astype(np.float64)
    scrapped = rows[:, 0] > np.quantile(rows[:, 0], 0.7)
    known = ~scrapped | (rng.random(4000) < 0.1)
    weights = np.where(scrapped, 10.0, 1.0)[known]
    flat = np.tile([1 - bad[known].mean(), bad[known].mean()], (int(known.sum()), 1))
    settings = TrainingSettings(("a",), 0, 0.9, 1, 1, classes=("good", "bad"), good="good")
    truth = quality(np.tile(flat[0], (4000, 1)), bad, settings)["brier"]
    found = quality(flat, bad[known], settings, weights)["brier"]
    plain = quality(flat, bad[known], settings)["brier"]
    assert abs(found - truth) < 0.02 < abs(plain - truth)
