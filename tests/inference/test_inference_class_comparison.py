"""Models of classes compared, and their sets of classes held to the coverage: by log loss, by the same rules."""

from __future__ import annotations

import numpy as np
import pytest

from inference.comparison import Comparison, Holdout, compare
from inference.intervals import counted, errors, inside, intervals_hold
from monitor.model import Floats, Prediction
from monitor.model import RetrainingReason as Outcome

ROWS = 200


def said(chance: Floats, distance: float = 0.1) -> list[Prediction]:
    return [Prediction(p, p, p, distance, 1.0, (1 - p, p)) for p in chance.tolist()]


def parts(seed: int, rows: int = ROWS) -> tuple[Floats, Floats]:
    """Chances to fail, and what became of the parts."""
    rng = np.random.default_rng(seed)
    chance = 1 / (1 + np.exp(-rng.normal(-1.5, 2.0, rows)))
    return chance, (rng.random(rows) < chance).astype(np.float64)


def shifted(chance: Floats, by: float) -> Floats:
    return 1 / (1 + np.exp(-(np.log(chance / (1 - chance)) + by)))


def run(champion: Floats, challenger: Floats, failed: Floats) -> Comparison:
    n = len(failed)
    lots = [f"L{i * 5 // n}" for i in range(n)]
    holdout = Holdout(failed, [f"m{i % 2}" for i in range(n)], ["r"] * n, lots)
    return compare(holdout, said(champion), said(challenger), 40, 0.9, 1)


def test_what_is_asked_of_a_prediction() -> None:
    predictions = [Prediction(0.4, 0.4, 0.4, 0.5, 1.0, (0.6, 0.35, 0.05))] * 3
    target = np.array([0.0, 1.0, 2.0])
    assert errors(target, predictions) == pytest.approx(-np.log([0.6, 0.35, 0.05]))
    assert inside(target, predictions, 0.9).tolist() == [True, True, False]
    assert inside(target, predictions, 0.6).tolist() == [True, False, False]
    assert inside(target, predictions, 0.96).tolist() == [True, True, True]
    assert counted(target, predictions, np.inf).tolist() == [True, True, True]


def test_sets_hold_that_contain_the_class_as_often_as_promised() -> None:
    chance, failed = parts(1)
    assert intervals_hold(failed, said(chance), 0.9)
    assert not intervals_hold(1 - failed, said(chance), 0.9)
    assert not intervals_hold(failed, said(chance, distance=2.0), 0.9), "a model that knows none of the parts"


def test_a_challenger_that_knows_the_chances_is_better_than_one_that_is_sure_of_too_much() -> None:
    chance, failed = parts(2)
    found = run(shifted(chance, -4.0), chance, failed)
    assert found.outcome is Outcome.BETTER
    assert found.overall is not None
    assert found.overall.champion == pytest.approx(errors(failed, said(shifted(chance, -4.0))).mean())
    assert found.overall.challenger == pytest.approx(errors(failed, said(chance)).mean())
    assert found.overall.low > 0


def test_the_rate_alone_is_not_better_than_a_model_that_tells_parts_apart() -> None:
    chance, failed = parts(3)
    assert run(chance, np.full(ROWS, failed.mean()), failed).outcome is Outcome.NOT_BETTER
    assert run(chance, chance, failed).outcome is Outcome.NOT_BETTER


def test_one_overlooked_defect_that_was_called_impossible_is_not_capped() -> None:
    """It is the very error that a gate must not make."""
    failed = np.zeros(ROWS)
    failed[::9] = 1.0
    careful, bold = np.full(ROWS, 0.1), np.full(ROWS, 1e-5)
    found = run(bold, careful, failed)
    assert found.overall is not None
    assert found.overall.champion > 1.0
    assert found.outcome is Outcome.BETTER


@pytest.mark.parametrize(("failures", "outcome"), [(4, Outcome.TOO_FEW_ROWS), (5, Outcome.NOT_BETTER)])
def test_hardly_a_defect_says_nothing_of_who_foretells_them(failures: int, outcome: Outcome) -> None:
    failed = np.zeros(ROWS)
    failed[:failures] = 1.0
    assert run(np.full(ROWS, 0.03), np.full(ROWS, 0.01), failed).outcome is outcome


def test_a_slice_without_defects_is_not_compared_and_one_of_defects_alone_is() -> None:
    chance, failed = parts(7)
    failed[:40], failed[40:80] = 0.0, 1.0
    slices = run(chance, chance, failed).slices
    assert ("lot", "L0") not in slices
    assert ("lot", "L1") in slices


@pytest.mark.slow
def test_chance_alone_seldom_makes_a_challenger_better() -> None:
    outcomes = []
    for seed in range(60):
        chance, failed = parts(100 + seed)
        noise = np.random.default_rng(seed).normal(0, 0.3, ROWS)
        outcomes.append(run(shifted(chance, 0.0), 1 / (1 + np.exp(-(np.log(chance / (1 - chance)) + noise))), failed))
    assert sum(found.outcome is Outcome.BETTER for found in outcomes) <= 3


@pytest.mark.slow
def test_of_two_models_that_only_know_the_rate_neither_is_often_better() -> None:
    """Rare defects: one says a little more than their rate, the other a little less."""
    better = 0
    for seed in range(200):
        failed = (np.random.default_rng(seed).random(ROWS) < 0.04).astype(np.float64)
        better += run(np.full(ROWS, 0.05), np.full(ROWS, 0.03), failed).outcome is Outcome.BETTER
    assert better <= 20
