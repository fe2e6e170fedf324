"""Performance of a gate that predicts a class: what is judged, and what a healthy window looks like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.window.performance import CLASS_COLUMNS, Performance
from monitor.model import Finding, Floats, Status, Window

HOUR = 3_600_000_000_000
BAD, RATE = 1.5, 0.1


def failures(rows: int, seed: int, shift: float = 0.0, blind: bool = False) -> Window:
    """Parts that fail with a known chance, which the model knows up to `shift` in log odds, or not at all (`blind`)."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-2.6, BAD, rows)
    chance = 1 / (1 + np.exp(-odds))
    failed = rng.random(rows) < chance
    said = 1 / (1 + np.exp(-(odds + shift)))
    said = rng.permutation(said) if blind else said
    values = np.column_stack(
        [loss(said, failed), said - failed, missed(said, failed), loss(np.full(rows, RATE), failed)]
    )
    groups = tuple(("m1", "r1") for _ in range(rows))
    at = np.arange(rows, dtype=np.int64) * HOUR
    return Window("leak", "test", CLASS_COLUMNS, values, at, np.arange(1, rows + 1, dtype=np.int64), groups)


def loss(said: Floats, failed: np.ndarray) -> Floats:
    return -np.log(np.where(failed, said, 1 - said))


def missed(said: Floats, failed: np.ndarray) -> Floats:
    return np.where(failed, said <= 0.1, said > 0.9).astype(np.float64)


REFERENCE = failures(1000, 1)


def judged(current: Window, reference: Window = REFERENCE, rows: int = 100) -> dict[str, Finding]:
    found = Performance(rows, of_classes=True).judge(reference, current)
    return {f.method: f for f in found if not f.feature}


def test_the_numbers_are_the_plain_means_of_the_window() -> None:
    window = failures(100, 2)
    found = judged(window)
    assert set(found) == {"log_loss", "bias", "miscoverage", "skill", "worst_ratio"}
    means = window.values.mean(axis=0)
    values = [found[m].value for m in ("log_loss", "bias", "miscoverage")]
    assert values == pytest.approx([means[0], abs(means[1]), means[2]])
    assert found["skill"].value == pytest.approx(1 - means[0] / means[3])


@pytest.mark.parametrize("rows", [60, 200])
@pytest.mark.slow
def test_healthy_windows_raise_nothing(rows: int) -> None:
    breaches = [
        (seed, method)
        for seed in range(100, 300)
        for method, finding in judged(failures(rows, seed), rows=rows).items()
        if finding.status is Status.BREACH
    ]
    assert breaches == []


def test_without_defects_no_skill_is_lost() -> None:
    """The baseline happens to say a little less, and there is nothing to be foretold."""
    said = np.full(100, 0.03)
    good = np.column_stack([-np.log(1 - said), said, np.zeros(100), np.full(100, 0.02)])
    window = replace(failures(100, 9), values=good)
    found = judged(window)["skill"]
    assert found.value is not None
    assert found.value < 0
    assert found.status is Status.OK


@pytest.mark.parametrize(
    ("window", "methods"),
    [
        (failures(100, 5, shift=3.0), {"bias", "skill"}),
        (failures(100, 5, shift=6.0), {"log_loss", "bias", "miscoverage", "skill"}),
        (failures(300, 6, blind=True), {"skill"}),
    ],
    ids=["failures are foretold too often", "they are foretold for nearly all", "the model tells nothing apart"],
)
def test_a_breach_is_of_the_method_that_was_hurt(window: Window, methods: set[str]) -> None:
    found = judged(window, rows=len(window))
    assert {m for m, f in found.items() if f.status is Status.BREACH} - {"worst_ratio"} == methods
    assert (found["worst_ratio"].status is Status.BREACH) is bool(methods - {"skill"})


@pytest.mark.parametrize(("bad", "status"), [(0.5, Status.OK), (2.0, Status.BREACH)])
def test_a_bias_of_less_than_one_part_of_the_window_is_none(bad: float, status: Status) -> None:
    """Of a model that was next to sure of each part of its reference, and right."""
    sure = np.column_stack([np.full(300, 1e-9), np.full(300, 1e-9), np.zeros(300), np.full(300, 0.3)])
    reference = replace(failures(300, 1), values=sure)
    current = replace(failures(100, 2), values=sure[:100] + np.array([0.0, bad / 100, 0.0, 0.0]))
    found = judged(current, reference)["bias"]
    assert (found.limit, found.status) == (pytest.approx(0.01), status)


def test_rows_without_an_outcome_count_as_none() -> None:
    window = failures(100, 7)
    window.values[::2] = np.nan
    found = judged(window, rows=60)
    assert found["log_loss"].value == pytest.approx(window.values[1::2, 0].mean())
    assert found["skill"].status is Status.CANNOT_JUDGE
    assert judged(failures(10, 8))["log_loss"].status is Status.CANNOT_JUDGE


def test_windows_of_numbers_are_no_windows_of_classes() -> None:
    assert {f.status for f in Performance().judge(REFERENCE, failures(100, 2))} == {Status.NO_DATA}
    assert {f.method for f in Performance().judge(REFERENCE, failures(100, 2))} >= {"mae"}
