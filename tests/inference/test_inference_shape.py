"""The shape model: no split, place, neighbour or thread can change a bit; what is far from the training is told."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from fork_kit import ended, forked
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_parts import COVARIATES, INPUTS, POINTS, make_parts, shape_of

from inference.models.shapes.model import ShapeModel
from inference.models.shapes.network import BATCH, ShapeNetwork, ShapeSizes, alignment, run_padded
from inference.training import TrainedModel
from monitor.model import Floats, Prediction

ROWS = make_parts(BATCH + 60, seed=5)[0]


@pytest.fixture(scope="module")
def model(trained: TrainedModel) -> ShapeModel:
    return shape_of(trained)


@pytest.fixture(scope="module")
def whole(model: ShapeModel) -> list[Prediction]:
    return list(model.predict(ROWS))


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, len(ROWS)), max_size=12))
@pytest.mark.slow
def test_any_split_of_the_rows_gives_the_same_bits(model: ShapeModel, whole: list[Prediction], cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(ROWS)]
    pieces = [model.predict(ROWS[a:b]) for a, b in pairwise(borders)]
    assert [p for piece in pieces for p in piece] == whole


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(len(ROWS))))
@pytest.mark.slow
def test_any_order_of_the_rows_gives_the_same_bits(
    model: ShapeModel, whole: list[Prediction], order: list[int]
) -> None:
    assert list(model.predict(ROWS[order])) == [whole[i] for i in order]


@pytest.mark.slow
def test_a_row_gives_the_same_bits_at_every_place_of_the_batch(model: ShapeModel, whole: list[Prediction]) -> None:
    others = np.roll(ROWS[:BATCH], 1, axis=0)
    for place in range(BATCH):
        batch = others.copy()
        batch[place] = ROWS[0]
        assert model.predict(batch)[place] == whole[0]


@pytest.mark.parametrize("filler", [0.0, 1e300, -1e300, np.nan, np.inf])
@pytest.mark.slow
def test_what_fills_the_batch_changes_no_bit_of_a_row(
    model: ShapeModel, whole: list[Prediction], filler: float
) -> None:
    batch = np.full((BATCH, len(INPUTS)), filler)
    batch[17] = ROWS[17]
    assert model.predict(batch)[17] == whole[17]


@pytest.mark.parametrize(("points", "covariates"), [(30, 7), (30, 0), (15, 11), (64, 3)])
@pytest.mark.slow
def test_the_place_in_a_batch_changes_no_bit_whatever_the_number_of_columns(points: int, covariates: int) -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(BATCH, points + covariates))
    network = ShapeNetwork(ShapeSizes(points, covariates))
    network.fit_scales(torch.from_numpy(rows))
    together = run_padded(network, rows)
    alone = np.concatenate([run_padded(network, rows[i : i + 1]) for i in range(BATCH)])
    assert np.array_equal(together, alone)


@pytest.mark.process
def test_the_number_of_threads_changes_no_bit(model: ShapeModel, whole: list[Prediction]) -> None:
    def predict(threads: int) -> None:
        torch.set_num_threads(threads)
        assert list(model.predict(ROWS)) == whole

    assert [ended(forked(partial(predict, threads))) for threads in (1, 2, 4)] == [0, 0, 0]


def test_rows_of_any_memory_layout_are_read_and_left_alone(model: ShapeModel, whole: list[Prediction]) -> None:
    frozen = np.asfortranarray(ROWS)
    frozen.setflags(write=False)
    assert list(model.predict(frozen)) == whole
    assert list(model.predict(np.repeat(ROWS, 2, axis=0)[::2])) == whole


def test_no_rows_give_no_predictions(model: ShapeModel) -> None:
    assert list(model.predict(np.empty((0, len(INPUTS))))) == []


@pytest.mark.parametrize("shape", [(3, len(INPUTS) - 1), (3, len(INPUTS) + 1), (len(INPUTS),)])
def test_rows_of_other_columns_are_refused(model: ShapeModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected rows of 40 inputs"):
        model.predict(np.zeros(shape))


def test_names_that_do_not_fit_the_network_are_refused(model: ShapeModel) -> None:
    with pytest.raises(ValueError, match="expected 40 inputs, not 39"):
        ShapeModel(model.network, INPUTS[1:], model.calibration, "digest")


def is_far(model: ShapeModel, rows: Floats) -> list[bool]:
    return [p.distance > p.distance_limit for p in model.predict(rows)]


def test_healthy_parts_are_seldom_far(model: ShapeModel) -> None:
    assert np.mean(is_far(model, make_parts(2000, seed=9)[0])) < 0.03


@pytest.mark.parametrize("name", [f"c{i}" for i in range(COVARIATES)])
@pytest.mark.parametrize("value", [50 - 40.0, 50 + 40.0, 1e300, -1e300])
def test_a_covariate_far_out_of_its_range_is_far(model: ShapeModel, name: str, value: float) -> None:
    row = ROWS[:1].copy()
    row[0, INPUTS.index(name)] = value
    (found,) = model.predict(row)
    assert found.distance >= 2 * found.distance_limit
    assert np.isfinite([found.value, found.lower, found.upper, found.distance]).all()


def test_a_covariate_just_beyond_its_widened_range_is_far_and_just_within_is_not(
    model: ShapeModel,
) -> None:
    network = model.network
    column = POINTS + 2  # the first covariate's feature
    border = float(network.high[2] * network.scale[column] + network.centre[column])
    rows = np.repeat(ROWS[:1], 2, axis=0)
    rows[:, POINTS] = border * (1 - 1e-9), border * (1 + 1e-9)
    assert is_far(model, rows) == [False, True]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda p: p + np.where(np.arange(POINTS) == 12, 0.8, 0.0), id="one point sticks out"),
        pytest.param(lambda p: p[::-1] ** 2, id="another shape"),
        pytest.param(lambda p: p + 2.0, id="a part that lies far off the gauge"),
        pytest.param(lambda p: p + np.linspace(-2, 2, POINTS), id="a part that is tilted far"),
        pytest.param(lambda p: np.zeros(POINTS), id="a gauge that reads zero"),
        pytest.param(lambda p: p * 1e200, id="absurd numbers"),
    ],
)
def test_a_profile_unlike_any_learnt_is_far(model: ShapeModel, change: object) -> None:
    rows = ROWS[:20].copy()
    rows[:, :POINTS] = [change(profile) for profile in rows[:, :POINTS]]  # type: ignore[operator]
    assert all(is_far(model, rows))


def test_misalignment_within_the_learnt_range_changes_the_shape_not_at_all(model: ShapeModel) -> None:
    moved = ROWS[:50].copy()
    moved[:, :POINTS] += 0.1 - 0.05 * np.linspace(-1, 1, POINTS)
    network = model.network
    np.testing.assert_allclose(run_padded(network, moved)[:, 0], run_padded(network, ROWS[:50])[:, 0])


def test_alignment_splits_a_profile_without_loss_and_lets_covariates_pass() -> None:
    sizes = ShapeSizes(profile=5, covariates=2)
    x = np.linspace(-1, 1, 5)
    row = np.concatenate([3 + 2 * x + np.array([1, -2, 0, 2, -1]) * 0.1, [7.0, 8.0]])
    features = row @ alignment(sizes)
    np.testing.assert_allclose(features[-2:], [7, 8])
    np.testing.assert_allclose(features[:5] + features[5] + features[6] * x, row[:5])
    np.testing.assert_allclose([features[:5].sum(), features[:5] @ x], 0, atol=1e-12)
