"""The parts of the anomaly score: saved arrays, distances, the limit, river's trees."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from detectors.shared.calibration import calibrate, student_bound
from detectors.shared.state import pack, unpack, whole_number
from detectors.stream.baseline import Settings
from detectors.stream.roster import MachineSettings, machine_detectors


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


def test_a_warm_up_too_short_to_calibrate_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 100 or more"):
        Settings(warmup_rows=99)


def test_the_roster_names_every_detector_once_and_none_without_sensors() -> None:
    detectors = machine_detectors(MachineSettings({"force": (1.0, 2.0), "heat": (None, 90.0)}, machine="press_1"))
    assert [d.name for d in detectors] == ["limits", "anomaly"]
    assert {f.subject for d in detectors for f in d.current(d.start())} == {"press_1"}
    assert machine_detectors(MachineSettings({})) == ()
