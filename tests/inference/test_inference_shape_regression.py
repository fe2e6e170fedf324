"""The regression of the shape model: intervals as by crepes, groups left out, refitting, categories, components."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from crepes import ConformalRegressor
from inference_parts import INPUTS, POINTS, make_parts, settings, shape_of
from pydantic import ValidationError

from inference import packaging
from inference.models.fitting import split
from inference.models.gaussian_process import fit
from inference.models.kind import Contents, TrainingData, TrainingSettings
from inference.models.shapes import regression as shape_regression
from inference.models.shapes.process_deviations import deviations
from inference.models.shapes.regression import (
    Learnt,
    best_power,
    fit_regression,
    learn_projection,
    refit_regression,
)  # fmt: skip
from inference.models.shapes.shape import KIND
from inference.training import train
from monitor.model import Floats

REFIT = replace(settings(20), refit=True)


def learnt(count: int, seed: int, lots: int = 0) -> Learnt:
    rows, target, serials, _ = make_parts(count, seed)
    return Learnt(rows, target, [f"lot {i % lots}" for i in range(count)] if lots else serials)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.slow
def test_the_intervals_are_those_of_crepes(coverage: float) -> None:
    known, calibrating, fresh = learnt(250, 1), learnt(120, 2), make_parts(200, 3)[0]
    regression = fit_regression(known, calibrating, POINTS, replace(settings(), coverage=coverage))
    value, deviation = regression.process.predict(regression.projection.regressors(calibrating.rows))
    judge = ConformalRegressor().fit(calibrating.target - value, sigmas=deviation**regression.power)
    value, deviation = regression.process.predict(regression.projection.regressors(fresh))
    expected = judge.predict_int(value, sigmas=deviation**regression.power, confidence=coverage)
    found, half = regression.predict(fresh)
    np.testing.assert_allclose(np.stack([found - half, found + half], axis=1), expected, rtol=1e-9)


@pytest.mark.slow
def test_the_deviation_of_a_left_out_lot_is_that_of_anchors_without_it() -> None:
    rows, target = np.random.default_rng(1).normal(size=(260, 12)), np.random.default_rng(2).normal(size=260)
    target = target * 0.2 + np.sin(2 * rows[:, 0]) * rows[:, 1]
    fitted = fit(rows, target, seed=0)
    process, anchors = fitted.process, len(fitted.process.factor)
    assert anchors < 260
    labels = [f"lot {i % 65}" for i in range(260)]
    found = deviations(fitted, labels)

    def kernel(left: Floats, right: Floats) -> Floats:
        a, b = ((x - process.centre) / process.scale for x in (left, right))
        far = np.square((a[:, None] - b[None]) / process.length).sum(axis=2)
        linear = (a[:, None] * b[None] * process.slope).sum(axis=2)
        return np.asarray(process.levels[0] * np.exp(-far / 2) + linear + 1.0)

    for lot in (0, 7, 31):
        gone = np.array([i % 65 == lot for i in range(260)])
        inside = [i for i in fitted.chosen[:anchors] if not gone[i]]
        near, noise = kernel(rows[inside], rows[inside]), process.levels[1]
        near += 1e-9 * np.trace(near) / anchors * np.eye(len(near))
        cross, known = kernel(rows[gone], rows[inside]), kernel(rows[inside], rows[~gone])
        less = np.linalg.inv(near) - np.linalg.inv(near + known @ known.T / noise)
        variance = np.diag(kernel(rows[gone], rows[gone])) - ((cross @ less) * cross).sum(axis=1) + noise
        np.testing.assert_allclose(found[gone], np.sqrt(variance) * process.target[1], rtol=1e-5)


@pytest.mark.slow
def test_left_out_deviations_are_of_the_size_of_those_of_new_parts() -> None:
    rows, target, _, _ = make_parts(400, 4)
    fitted = fit(learn_projection(rows[:, :POINTS], True).regressors(rows), target, seed=0)
    fresh = fitted.process.predict(learn_projection(rows[:, :POINTS], True).regressors(make_parts(1500, 5)[0]))[1]
    assert np.mean(deviations(fitted, range(700))) == pytest.approx(fresh.mean(), rel=0.03)


@pytest.mark.parametrize("few", [0, 10**6], ids=["closed form", "folds"])
@pytest.mark.slow
def test_a_lot_is_never_on_both_sides_of_the_calibration(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a lot share what the inputs do not show: calibrated a part at a time, intervals are far too narrow."""
    monkeypatch.setattr(shape_regression, "_FEW", few)
    rng = np.random.default_rng(8)
    lots = np.arange(200) // 5
    rows = rng.normal(size=(40, POINTS))[lots] * 0.1 + 1e-3 * rng.normal(size=(200, POINTS))
    shared = rng.normal(size=40)[lots] + 0.05 * rng.normal(size=200)
    by_lot = refit_regression(Learnt(rows, shared, [f"lot {i}" for i in lots]), POINTS, settings())
    by_part = refit_regression(Learnt(rows, shared, [str(i) for i in range(200)]), POINTS, settings())
    widths = [2 * one.predict(rows[:1] + 5.0)[1][0] for one in (by_lot, by_part)]
    inside = np.abs(shared - shared.mean()) < widths[0] / 2
    assert inside.mean() > 0.8
    assert widths[0] > 3 * 2 * np.quantile(np.abs(shared - by_part.predict(rows)[0]), 0.9)


