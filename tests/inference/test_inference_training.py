"""Training: what is learnt, that it repeats, that no serial leaks, and that the interval keeps its word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from fork_kit import ended, forked
from hypothesis import given
from hypothesis import strategies as st
from inference_parts import make_parts, settings, shape_of, train_small

from inference.digest import data_digest
from inference.models.fitting import conformal_quantile, naive_forecast, split
from inference.models.kind import TrainingData
from inference.models.shapes.network import run_padded
from inference.training import TrainedModel, train
from inference.vision.threads import one_thread
from monitor.errors import ModelError, ModelReason


@pytest.mark.slow
def test_a_model_of_800_parts_comes_near_its_ceiling_and_its_interval_keeps_its_coverage() -> None:
    rows, target, serials, _ = make_parts(800, seed=1)
    trained = train(TrainingData(rows, target, serials), settings(400))
    model = shape_of(trained)
    fresh, truth, _, ideal = make_parts(3000, seed=77)
    answers = model.predict(fresh)
    value = np.array([one.value for one in answers])
    ceiling = 1 - np.var(truth - ideal) / np.var(truth)
    r2 = 1 - np.mean((truth - value) ** 2) / np.var(truth)
    assert 0.86 < ceiling < 0.93
    assert r2 > ceiling - 0.08
    inside = [one.lower <= at <= one.upper for at, one in zip(truth.tolist(), answers, strict=True)]
    assert abs(np.mean(inside) - 0.9) < 0.05
    assert trained.metrics.skill > 0.5
    assert abs(trained.metrics.quality["r2"] - r2) < 0.08


@pytest.mark.process
def test_the_same_seed_gives_the_same_bits_whatever_the_threads_and_the_global_seed(trained: TrainedModel) -> None:
    def again() -> None:
        torch.manual_seed(999)
        torch.set_num_threads(2)
        found = train_small()
        assert torch.get_num_threads() == 2
        assert found.contents.entries == trained.contents.entries
        assert found.metrics == trained.metrics
        for name, tensor in trained.contents.tensors.items():
            assert np.array_equal(tensor, found.contents.tensors[name]), name

    assert ended(forked(again)) == 0  # forked: threads stay in that process


def test_training_leaves_the_global_random_numbers_alone() -> None:
    state = torch.get_rng_state()
    train_small(count=120, epochs=2)
    assert torch.equal(torch.get_rng_state(), state)


def test_another_seed_gives_another_model(trained: TrainedModel) -> None:
    rows, target, serials, _ = make_parts(400)
    other = train(TrainingData(rows, target, serials), settings(3))
    assert shape_of(other).calibration != shape_of(trained).calibration


@pytest.mark.slow
def test_outcomes_without_relation_to_the_inputs_show_no_skill() -> None:
    rows, target, serials, _ = make_parts(600, seed=3)
    shuffled = np.cumsum(np.random.default_rng(0).normal(size=len(target)))
    assert train(TrainingData(rows, shuffled, serials), settings()).metrics.skill <= 0


def test_a_constant_outcome_and_constant_inputs_train_to_no_skill_without_a_bad_number() -> None:
    rows, _, serials, _ = make_parts(200)
    trained = train(TrainingData(np.ones_like(rows), np.full(200, 5.0), serials), settings(3))
    assert (trained.metrics.skill, trained.metrics.quality["r2"]) == (0.0, 0.0)
    assert np.isfinite(run_padded(shape_of(trained).network, np.ones_like(rows))).all()


def test_rows_of_a_serial_stay_together_and_every_row_has_one_part() -> None:
    serials = [f"S{i % 300}" for i in range(1000)]
    parts = split(serials)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(1000))
    of = [{serials[i] for i in rows} for rows in parts.values()]
    assert sum(map(len, of)) == 300
    assert {name: round(len(rows) / 1000, 1) for name, rows in parts.items()}["train"] == pytest.approx(0.5, abs=0.1)


def test_the_part_of_a_serial_does_not_depend_on_the_others() -> None:
    everything = split([f"S{i}" for i in range(100)])
    for name, rows in everything.items():
        for row in rows[:5]:
            assert len(split([f"S{row}"])[name]) == 1


REFUSED = [
    ("too few rows", lambda r, y, s: (r[:30], y[:30], s[:30]), ModelReason.TOO_FEW_ROWS, "too few rows to train"),
    ("one serial only", lambda r, y, s: (r, y, ["S"] * len(s)), ModelReason.TOO_FEW_ROWS, "too few rows"),
    ("no rows", lambda r, y, s: (r[:0], y[:0], []), ModelReason.TOO_FEW_ROWS, "too few rows"),
    ("a missing input", lambda r, y, s: (np.where(r == r[3, 3], np.nan, r), y, s), ModelReason.MISMATCH, "1 rows"),
    ("an infinite outcome", lambda r, y, s: (r, np.where(y == y[3], np.inf, y), s), ModelReason.MISMATCH, "infinite"),
    ("a column too few", lambda r, y, s: (r[:, 1:], y, s), ModelReason.MISMATCH, "does not fit"),
    ("an outcome too few", lambda r, y, s: (r, y[1:], s), ModelReason.MISMATCH, "does not fit"),
]


@pytest.mark.parametrize(("change", "reason", "words"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_data_that_cannot_be_trained_on_is_refused_in_one_sentence(
    change: object, reason: ModelReason, words: str
) -> None:
    rows, target, serials, _ = make_parts(200)
    with pytest.raises(ModelError, match=words) as caught:
        train(TrainingData(*change(rows, target, serials)), settings(3))  # type: ignore[operator]
    assert caught.value.reason is reason
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("count", "coverage", "rank"),
    [(9, 0.9, 9), (10, 0.9, 10), (19, 0.9, 18), (99, 0.9, 90), (99, 0.99, 99), (4, 0.8, 4)],
)
def test_the_quantile_takes_the_rank_that_the_theorem_asks_for(count: int, coverage: float, rank: int) -> None:
    assert conformal_quantile(np.random.default_rng(0).permutation(count) + 1.0, coverage) == rank


@pytest.mark.parametrize(("count", "coverage"), [(8, 0.9), (18, 0.95), (98, 0.99)])
def test_too_few_scores_have_no_finite_quantile(count: int, coverage: float) -> None:
    with pytest.raises(ModelError, match=f"has {count}, at least {count + 1} are needed"):
        conformal_quantile(np.arange(float(count)), coverage)


@given(st.integers(30, 200), st.sampled_from([0.8, 0.9, 0.95]))
@pytest.mark.slow
def test_the_quantile_covers_a_new_score_at_least_as_often_as_promised(count: int, coverage: float) -> None:
    # exchangeability, exactly: of count + 1 distinct values each in turn is new, and the others calibrate
    scores = np.arange(count + 1.0)
    covered = [new <= conformal_quantile(np.delete(scores, new), coverage) for new in range(count + 1)]
    assert coverage <= np.mean(covered) <= coverage + 2 / (count + 1)


def test_the_naive_forecast_knows_only_what_came_before() -> None:
    found = naive_forecast(np.array([1.0, 5.0, 3.0, 100.0, 4.0]), window=3)
    np.testing.assert_array_equal(found, [np.nan, 1.0, 3.0, 3.0, 5.0])


def test_the_data_digest_sees_every_number_and_serial_and_no_memory_layout() -> None:
    rows, target, serials, _ = make_parts(20)
    digest = data_digest(rows, target, serials)
    assert data_digest(np.asfortranarray(rows), target.copy(), tuple(serials)) == digest
    assert data_digest(np.nextafter(rows, np.inf), target, serials) != digest
    assert data_digest(rows, target[::-1], serials) != digest
    assert data_digest(rows, target, serials[::-1]) != digest
    assert data_digest(rows, target, [*serials[:-2], serials[-2] + serials[-1][0], serials[-1][1:]]) != digest


@pytest.mark.process
def test_threads_are_given_back_after_an_error() -> None:
    def fail() -> None:
        torch.set_num_threads(2)
        with pytest.raises(ZeroDivisionError), one_thread():
            1 // (torch.get_num_threads() - 1)
        assert torch.get_num_threads() == 2

    assert ended(forked(fail)) == 0


def test_a_trained_model_is_a_frozen_value(trained: TrainedModel) -> None:
    assert replace(trained, data_digest="x").data_digest == "x"
    with pytest.raises(AttributeError):
        trained.data_digest = "x"  # type: ignore[misc]
