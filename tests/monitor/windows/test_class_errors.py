"""Realised predictions of classes: what the losses are, and what was known of the rates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import log

import numpy as np
import pytest

from monitor.model import ClassSpec, Verdict
from monitor.store.rows.outcomes import AvailableOutcome
from monitor.windows.classes import RATE_PARTS, class_errors, known_rates

T0 = datetime(2026, 3, 2, 6, tzinfo=UTC)
SPEC = ClassSpec(("none", "scratch", "crack"), (0, 1, 5), (Verdict.CONTINUE, Verdict.CORRECT, Verdict.SCRAP), 0.9)
NAN = float("nan")


def known(serial: str, value: float, minute: int) -> AvailableOutcome:
    return AvailableOutcome(serial, value, T0 + timedelta(minutes=minute))


ROWS = {
    "the class that was likeliest": ([0.95, 0.03, 0.02], 0, [-log(0.95), 0.05, 0.0, -log(0.5)]),
    "a class that hardly could be": ([0.95, 0.03, 0.02], 2, [-log(0.02), 0.05 - 1, 1.0, -log(0.2)]),
    "the second of two that were needed": ([0.6, 0.35, 0.05], 1, [-log(0.35), 0.4 - 1, 0.0, -log(0.3)]),
    "impossible, and it was": ([1.0, 0.0, 0.0], 2, [-log(1e-6), -1.0, 1.0, -log(0.2)]),
    "an outcome of no class": ([0.95, 0.03, 0.02], None, [NAN] * 4),
    "no probabilities": (None, 0, [NAN] * 4),
    "probabilities of other classes": ([0.95, 0.05], 0, [NAN] * 4),
    "one that is no number": ([0.95, None, 0.05], 0, [NAN] * 4),
}


@pytest.mark.parametrize(("said", "place", "expected"), ROWS.values(), ids=ROWS)
def test_a_row(said: list[float | None] | None, place: int | None, expected: list[float]) -> None:
    rates = np.array([[0.5, 0.3, 0.2]] * 2)
    other = [0.8, 0.1, 0.1]
    found = class_errors([said, other], [place, 0], rates, SPEC)
    assert found[0] == pytest.approx(expected, nan_ok=True)
    assert found[1] == pytest.approx([-log(0.8), 0.2, 0.0, -log(0.5)])


def test_without_known_rates_only_the_baseline_is_unknown() -> None:
    found = class_errors([[0.8, 0.1, 0.1]], [0], np.full((1, 3), NAN), SPEC)
    assert found[0] == pytest.approx([-log(0.8), 0.2, 0.0, NAN], nan_ok=True)
    assert class_errors([], [], np.empty((0, 3)), SPEC).shape == (0, 4)


def test_the_rates_are_those_of_the_parts_known_by_then_with_their_last_word() -> None:
    outcomes = [known("A", 0, 1), known("B", 0, 2), known("C", 9, 2), known("B", 5, 3)]
    decided = [T0 + timedelta(minutes=minute) for minute in (0, 2, 3)]
    rates = known_rates(outcomes, decided, SPEC)
    assert np.isnan(rates[0]).all()
    assert rates[1] == pytest.approx(np.array([2.5, 0.5, 0.5]) / 3.5), "C is of no class"
    assert rates[2] == pytest.approx(np.array([1.5, 0.5, 1.5]) / 3.5), "B became a crack"


def test_old_parts_say_nothing_of_the_rates() -> None:
    outcomes = [known(f"P{i}", 5 if i < 50 else 0, i) for i in range(50 + RATE_PARTS)]
    (rate,) = known_rates(outcomes, [T0 + timedelta(days=1)], SPEC)
    assert rate == pytest.approx(np.array([RATE_PARTS + 0.5, 0.5, 0.5]) / (RATE_PARTS + 1.5))