@pytest.mark.parametrize("count", [80, 120])
@pytest.mark.slow
def test_intervals_hold_after_refitting_few_parts(count: int) -> None:
    inside = []
    for seed in range(4):
        known, (fresh, truth, _, _) = learnt(count, seed), make_parts(600, 50 + seed)
        value, half = refit_regression(known, POINTS, settings()).predict(fresh)
        inside.append(np.mean(np.abs(truth - value) <= half))
    assert abs(np.mean(inside) - 0.9) < 0.05


@pytest.mark.slow
def test_refitting_uses_all_parts_and_its_metrics_are_those_of_parts_held_out() -> None:
    rows, target, serials, _ = make_parts(200, 6)
    data = TrainingData(rows, target, serials)
    before, after = (train(data, one) for one in (settings(20), REFIT))
    assert after.metrics == before.metrics
    counts = [len(one.contents.tensors["gp_weights"]) for one in (before, after)]
    assert counts == [before.metrics.training_rows, 200]
    fresh, truth, _, _ = make_parts(1500, 60)
    errors = [np.mean([abs(p.value - at) for p, at in zip(m.model().predict(fresh), truth.tolist(), strict=True)])
              for m in (before, after)]  # fmt: skip
    assert errors[1] < errors[0]


def test_the_power_is_the_one_that_errors_follow() -> None:
    rng = np.random.default_rng(3)
    deviation = rng.uniform(0.2, 3, 2000)
    for error, power in (
        (np.abs(rng.normal(size=2000)) * deviation, 1.0), (np.abs(rng.normal(size=2000)), 0.0),
        (np.abs(rng.normal(size=2000)) * np.sqrt(deviation), 0.5),
    ):  # fmt: skip
        assert best_power(error, deviation, 0.9) == power


def test_components_are_those_above_the_noise_and_values_that_are_no_line_stay_as_they_are() -> None:
    rows = make_parts(200, 7)[0][:, :POINTS]
    assert learn_projection(rows, line=True).basis.shape == (POINTS, 3 + 2), "three modes, offset and tilt"
    vector = learn_projection(rows[:, :10], line=False)
    np.testing.assert_allclose(vector.regressors(rows[:, :10]).std(axis=0), 1.0)


def with_machines(count: int, seed: int) -> tuple[TrainingData, TrainingSettings]:
    """Parts whose outcome depends on which of four machines made them, not in order of their names."""
    rows, target, serials, _ = make_parts(count, seed)
    machine = np.random.default_rng(seed).integers(0, 4, count).astype(float)
    data = TrainingData(
        np.column_stack([rows, machine]), target + np.array([0, 0.5, -0.5, 0.3])[machine.astype(int)], serials
    )
    one = replace(
        settings(20), inputs=(*INPUTS, "machine"), categories={"machine": ("a", "b", "c", "d")}, max_missing=0.1
    )
    return data, one


@pytest.mark.slow
def test_a_category_is_a_column_a_level_and_a_missing_one_is_the_most_frequent(tmp_path: Path) -> None:
    data, one = with_machines(400, 9)
    trained = train(data, one)
    model = packaging.load(tmp_path / "m", packaging.save(trained, tmp_path / "m"))
    assert trained.metrics.quality["r2"] > 0.85
    row = data.table[:1]
    values = []
    for machine in (0.0, 1.0, 2.0, 3.0, np.nan):
        changed = row.copy()
        changed[0, -1] = machine
        values.append(model.predict(changed)[0].value)
    np.testing.assert_allclose(np.diff(values[:4]), [0.5, -1.0, 0.8], atol=0.12)
    training = data.table[split(data.serials)["train"], -1].astype(int)
    assert values[4] == values[int(np.bincount(training).argmax())]


@pytest.mark.slow
def test_a_machine_that_training_never_saw_is_out_of_distribution() -> None:
    data, one = with_machines(400, 9)
    seen = data.at(data.table[:, -1] < 3)
    model = train(seen, one).model()
    rows = seen.table[:50].copy()
    rows[:, -1] = 3.0
    assert all(p.distance > p.distance_limit for p in model.predict(rows))


@pytest.mark.parametrize(
    "change",
    [
        {"levels": [2] + [0] * 40}, {"levels": [0] * 39}, {"levels": [0] * 39 + [-1]}, {"quantile": -1.0},
        {"power": 2.0}, {"levels": "x"},
    ],
)  # fmt: skip
def test_entries_that_do_not_fit_are_refused(change: dict[str, object]) -> None:
    rows, target, serials, _ = make_parts(150, 1)
    trained = train(TrainingData(rows, target, serials), settings(2))
    entries = {**trained.contents.entries, "regression": {**trained.contents.entries["regression"], **change}}  # type: ignore[dict-item]
    with pytest.raises((ValueError, ValidationError)):
        KIND.load(INPUTS, Contents(entries, trained.contents.tensors), "")


def test_a_package_has_either_a_half_width_or_a_regression() -> None:
    rows, target, serials, _ = make_parts(150, 1)
    contents = train(TrainingData(rows, target, serials), settings(2)).contents
    calibration = {**contents.entries["calibration"], "half_width": 0.1}  # type: ignore[dict-item]
    for entries in ({**contents.entries, "calibration": calibration}, {**contents.entries, "regression": None}):
        with pytest.raises(ValueError, match="half width"):
            KIND.load(INPUTS, Contents(entries, contents.tensors), "")


@pytest.mark.slow
def test_the_refitted_model_predicts_through_its_package(tmp_path: Path) -> None:
    rows, target, serials, _ = make_parts(200, 6)
    trained = train(TrainingData(rows, target, serials, [f"lot {i // 5}" for i in range(200)]), REFIT)
    model = packaging.load(tmp_path / "m", packaging.save(trained, tmp_path / "m"))
    assert list(model.predict(rows[:30])) == list(shape_of(trained).predict(rows[:30]))
