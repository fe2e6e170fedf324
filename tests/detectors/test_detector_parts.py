"""The parts of the anomaly score: saved arrays, distances, the limit, river's trees."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.stats
from detector_streams import ar1

from detectors.shared.calibration import calibrate, student_bound
from detectors.shared.state import pack, unpack, whole_number
from detectors.stream.baseline import Settings
from detectors.stream.distance import Reference, distances, reference_of
from detectors.stream.river_scorers import RarityTrees, TreeShape
from detectors.stream.roster import MachineSettings, machine_detectors

SHAPE = TreeShape(trees=5, height=5, window=50, seed=3)


def test_an_array_comes_back_bit_for_bit() -> None:
    array = np.array([[0.1, -0.0, np.nan], [np.inf, 5e-324, 1e300]])
    assert unpack(pack(array), (2, 3)).tobytes() == array.tobytes()


@pytest.mark.parametrize("text", [None, 7, "", "not base64!", pack(np.ones(4))[:-4], pack(np.ones(3))])
def test_an_array_that_is_not_whole_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="saved array"):
        unpack(text, (4,))


@pytest.mark.parametrize("value", [-1, 1.0, "1", None, True])
def test_a_count_is_a_whole_number(value: object) -> None:
    with pytest.raises(ValueError, match="expected a whole number"):
        whole_number(value, "rows")


def test_distance_is_the_textbook_mahalanobis_distance() -> None:
    rows = ar1(2700, 300, 0.0, sensors=4)
    reference = reference_of(rows)
    np.testing.assert_allclose(reference.covariance, np.cov(rows, rowvar=False))
    inverse = reference.inverse(0.0)
    centred = rows - reference.mean
    distance, _ = distances(centred, inverse)
    np.testing.assert_allclose(distance * 4, np.einsum("ij,jk,ik->i", centred, np.linalg.inv(np.cov(rows.T)), centred))


def test_a_share_is_what_the_distance_loses_without_that_sensor() -> None:
    rows = ar1(2701, 50, 0.0, sensors=3)
    inverse = reference_of(rows).inverse(0.0)
    whole, shares = distances(rows, inverse)
    without = rows.copy()
    without[:, 1] = np.nan
    reduced, partial = distances(without, inverse)
    np.testing.assert_allclose(whole * 3 - reduced * 2, shares[:, 1], atol=1e-9)
    assert np.isnan(partial[:, 1]).all()
    assert not np.isnan(partial[:, [0, 2]]).any()


def test_twin_sensors_do_not_make_the_inverse_explode() -> None:
    rows = np.repeat(ar1(2702, 200, 0.0, sensors=1), 2, axis=1)
    assert np.abs(reference_of(rows).inverse(0.05)).max() < 50


def test_a_reference_moves_by_its_weight() -> None:
    old, new = Reference(np.zeros(2), np.eye(2)), Reference(np.ones(2), 3 * np.eye(2))
    np.testing.assert_allclose(old.blend(new, 0.25).mean, 0.25)
    np.testing.assert_allclose(old.blend(new, 0.25).covariance, 1.5 * np.eye(2))


@pytest.mark.parametrize(
    ("chance", "freedom", "bound"),
    [
        (0.025, 10, 2.2281), (0.01, 20, 2.5280), (0.001, 30, 3.3852), (0.0001, 100, 3.8616), (0.5, 5, 0.0),
        (0.0005, 1, 636.619), (0.0005, 3, 12.924), (0.0005, 5, 6.869), (0.00001, 3, 47.928),
    ],
)  # fmt: skip
def test_the_student_bound_agrees_with_the_tables(chance: float, freedom: int, bound: float) -> None:
    assert student_bound(chance, freedom) == pytest.approx(bound, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("freedom", [1, 3, 7, 12, 20, 100])
@pytest.mark.parametrize("chance", [0.5, 0.05, 1e-2, 1e-3, 1e-4, 1e-5, 1e-7])
def test_the_student_bound_is_scipys(chance: float, freedom: int) -> None:
    assert student_bound(chance, freedom) == pytest.approx(scipy.stats.t.isf(chance, freedom), rel=1e-9, abs=1e-12)


def test_the_limit_is_passed_as_often_as_asked() -> None:
    rng = np.random.default_rng(2703)
    passed = []
    for _ in range(2000):
        blocks = rng.normal(3.0, 2.0, size=(16, 1))
        calibration = calibrate(blocks[:15], 0.05, 0.0)
        passed.append(bool(calibration.score(blocks[15:])[0] > calibration.limit))
    assert np.mean(passed) == pytest.approx(0.05, abs=0.015)


def test_more_healthy_blocks_lower_the_limit() -> None:
    blocks = np.random.default_rng(2704).normal(size=(200, 2))
    assert calibrate(blocks, 1e-5, 0.1).limit < calibrate(blocks[:15], 1e-5, 0.1).limit


def test_the_trees_find_a_corner_rarer_than_the_middle() -> None:
    rows = np.clip(0.5 + ar1(2705, 200, 0.0, sensors=4) / 8, 0, 1)
    trees = RarityTrees(SHAPE, 4)
    trees.learn(rows)
    middle, corner = trees.score(np.array([[0.5] * 4, [0.99] * 4]))
    assert 0 < middle < corner <= np.log(2**6 - 1)


def test_saved_trees_go_on_as_if_nothing_had_happened() -> None:
    rows = np.random.default_rng(2706).random((170, 3))
    trees = RarityTrees(SHAPE, 3)
    trees.learn(rows[:120])
    again = RarityTrees.restore(SHAPE, 3, json.loads(json.dumps(trees.save())))
    for forest in (trees, again):
        forest.learn(rows[120:])
    assert again.score(rows).tolist() == trees.score(rows).tolist()
    assert again.save() == trees.save()


def test_masses_of_other_trees_are_refused() -> None:
    trees = RarityTrees(SHAPE, 3)
    trees.learn(np.full((1, 3), 0.5))
    with pytest.raises(ValueError, match="another version of river"):
        RarityTrees.restore(TreeShape(5, 5, 50, seed=4), 3, trees.save())


def test_a_warm_up_too_short_to_calibrate_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 100 or more"):
        Settings(warmup_rows=99)


def test_the_roster_names_every_detector_once_and_none_without_sensors() -> None:
    detectors = machine_detectors(MachineSettings({"force": (1.0, 2.0), "heat": (None, 90.0)}, machine="press_1"))
    assert [d.name for d in detectors] == ["limits", "anomaly"]
    assert {f.subject for d in detectors for f in d.current(d.start())} == {"press_1"}
    assert machine_detectors(MachineSettings({})) == ()
