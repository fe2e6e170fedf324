"""Training with times: lots in order of time on one side only, what was known then, predictions out of fold kept."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference import packaging
from inference.child import FEWEST_LOTS, groups_of
from inference.models.fitting import conformal_quantile, folds, forecast_errors, lot_quantile
from inference.models.kind import Times, TrainingData, TrainingSettings
from inference.training import TrainedModel, train
from monitor import processes
from monitor.errors import ModelError, ModelReason

INPUTS = tuple("abcdef")
SETTINGS = TrainingSettings(INPUTS, 4, 0.9, 60, 1)


def process(parts: int = 240, trend: float = 0.0, delay: float = 20.0, lots: int = 24) -> TrainingData:
    """Parts a second apart in lots; the outcome follows two inputs, and a trend that no input tells of."""
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(parts, len(INPUTS)))
    lot = np.arange(parts) * lots // parts
    target = rows[:, 4] + rows[:, 5] + rng.normal(0, 0.2, parts) + trend * np.arange(parts)
    passed = np.arange(float(parts))
    serials, groups = [f"S{i}" for i in range(parts)], [f"L{i}" for i in lot.tolist()]
    return TrainingData(rows, target, serials, groups, Times(passed, passed + delay))


def test_a_lot_counts_once_however_large() -> None:
    scores = np.random.default_rng(3).normal(size=99)
    for coverage in (0.5, 0.8, 0.9):
        assert lot_quantile(scores, coverage, [str(i) for i in range(99)]) == conformal_quantile(scores, coverage)
        twice = lot_quantile(np.repeat(scores, 5), coverage, [str(i) for i in range(99) for _ in range(5)])
        assert twice == conformal_quantile(scores, coverage)
    assert lot_quantile(scores, 0.9, ["one"] * 99) == scores.max()


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_the_quantile_covers_new_lots_whose_parts_are_alike(coverage: float) -> None:
    rng = np.random.default_rng(5)
    held, pooled = [], []
    for _ in range(300):
        scores = np.abs(rng.normal(size=31)[:, None] + rng.normal(0, 0.3, (31, 20)))
        lots = [str(i) for i in range(30) for _ in range(20)]
        held.append((scores[30] <= lot_quantile(scores[:30].ravel(), coverage, lots)).mean())
        pooled.append((scores[30] <= np.quantile(scores[:30], coverage)).mean())
    assert coverage - 0.01 < np.mean(held) < coverage + 0.05
    assert np.mean(pooled) < np.mean(held)


def test_folds_are_whole_lots_in_order_of_time() -> None:
    data = process()
    fold_of = folds(data)
    assert (np.diff(fold_of) >= 0).all()
    assert all(len(set(fold_of[[g == lot for g in data.groups]])) == 1 for lot in set(data.groups))


def test_the_baseline_knows_only_outcomes_that_were_available() -> None:
    data = process(delay=30.0)
    errors = forecast_errors(data, 0.9)
    assert np.isnan(errors[:30]).all()
    assert np.isfinite(errors[30:]).all()
    later = replace(data, target=np.where(np.arange(240) < 200, data.target, data.target + 50.0))
    np.testing.assert_array_equal(forecast_errors(later, 0.9)[:200], errors[:200])


@pytest.mark.slow
def test_a_process_that_moves_on_gives_no_skill() -> None:
    """Split at random, each part has neighbours in time that were learnt from; those of tomorrow have none."""
    steady, moving = (train(process(trend=trend), SETTINGS).metrics for trend in (0.0, 0.05))
    assert steady.skill > 0.5
    assert moving.skill < 0
    assert steady.validation_rows == moving.validation_rows == 140


@pytest.mark.slow
def test_every_part_was_predicted_by_others_and_the_package_keeps_it(tmp_path: Path) -> None:
    data = process()
    trained = train(data, SETTINGS)
    digest = packaging.save(trained, tmp_path / "package")
    known = packaging.held_out(tmp_path / "package", digest)
    assert known is not None
    assert list(known) == list(data.serials)
    model = packaging.load(tmp_path / "package", digest)
    inside = [known[s].lower <= y <= known[s].upper for s, y in zip(data.serials, data.target.tolist(), strict=True)]
    assert 0.86 < np.mean(inside) < 0.97
    fitted = np.array([p.value for p in model.predict(data.table)])
    held = np.array([known[serial].value for serial in data.serials])
    assert np.abs(held - data.target).mean() > np.abs(fitted - data.target).mean()
    assert np.abs(held - fitted).max() > 1e-3
    packaging.copy(tmp_path / "package", tmp_path / "copy", digest)
    assert packaging.held_out(tmp_path / "copy", digest) == known


@pytest.mark.process
@pytest.mark.parametrize("kind", ["shape", "ensemble"])
def test_a_second_core_changes_no_bit(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = process(60, lots=12)
    alone = packaging.save(train(parts, SETTINGS, kind), tmp_path / "one")
    used = threading.Event()
    used.set()
    monkeypatch.setattr(processes, "_SECOND_CORE", used)
    assert packaging.save(train(parts, SETTINGS, kind), tmp_path / "two") == alone


@pytest.mark.slow
def test_kept_predictions_that_are_changed_are_noticed(tmp_path: Path) -> None:
    digest = packaging.save(train(process(), SETTINGS), tmp_path / "package")
    file = tmp_path / "package" / packaging.HELD_OUT
    content = json.loads(file.read_text())
    content["predictions"][0][0] += 1.0
    file.write_bytes(packaging.canonical(content))
    with pytest.raises(ModelError, match=r"held_out\.json does not match the digest") as caught:
        packaging.load(tmp_path / "package", digest)
    assert caught.value.reason is ModelReason.CORRUPT


@pytest.mark.slow
def test_a_package_of_before_says_nothing_of_parts_held_out(tmp_path: Path) -> None:
    data = replace(process(), times=None)
    trained: TrainedModel = train(data, SETTINGS)
    assert packaging.held_out(tmp_path / "package", packaging.save(trained, tmp_path / "package")) is None


def test_few_lots_are_no_groups_and_a_part_without_lot_stands_alone() -> None:
    serials = [f"S{i}" for i in range(FEWEST_LOTS + 1)]
    assert groups_of(["A"] * len(serials), serials) == []
    assert groups_of(["A", "A", *[""] * (len(serials) - 2)], serials)[:3] == ["lot A", "lot A", "part S2"]
