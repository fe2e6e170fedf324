"""Gate policy of classes: the table of every case, and what holds for any probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.policy.gate import decide, judge
from inference.policy.regions import meaning_shares, verdict_by_rule
from monitor.model import ClassSpec, Decision, Floats, PartInput, PartKey, Prediction, Reason, ReworkBand, Spec, Verdict

BAND = ReworkBand()
AT = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("none", "stain", "scratch", "crack")
MEANINGS = (Verdict.CONTINUE, Verdict.CONTINUE, Verdict.CORRECT, Verdict.SCRAP)
SPEC = ClassSpec(NAMES, (0, 1, 2, 7), MEANINGS, 0.9)


def said(*probabilities: float) -> Prediction:
    value = 1 - probabilities[0] - probabilities[1]
    return Prediction(value, value, value, 0.5, 1.0, probabilities)


CASES = [
    ("one class is nearly certain", (0.95, 0.01, 0.02, 0.02), "continue", "in_spec"),
    ("two classes of one meaning are certain together", (0.5, 0.45, 0.05, 0.0), "continue", "in_spec"),
    ("a meaning exactly as probable as wanted", (0.9, 0.0, 0.1, 0.0), "continue", "in_spec"),
    ("a meaning slightly less probable than wanted", (0.89, 0.0, 0.11, 0.0), "hold", "uncertain"),
    ("it can be corrected", (0.02, 0.0, 0.97, 0.01), "correct", "reworkable"),
    ("it is scrap", (0.0, 0.0, 0.04, 0.96), "scrap", "out_of_spec"),
    ("bad for certain, but corrected or scrap", (0.0, 0.0, 0.5, 0.5), "hold", "uncertain"),
    ("anything", (0.25, 0.25, 0.25, 0.25), "hold", "uncertain"),
    ("a probability that is no number", (nan, 0.0, 0.0, 1.0), "hold", "bad_model"),
    ("an infinite probability", (inf, 0.0, 0.0, 0.0), "hold", "bad_model"),
    ("a negative probability", (1.1, -0.1, 0.0, 0.0), "hold", "bad_model"),
    ("a sum that is not 1", (0.95, 0.0, 0.0, 0.0), "hold", "bad_model"),
    ("a sum that is 1 but for rounding", (0.9500005, 0.05, 0.0, 0.0), "continue", "in_spec"),
    ("too few probabilities", (0.95, 0.05), "hold", "bad_model"),
    ("too many probabilities", (0.95, 0.05, 0.0, 0.0, 0.0), "hold", "bad_model"),
    ("certain, and the sum is 2", (1.0, 0.0, 0.0, 1.0), "hold", "bad_model"),
]


@pytest.mark.parametrize(("probabilities", "verdict", "reason"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_probabilities_are_judged_by_what_classes_mean(
    probabilities: tuple[float, ...], verdict: str, reason: str
) -> None:
    prediction = replace(said(0.5, 0.5, 0.0, 0.0), probabilities=probabilities)
    assert decide(prediction, SPEC, BAND, None) == Decision(Verdict(verdict), Reason(reason))


def test_a_prediction_without_probabilities_is_none_of_classes() -> None:
    assert decide(replace(said(1, 0, 0, 0), probabilities=()), SPEC, BAND, None).reason is Reason.BAD_MODEL
    assert decide(None, SPEC, BAND, None).reason is Reason.BAD_MODEL
    assert decide(replace(said(1, 0, 0, 0), distance=nan), SPEC, BAND, None).reason is Reason.BAD_MODEL


def test_unlike_the_training_data_comes_before_any_certainty() -> None:
    assert decide(replace(said(1, 0, 0, 0), distance=1.1), SPEC, BAND, None).reason is Reason.OUT_OF_DISTRIBUTION
    assert decide(replace(said(0.5, 0, 0.5, 0), distance=1.1), SPEC, BAND, None).reason is Reason.OUT_OF_DISTRIBUTION
    assert decide(said(1, 0, 0, 0), SPEC, BAND, Reason.NO_SKILL).reason is Reason.NO_SKILL


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda p: sum(p) > 0.01), st.floats(0.501, 0.999))
def test_a_verdict_is_one_that_is_certain_enough_and_more_certainty_never_makes_one(
    weights: list[float], certainty: float
) -> None:
    shares = tuple(weight / sum(weights) for weight in weights)
    spec = replace(SPEC, certainty=certainty)
    decision = decide(replace(said(1, 0, 0, 0), probabilities=shares), spec, BAND, None)
    found = meaning_shares(shares, spec)
    if decision.verdict is Verdict.HOLD:
        assert max(found.values()) < certainty
    else:
        assert found[decision.verdict] >= certainty
        assert found[decision.verdict] == max(found.values())


@dataclass(frozen=True)
class Model:
    """Says the same of every part."""

    prediction: Prediction
    classes: tuple[str, ...] = NAMES
    inputs: tuple[str, ...] = ("s.a",)
    needed: tuple[str, ...] = ("s.a",)
    max_missing: float = 0.0
    digest: str = "d"
    skill: float = 0.5
    coverage: float = 0.9

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        return [self.prediction] * len(rows)


PARTS = [PartInput(PartKey("P", "s", 1), AT, {"s.a": 1.0}), PartInput(PartKey("Q", "s", 1), AT, {})]


def test_the_value_is_the_probability_of_not_going_on() -> None:
    """Whatever the model calls its value: it may know one good class only, or none."""
    prediction = replace(said(0.3, 0.65, 0.03, 0.02), value=0.7, lower=0.7, upper=0.7)
    (judged, decision), (missing, held) = judge(Model(prediction), None, PARTS, lambda _: SPEC, BAND)
    assert judged is not None
    assert (judged.value, judged.lower, judged.upper) == pytest.approx((0.05, 0.05, 0.05))
    assert decision == Decision(Verdict.CONTINUE, Reason.IN_SPEC)
    assert (missing, held.reason) == (None, Reason.INCOMPLETE_INPUT)


@pytest.mark.parametrize(
    ("classes", "spec"),
    [(NAMES[:2], SPEC), (NAMES[::-1], SPEC), ((), SPEC), (NAMES, Spec(0.0, 1.0))],
    ids=["fewer classes", "another order", "a model of numbers", "a gate that decides on a number"],
)
def test_a_model_of_something_else_decides_nothing(classes: tuple[str, ...], spec: Spec | ClassSpec) -> None:
    model = Model(said(1, 0, 0, 0), classes)
    assert judge(model, None, PARTS, lambda _: spec, BAND) == [(None, Decision(Verdict.HOLD, Reason.BAD_MODEL))] * 2
    withheld = judge(model, None, PARTS[:1], lambda _: spec, BAND, Reason.NO_SKILL)
    assert withheld == [(None, Decision(Verdict.HOLD, Reason.BAD_MODEL))]


def test_an_outcome_means_what_its_class_means() -> None:
    verdicts = [verdict_by_rule(value, SPEC, BAND) for value in (0.0, 1.0, 2.0, 7.0, 3.0)]
    assert verdicts == [*MEANINGS, None]
    assert verdict_by_rule(5.0, Spec(0.0, 1.0), ReworkBand(0, 9)) is Verdict.CORRECT
