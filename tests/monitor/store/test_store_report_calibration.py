"""Claimed and observed shares in a report: bins, bounds, and what a calibrated forecast looks like."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import t as student

from monitor.model import ClassSpec, Verdict
from monitor.store.report.calibration import RealisedPart, calibration_of

AT = datetime(2026, 3, 1, tzinfo=UTC)
CLASSES = ClassSpec(("good", "bad"), (0, 1), (Verdict.CONTINUE, Verdict.SCRAP), 0.9)


def numbers(errors: np.ndarray, half: float = 2.0) -> list[RealisedPart]:
    return [RealisedPart(i, AT, 5.0 + e, 5.0, 5.0 - half, 5.0 + half, None) for i, e in enumerate(errors.tolist())]


def classes(claims: list[float], bad: list[bool]) -> list[RealisedPart]:
    return [
        RealisedPart(i, AT, float(b), p, p, p, [1 - p, p]) for i, (p, b) in enumerate(zip(claims, bad, strict=True))
    ]


def test_of_a_calibrated_number_every_tenth_has_a_tenth_within_its_bounds() -> None:
    scale = 2.0 / student.ppf(0.95, 4)
    errors = scale * student.rvs(4, size=4000, random_state=1)
    bins = calibration_of(numbers(errors), 0.9, None)
    assert bins[0][:4] == (0.0, 0.1, 4000, 0.1)
    assert sum(b.observed for b in bins) == pytest.approx(1.0)
    assert sum(b.lower <= 0.1 <= b.upper for b in bins) >= 8


@pytest.mark.parametrize(
    ("error", "tenth"), [(-50.0, 0), (0.0, 5), (50.0, 9)], ids=["far below", "as predicted", "far above"]
)
def test_an_outcome_falls_into_its_tenth(error: float, tenth: int) -> None:
    bins = calibration_of(numbers(np.full(10, error)), 0.9, None)
    assert [b.observed for b in bins] == [1.0 if k == tenth else 0.0 for k in range(10)]
    assert (bins[tenth].upper, bins[tenth - 1].lower) == (1.0, 0.0)


def test_of_classes_a_bin_has_the_parts_of_its_claims() -> None:
    bins = calibration_of(classes([0.05] * 8 + [0.95, 1.0], [False] * 8 + [True, True]), 0.9, CLASSES)
    assert [(b.low, b.parts, b.observed) for b in bins] == [(0.0, 8, 0.0), (0.9, 2, 1.0)]
    assert bins[1].claimed == pytest.approx(0.975)
    assert bins[0].upper == pytest.approx(1 - 0.05 ** (1 / 8))


def test_without_parts_or_with_outcomes_of_no_class_there_is_no_bin() -> None:
    assert calibration_of([], 0.9, None) == ()
    assert calibration_of([RealisedPart(1, AT, 7.0, 0.5, 0.5, 0.5, [0.5, 0.5])], 0.9, CLASSES) == ()
    assert calibration_of(numbers(np.zeros(3), half=0.0), 0.9, None) == ()
