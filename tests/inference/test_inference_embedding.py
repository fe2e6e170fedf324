"""Where pictures lie among those of training: known directions, and that of training pictures as if they were new."""

from __future__ import annotations

import numpy as np
import pytest

from inference.vision.embedding import COORDINATES, DIRECTIONS, fit_embedding, out_of_fold
from monitor.model import Floats

FEATURES = 300
MIXING = np.random.default_rng(1).normal(size=(3, FEATURES))


def pictures(count: int, seed: int) -> Floats:
    """Features that differ in three ways, and by noise."""
    random = np.random.default_rng(seed)
    ways = random.normal(size=(count, 3)) * (6.0, 4.0, 2.0)
    return np.asarray(5 + ways @ MIXING + random.normal(size=(count, FEATURES)))


LEARNT, FRESH = pictures(60, 2), pictures(60, 3)
WHOLE = fit_embedding(LEARNT)
FOLDS = np.arange(60) * 5 // 60


def where(features: Floats) -> Floats:
    return np.array([WHOLE.of(row) for row in features])


def test_training_pictures_have_unit_spread_along_the_directions_that_they_differ_in() -> None:
    found = where(LEARNT)
    assert found.shape == (60, COORDINATES + 1)
    assert found[:, :COORDINATES].mean(0) == pytest.approx(np.zeros(COORDINATES), abs=1e-9)
    assert found[:, :COORDINATES].std(0) == pytest.approx(np.ones(COORDINATES), rel=1e-4)
    assert where(FRESH)[:, :3].std(0) == pytest.approx(np.ones(3), rel=0.3)


def test_what_moves_as_pictures_differ_is_seen_along_a_direction_and_the_rest_in_the_distance() -> None:
    usual = where(FRESH)
    along, beside = where(FRESH + 12 * MIXING[0]), where(FRESH + 2 * np.random.default_rng(9).normal(size=FEATURES))
    moved = np.abs(along.mean(0) - usual.mean(0))
    assert moved[:3].max() > 1 > 10 * moved[-1]
    assert (beside - usual).mean(0)[-1] > 5 * usual.std(0)[-1]


def test_training_pictures_out_of_fold_are_as_far_as_new_ones_and_where_they_are() -> None:
    held, inside, new = out_of_fold(WHOLE, LEARNT, FOLDS), where(LEARNT), where(FRESH)
    spread = new[:, -1].std()
    assert abs(held[:, -1].mean() - new[:, -1].mean()) < spread
    assert inside[:, -1].mean() < new[:, -1].mean() - 2 * spread, "fitted pictures lie nearer"
    for place in range(3):
        assert np.corrcoef(held[:, place], inside[:, place])[0, 1] > 0.99


@pytest.mark.parametrize("count", [10, DIRECTIONS + 2])
def test_few_pictures_suffice(count: int) -> None:
    few = pictures(count, 4)
    found = out_of_fold(fit_embedding(few), few, np.arange(count) // 5)
    assert found.shape == (count, COORDINATES + 1)
    assert np.isfinite(found).all()


def test_pictures_that_are_all_the_same_have_finite_coordinates() -> None:
    flat = np.ones((12, FEATURES))
    assert np.isfinite([fit_embedding(flat).of(row) for row in (flat[0], FRESH[0])]).all()
