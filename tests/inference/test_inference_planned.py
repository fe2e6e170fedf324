"""Inputs from later steps: a model learns from what they came to be, and is measured on what was planned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inference.kinds import KINDS, OF_CLASSES
from inference.models.kind import Times, TrainingData, TrainingSettings
from inference.training import TrainedModel, train
from monitor.errors import ModelError
from monitor.model import Floats, Prediction

INPUTS = (*"abcde", "later")
SETTINGS = TrainingSettings(INPUTS, 4, 0.9, 60, 1)
LATER = INPUTS.index("later")
OF_NUMBERS = sorted(set(KINDS) - OF_CLASSES)


def parts(count: int, seed: int) -> TrainingData:
    """The outcome is e + later but for noise; nobody knows later when the part is judged, the plan being 0."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, len(INPUTS)))
    target = rows[:, 4] + rows[:, LATER] + rng.normal(0, 0.2, count)
    planned = rows.copy()
    planned[:, LATER] = 0.0
    passed = np.arange(float(count))
    return TrainingData(rows, target, [f"S{i}" for i in range(count)], (), Times(passed, passed + 20), planned)


LEARNT, FRESH = parts(300, 1), parts(600, 2)


@pytest.fixture(scope="module", params=OF_NUMBERS)
def both(request: pytest.FixtureRequest) -> tuple[TrainedModel, TrainedModel]:
    """Trained with the plan, and as if the later values had been known."""
    return train(LEARNT, SETTINGS, request.param), train(replace(LEARNT, planned=None), SETTINGS, request.param)


def _inside(target: Floats, said: list[Prediction]) -> float:
    return float(np.mean([one.lower <= at <= one.upper for at, one in zip(target.tolist(), said, strict=True)]))


@pytest.mark.slow
def test_intervals_hold_for_what_is_known_when_judging(both: tuple[TrainedModel, TrainedModel]) -> None:
    planned, all_known = (list(trained.model().predict(FRESH.as_judged)) for trained in both)
    assert abs(_inside(FRESH.target, planned) - SETTINGS.coverage) < 0.05
    assert _inside(FRESH.target, all_known) < 0.5
    assert abs(both[0].metrics.coverage - SETTINGS.coverage) < 0.05


@pytest.mark.slow
def test_skill_is_that_of_the_plan(both: tuple[TrainedModel, TrainedModel]) -> None:
    planned, all_known = (trained.metrics.skill for trained in both)
    error = np.abs(FRESH.target - [one.value for one in both[0].model().predict(FRESH.as_judged)]).mean()
    assert both[0].metrics.quality["mae"] == pytest.approx(error, rel=0.15)
    assert 0 < planned < all_known - 0.3


def test_what_the_later_value_does_is_learnt(both: tuple[TrainedModel, TrainedModel]) -> None:
    rows = FRESH.as_judged[:50].copy()
    moved = rows.copy()
    moved[:, LATER] = 1.5
    model = both[0].model()
    gain = [b.value - a.value for a, b in zip(model.predict(rows), model.predict(moved), strict=True)]
    assert np.abs(np.array(gain) - 1.5).max() < 0.3


def test_a_value_that_parts_came_to_have_is_familiar_and_one_far_beyond_is_not(
    both: tuple[TrainedModel, TrainedModel],
) -> None:
    rows = FRESH.as_judged[:200].copy()
    model = both[0].model()
    for value, far in ((2.0, 0.1), (30.0, 1.0)):
        rows[:, LATER] = value
        share = np.mean([one.distance > one.distance_limit for one in model.predict(rows)])
        assert (share <= far) if far < 1 else (share == 1.0)


def test_other_plans_are_other_data_and_a_plan_that_does_not_fit_is_refused() -> None:
    few = LEARNT.at(np.arange(300) < 60)
    assert few.planned is not None
    other = replace(few, planned=few.planned + 0.01)
    digests = [train(data, SETTINGS, "ensemble").data_digest for data in (few, other, replace(few, planned=None))]
    assert len(set(digests)) == 3
    for wrong in (few.planned[:, :-1], np.where(few.planned > 1, np.nan, few.planned)):
        with pytest.raises(ModelError, match=r"does not fit|missing or infinite"):
            train(replace(few, planned=wrong), SETTINGS, "ensemble")
