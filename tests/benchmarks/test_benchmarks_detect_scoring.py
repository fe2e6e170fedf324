"""How the benchmarks of detectors judge flags, on cases worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
import pytest

from benchmarks.detect import scoring

WINDOW = (50, 59)


def _flags(text: str) -> np.ndarray:
    return np.array([letter == "x" for letter in text])


@pytest.mark.parametrize(
    ("flagged", "anomalous", "f1", "false", "missed"),
    [
        ("..xx", "..xx", 1.0, 0.0, 0.0),
        ("....", "..xx", 0.0, 0.0, 1.0),
        ("xxxx", "..xx", 2 / 3, 1.0, 0.0),
        ("x.x.", "..xx", 0.5, 0.5, 0.5),
        ("....", "....", 0.0, 0.0, 0.0),
        ("xxxx", "xxxx", 1.0, 0.0, 0.0),
    ],
)
def test_rows_are_counted(flagged: str, anomalous: str, f1: float, false: float, missed: float) -> None:
    assert astuple(scoring.row_score(_flags(flagged), _flags(anomalous))) == pytest.approx((f1, false, missed))


@pytest.mark.parametrize(
    ("flagged", "rows", "found"),
    [(".xx.xxx", 3, 6), ("xxx", 3, 2), ("xx", 3, None), (".xx.xx.", 3, None), ("..x", 1, 2), ("", 1, None)],
)
def test_a_run_is_found_at_the_row_that_completes_it(flagged: str, rows: int, found: int | None) -> None:
    assert scoring.first_run(_flags(flagged), rows) == found


@pytest.mark.parametrize(
    ("flagged", "starts"),
    [
        ("..xx..", [3]),
        (".x.x.x", []),
        ("xx.xx.xx", [1]),  # one normal row does not end it
        ("xx...xx", [1, 6]),
        ("", []),
    ],
)
def test_a_breach_starts_and_ends_with_runs_of_rows(flagged: str, starts: Sequence[int]) -> None:
    assert scoring.breaches(_flags(flagged), to_start=2, to_end=3) == starts


def test_an_interval_holds_its_ends_and_none_is_none() -> None:
    intervals = np.array([[1.0, 3.0], [1.0, 3.0], [1.0, 3.0], [np.nan, 3.0], [2.0, np.inf]])
    assert scoring.intervals_held(intervals, np.array([1.0, 3.0, 3.5, 2.0, 9.0])) == (4, 3)


@pytest.mark.parametrize(("position", "worth"), [(-1.0, 0.98661), (0.0, 0.0), (1.0, -0.98661), (3.1, -1.0)])
def test_a_detection_is_worth_less_the_later_it_comes(position: float, worth: float) -> None:
    assert scoring.sigmoid(position) == pytest.approx(worth, abs=1e-5)


@pytest.mark.parametrize(
    ("detections", "score", "found", "false"),
    [
        pytest.param([], -1.0, 0, 0, id="nothing is detected"),
        pytest.param([50], 1.0, 1, 0, id="at the start of the window"),
        pytest.param([59], scoring.sigmoid(-0.1) / scoring.sigmoid(-1.0), 1, 0, id="in the last row of the window"),
        pytest.param([50, 55], 1.0, 1, 0, id="only the first one in a window counts"),
        pytest.param([3], -1.0, 0, 0, id="not in the probation of 15 rows"),
        pytest.param([20], -1.11, 0, 1, id="before any window"),
        pytest.param([60], -1.0 + 0.11 * scoring.sigmoid(1 / 9), 0, 1, id="just behind the window costs little"),
        pytest.param([50, 99], 1.0 - 0.11, 1, 1, id="far behind the window costs all"),
    ],
)
def test_nab_scores_a_series(detections: list[int], score: float, found: int, false: int) -> None:
    assert scoring.nab_counts(detections, [WINDOW], 100) == (pytest.approx(score), found, false)


@pytest.mark.parametrize(("raw", "score"), [(2.0, 100.0), (-2.0, 0.0), (0.0, 50.0)])
def test_nab_is_0_for_a_detector_that_never_detects_and_100_for_a_perfect_one(raw: float, score: float) -> None:
    assert scoring.nab_normalised(raw, 2) == score


@pytest.mark.parametrize(("rows", "first"), [(100, 15), (5000, 750), (22695, 750), (0, 0)])
def test_the_probation_is_15_percent_of_at_most_5000_rows(rows: int, first: int) -> None:
    assert scoring.probation(rows) == first


@pytest.mark.parametrize(
    ("detected", "changes", "score", "found", "false"),
    [
        pytest.param([], [100.0], -1.0, 0, 0, id="nothing is detected"),
        pytest.param([100.0], [100.0], 1.0, 1, 0, id="at once"),
        pytest.param([130.0], [100.0], (1 - 0.11) / 2, 1, 0, id="in the middle of the window"),
        pytest.param([160.0], [100.0], -0.11, 1, 0, id="at its end it is worth no more than a false one"),
        pytest.param([161.0], [100.0], -1.11, 0, 1, id="too late is a miss and a false one"),
        pytest.param([99.0], [100.0], -1.11, 0, 1, id="too early as well"),
        pytest.param([100.0, 110.0], [100.0], 1.0, 1, 0, id="only the first one in a window counts"),
        pytest.param([110.0], [100.0, 120.0], -1.0 + (1 - 0.11) / 2, 1, 0, id="a window is cut where the next opens"),
        pytest.param([120.0], [100.0, 120.0], -1.0 - 0.11, 1, 0, id="a detection belongs to one window only"),
    ],
)
def test_change_points_are_scored_by_the_window_behind_them(
    detected: list[float], changes: list[float], score: float, found: int, false: int
) -> None:
    assert scoring.change_score(np.array(detected), np.array(changes), 60.0) == (pytest.approx(score), found, false)
