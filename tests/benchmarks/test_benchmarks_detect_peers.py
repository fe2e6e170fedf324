"""The detectors of other libraries that the product's are measured beside, and the measure of speed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.detect import peers, speed
from monitor.model import Status


@pytest.mark.parametrize(
    ("rows", "kept"), [([], []), ([100], [0]), ([100, 110, 129], [0]), ([100, 130, 150, 160], [0, 30, 60])]
)
def test_changes_close_behind_another_are_left_out(rows: Sequence[int], kept: list[int]) -> None:
    assert peers.quiet(rows, first=100, gap=30) == kept


def test_adwin_finds_a_step_of_one_sensor_and_nothing_in_noise() -> None:
    rows = np.random.default_rng(3).normal(size=(600, 2))
    assert peers.adwin_rows(rows) == []
    rows[400:, 1] += 3.0
    assert 400 < peers.adwin_rows(rows)[0] < 480


@pytest.mark.slow
def test_the_trees_of_river_score_rows_far_off_higher() -> None:
    rows = speed.rows_of(4, 700)
    trees = peers.HalfSpaceTrees().fit(rows[:500])
    usual = trees.score(rows[500:600])
    assert (usual >= 0).all()
    assert np.median(trees.score(rows[600:] + 8 * rows.std(axis=0))) > np.median(usual)


def test_rows_for_the_speed_are_the_same_each_time_and_share_what_they_do() -> None:
    rows = speed.rows_of(3, 2000)
    assert np.array_equal(rows, speed.rows_of(3, 2000))
    together = np.corrcoef(rows.T)[np.triu_indices(3, 1)]
    assert ((together > 0.3) & (together < 0.7)).all()


def test_the_whole_detector_of_the_speed_is_past_its_warm_up() -> None:
    whole = speed.WholeDetector(2)
    whole(speed.rows_of(2, 1000))
    assert whole.status is Status.OK
    assert whole.saved_bytes() > 100
