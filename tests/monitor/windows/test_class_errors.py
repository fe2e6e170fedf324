"""Realised predictions of classes: what the losses are, and what was known of the rates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import log

import numpy as np
import pytest

from monitor.model import ClassSpec, Verdict
from monitor.store.rows.known_outcomes import KnownOutcome
from monitor.windows.classes import class_errors, known_rates

T0 = datetime(2026, 3, 2, 6, tzinfo=UTC)
SPEC = ClassSpec(("none", "scratch", "crack"), (0, 1, 5), (Verdict.CONTINUE, Verdict.CORRECT, Verdict.SCRAP), 0.9)
NAN = float("nan")


def known(serial: str, value: float, minute: int) -> KnownOutcome:
    at = T0 + timedelta(minutes=minute)
    return KnownOutcome(minute, serial, at, at, value)


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


def test_the_rates_are_those_known_when_it_was_decided() -> None:
    outcomes = [known("A", 0, 1), known("B", 0, 2), known("C", 9, 2), known("D", 5, 3)]
    rates = known_rates(outcomes, [T0 + timedelta(minutes=minute) for minute in (0, 2, 3)], SPEC)
    assert np.isnan(rates[0]).all()
    assert rates[1] == pytest.approx(np.array([2.5, 0.5, 0.5]) / 3.5, abs=0.01), "C is of no class"
    assert rates[2] == pytest.approx(np.array([2.5, 0.5, 1.5]) / 4.5, abs=0.02)


def test_the_rates_follow_a_change() -> None:
    outcomes = [known(f"P{i}", 5 if i < 300 else 0, i) for i in range(600)]
    rates = known_rates(outcomes, [T0 + timedelta(minutes=minute) for minute in (299, 400, 599)], SPEC)
    assert rates[0][2] > 0.99
    assert rates[1][0] > 0.9
    assert rates[2][0] > 0.95
