"""Probabilities of classes: scores equal to a kept library's, calibration, and a skill that nothing imitates."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from inference.models.kind import TrainingData, TrainingSettings
from inference.models.tables import class_quality, logistic
from inference.models.tables.class_losses import log_losses
from monitor.model import Floats

PASS_FAIL = TrainingSettings(("x",), 0, 0.9, 0, 1, classes=("good", "bad"), good="good")
THREE = TrainingSettings(("x",), 0, 0.9, 0, 1, classes=("a", "b", "c"))


def drawn(count: int, seed: int, classes: int = 3) -> tuple[Floats, Floats]:
    """Probabilities, and classes drawn with them."""
    rng = np.random.default_rng(seed)
    shares = class_quality.softmax(1.5 * rng.normal(size=(count, classes)))
    return shares, (rng.random(count)[:, None] > np.cumsum(shares, axis=1)).sum(axis=1).clip(max=classes - 1) * 1.0


def test_scores_are_those_of_scikit_learn() -> None:
    shares, target = drawn(500, 1)
    found = class_quality.quality(shares, target, THREE)
    areas = [metrics.roc_auc_score(target == k, shares[:, k]) for k in range(3)]
    assert found["auroc"] == pytest.approx(np.mean(areas))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(target, shares))
    assert found["accuracy"] == metrics.accuracy_score(target, shares.argmax(axis=1))
    shares, target = drawn(500, 2, classes=2)
    shares = shares.round(2)  # ties
    found = class_quality.quality(shares, target, PASS_FAIL)
    assert found["auroc"] == pytest.approx(metrics.roc_auc_score(target, shares[:, 1]))
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(target, shares[:, 1]))


def test_regression_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    columns, target = rng.normal(size=(300, 5)), drawn(300, 1)[1]
    weights = logistic.fit(columns, target, 3, ridge=0.05)
    theirs = LogisticRegression(C=1 / (0.05 * 300), tol=1e-10, max_iter=10_000).fit(columns, target)
    expected = theirs.predict_proba(columns)
    found = class_quality.softmax(logistic.scores(columns, weights))
    np.testing.assert_allclose(found, expected, atol=2e-3)  # their constant has no penalty at all


def test_calibration_undoes_confidence_and_wrong_rates() -> None:
    shares, target = drawn(4000, 3)
    bold = class_quality.softmax(2.5 * np.log(shares) + np.array([0.0, 1.0, -1.0]))
    calibration = class_quality.calibrate(bold, target)
    assert calibration[0] == pytest.approx(1 / 2.5, abs=0.04)
    fresh, outcomes = drawn(4000, 4)
    again = class_quality.calibrated(
        class_quality.softmax(2.5 * np.log(fresh) + np.array([0.0, 1.0, -1.0])), calibration
    )
    loss, best = (log_losses(p, outcomes).mean() for p in (again, fresh))
    assert loss - best < 0.003
    useless = class_quality.calibrate(drawn(4000, 5)[0], target)
    assert useless[0] < 0.08


def test_a_rate_is_known_only_from_parts_before() -> None:
    target = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    before, recent, others = class_quality.known_rates(target, 2, np.array([0, 0, 1, 1, 1]))
    assert before[:, 1].tolist() == pytest.approx([0.5, 0.25, 0.5, 0.625, 0.5])
    assert recent.tolist() == before.tolist()
    assert others[:, 1].tolist() == pytest.approx([0.625, 0.625, 0.5, 0.5, 0.5])
    changed = class_quality.known_rates(np.array([0.0, 1.0, 1.0, 0.0, 0.0]), 2, np.zeros(5, dtype=np.intp))[0]
    assert changed.tolist() == before.tolist()


def test_blocks_are_whole_groups_in_order() -> None:
    groups = [f"L{i // 30}" for i in range(1000)]
    data = TrainingData(np.zeros((1000, 1)), np.zeros(1000), [*map(str, range(1000))], groups)
    blocks = class_quality.time_blocks(data)
    assert len(set(blocks.tolist())) == 20
    assert all(len({blocks[i] for i in range(1000) if groups[i] == name}) == 1 for name in set(groups))


@pytest.mark.parametrize(("strength", "shown"), [(0.0, (0.0, 0.12)), (1.0, (0.95, 1.0))])
@pytest.mark.slow
def test_chance_is_rarely_taken_for_telling_parts_apart(strength: float, shown: tuple[float, float]) -> None:
    rng = np.random.default_rng(7)
    blocks = np.arange(400) // 40
    times = 0
    for _ in range(200):
        drift = np.linspace(-3, -1, 400)  # the score knows the drift of the rate, and of the part only `strength`
        part = rng.normal(size=400)
        target = (rng.random(400) < 1 / (1 + np.exp(-drift - 1.5 * part))).astype(np.float64)
        scores = np.stack([np.zeros(400), drift + strength * part], axis=1)
        times += class_quality.tells_apart_within(class_quality.softmax(scores), target, blocks)
    assert shown[0] <= times / 200 <= shown[1]


def test_reliability_counts_every_part_once() -> None:
    shares, target = drawn(3000, 8, classes=2)
    rows = class_quality.reliability(shares[:, 1], target == 1)
    assert sum(row["parts"] for row in rows) == 3000
    assert all(abs(row["predicted"] - row["happened"]) < 4 * np.sqrt(0.25 / row["parts"]) for row in rows)
    assert class_quality.reliability(np.array([0.0, 1.0]), np.array([False, True]))[-1]["happened"] == 1


def test_sets_of_likely_classes_cover_as_said() -> None:
    shares, target = drawn(5000, 9)
    assert 0.9 <= class_quality.coverage_of_sets(shares, target, 0.9) < 1
    assert class_quality.coverage_of_sets(shares, target, 1e-9) == pytest.approx((shares.argmax(1) == target).mean())
