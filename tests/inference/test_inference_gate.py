"""Gate policy: the table of every case, and what holds for any numbers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import copysign, inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.policy.gate import decide, hold, input_rows, judge, preconditions
from monitor.errors import ModelError, ModelReason
from monitor.model import Decision, Floats, PartInput, PartKey, Prediction, Reason, ReworkBand, Spec, Verdict

SPEC = Spec(10.0, 20.0)
BAND = ReworkBand(below=1.0, above=3.0)
AT = datetime(2026, 1, 1, tzinfo=UTC)
CERTAIN = {
    Verdict.CONTINUE: Reason.IN_SPEC,
    Verdict.CORRECT: Reason.REWORKABLE,
    Verdict.SCRAP: Reason.OUT_OF_SPEC,
}
RECOMMENDED = (*CERTAIN.values(), Reason.ADJUSTABLE, Reason.FORECAST)


def interval(lower: float, upper: float) -> Prediction:
    return Prediction(lower / 2 + upper / 2, lower, upper, 0.5, 1.0)


CASES = [
    ("well inside the spec", 12, 18, SPEC, BAND, "continue", "in_spec"),
    ("touching both limits from inside", 10, 20, SPEC, BAND, "continue", "in_spec"),
    ("a point on the lower limit", 10, 10, SPEC, BAND, "continue", "in_spec"),
    ("across the lower limit", 9.5, 10.5, SPEC, BAND, "hold", "uncertain"),
    ("across the upper limit", 19, 21, SPEC, BAND, "hold", "uncertain"),
    ("touching the lower limit from outside", 9.5, 10, SPEC, BAND, "hold", "uncertain"),
    ("within the band below", 9.1, 9.9, SPEC, BAND, "correct", "reworkable"),
    ("touching the outer border of the band below", 9.0, 9.9, SPEC, BAND, "correct", "reworkable"),
    ("within the band above", 20.5, 22.5, SPEC, BAND, "correct", "reworkable"),
    ("touching the outer border of the band above", 20.5, 23, SPEC, BAND, "correct", "reworkable"),
    ("across the outer border below", 8.5, 9.5, SPEC, BAND, "hold", "uncertain"),
    ("across the outer border above", 22, 24, SPEC, BAND, "hold", "uncertain"),
    ("beyond the band below", 7, 8.9, SPEC, BAND, "scrap", "out_of_spec"),
    ("beyond the band above", 23.1, 25, SPEC, BAND, "scrap", "out_of_spec"),
    ("wider than everything", 0, 50, SPEC, BAND, "hold", "uncertain"),
    ("from the band below to the band above", 9.5, 20.5, SPEC, BAND, "hold", "uncertain"),
    ("below where nothing below can be reworked", 9.1, 9.9, SPEC, ReworkBand(0, 3), "scrap", "out_of_spec"),
    ("above where nothing above can be reworked", 20.1, 20.9, SPEC, ReworkBand(1, 0), "scrap", "out_of_spec"),
    ("far above where everything above can be reworked", 90, 99, SPEC, ReworkBand(0, inf), "correct", "reworkable"),
    ("low where only an upper limit exists", -99, 5, Spec(None, 20), BAND, "continue", "in_spec"),
    ("above the only upper limit", 21, 22, Spec(None, 20), BAND, "correct", "reworkable"),
    ("far above the only upper limit", 24, 25, Spec(None, 20), BAND, "scrap", "out_of_spec"),
    ("high where only a lower limit exists", 11, 99, Spec(10, None), BAND, "continue", "in_spec"),
    ("below the only lower limit", 9.2, 9.4, Spec(10, None), BAND, "correct", "reworkable"),
    ("far below the only lower limit", 1, 2, Spec(10, None), BAND, "scrap", "out_of_spec"),
    ("no spec in force", 12, 18, None, BAND, "hold", "incomplete_input"),
    ("a spec without limits", 12, 18, Spec(None, None), BAND, "hold", "incomplete_input"),
    ("a limit that is no number", 12, 18, Spec(nan, 20), BAND, "hold", "incomplete_input"),
    ("an infinite limit", 12, 18, Spec(inf, None), BAND, "hold", "incomplete_input"),
    ("limits in the wrong order", 12, 18, Spec(20, 10), BAND, "hold", "incomplete_input"),
    ("a negative band", 21, 22, SPEC, ReworkBand(1, -1), "hold", "incomplete_input"),
    ("a band that is no number", 21, 22, SPEC, ReworkBand(1, nan), "hold", "incomplete_input"),
]


@pytest.mark.parametrize(
    ("lower", "upper", "spec", "band", "verdict", "reason"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_an_interval_is_judged_against_spec_and_band(
    lower: float, upper: float, spec: Spec | None, band: ReworkBand, verdict: str, reason: str
) -> None:
    assert decide(interval(lower, upper), spec, band, None) == Decision(Verdict(verdict), Reason(reason))


SOUND = interval(12, 18)
HOLDS = [
    ("no prediction where one was due", None, "bad_model"),
    ("a value that is no number", replace(SOUND, value=nan), "bad_model"),
    ("an infinite border", replace(SOUND, upper=inf), "bad_model"),
    ("a distance that is no number", replace(SOUND, distance=nan), "bad_model"),
    ("a limit that is no number", replace(SOUND, distance_limit=nan), "bad_model"),
    ("a value outside its interval", replace(SOUND, value=19.0), "bad_model"),
    ("an interval the wrong way round", Prediction(15, 18, 12, 0, 1), "bad_model"),
    ("a distance above its limit", replace(SOUND, distance=1.1), "out_of_distribution"),
    ("too far away and out of spec", replace(interval(90, 91), distance=1.1), "out_of_distribution"),
]


@pytest.mark.parametrize(("prediction", "reason"), [c[1:] for c in HOLDS], ids=[c[0] for c in HOLDS])
def test_a_prediction_that_cannot_be_trusted_holds(prediction: Prediction | None, reason: str) -> None:
    assert decide(prediction, SPEC, BAND, None) == Decision(Verdict.HOLD, Reason(reason))


def test_a_distance_at_its_limit_is_no_hold() -> None:
    assert decide(replace(SOUND, distance=1.0), SPEC, BAND, None).verdict is Verdict.CONTINUE


@pytest.mark.parametrize("reason", [r for r in Reason if r not in RECOMMENDED])
def test_a_failed_precondition_is_the_reason_of_a_hold_whatever_else_is_known(reason: Reason) -> None:
    assert decide(SOUND, SPEC, BAND, reason) == Decision(Verdict.HOLD, reason)
    assert decide(None, None, BAND, reason) == Decision(Verdict.HOLD, reason)


@pytest.mark.parametrize("reason", list(CERTAIN.values()))
def test_the_reason_of_a_recommendation_cannot_be_that_of_a_hold(reason: Reason) -> None:
    with pytest.raises(ValueError, match="reason of a recommendation"):
        hold(reason)


any_float = st.floats(allow_nan=True, allow_infinity=True)
numbers = st.floats(-1e6, 1e6)
any_limit = st.none() | any_float


@given(
    st.builds(Prediction, any_float, any_float, any_float, any_float, any_float),
    st.none() | st.builds(Spec, any_limit, any_limit),
    st.builds(ReworkBand, any_float, any_float),
)
def test_any_numbers_give_a_decision_whose_verdict_and_reason_agree(
    prediction: Prediction, spec: Spec | None, band: ReworkBand
) -> None:
    decision = decide(prediction, spec, band, None)
    assert (decision.verdict is Verdict.HOLD) == (decision.reason not in CERTAIN.values())
    assert CERTAIN.get(decision.verdict, decision.reason) is decision.reason


def _with_sign(value: float) -> tuple[float, float]:
    """-0.0 before 0.0, which Hypothesis refuses as bounds in the other order."""
    return value, copysign(1.0, value)


@st.composite
def judged(draw: st.DrawFn) -> tuple[Prediction, Spec, ReworkBand]:
    low, high = sorted((draw(numbers), draw(numbers)), key=_with_sign)
    lower, upper = sorted((draw(numbers), draw(numbers)), key=_with_sign)
    spec = Spec(*draw(st.sampled_from([(low, high), (low, None), (None, high)])))
    band = ReworkBand(draw(st.floats(0, 1e6)), draw(st.floats(0, 1e6)))
    return Prediction(draw(st.floats(lower, upper)), lower, upper, 0, 1), spec, band


def at_point(value: float, spec: Spec, band: ReworkBand) -> Verdict:
    return decide(Prediction(value, value, value, 0, 1), spec, band, None).verdict


@given(judged(), st.floats(0, 1))
def test_a_recommendation_is_right_for_every_value_of_the_interval(
    case: tuple[Prediction, Spec, ReworkBand], fraction: float
) -> None:
    prediction, spec, band = case
    verdict = decide(prediction, spec, band, None).verdict
    inside = min(
        max(prediction.lower + fraction * (prediction.upper - prediction.lower), prediction.lower), prediction.upper
    )
    if verdict is not Verdict.HOLD:
        assert {at_point(v, spec, band) for v in (prediction.lower, inside, prediction.upper)} == {verdict}


@given(judged())
def test_an_interval_across_a_limit_is_never_a_recommendation(case: tuple[Prediction, Spec, ReworkBand]) -> None:
    prediction, spec, band = case
    for limit in (spec.lower, spec.upper):
        if limit is not None and prediction.lower < limit < prediction.upper:
            assert decide(prediction, spec, band, None) == hold(Reason.UNCERTAIN)


@given(judged(), numbers)
@pytest.mark.slow
def test_a_certain_part_never_gets_better_by_moving_away_from_the_spec(
    case: tuple[Prediction, Spec, ReworkBand], step: float
) -> None:
    _, spec, band = case
    rank = [Verdict.CONTINUE, Verdict.CORRECT, Verdict.SCRAP]
    if spec.upper is not None:
        values = (spec.upper, spec.upper + abs(step), spec.upper + 2 * abs(step))
        found = [rank.index(at_point(value, spec, band)) for value in values]
        assert found == sorted(found)


@given(judged())
def test_a_wider_interval_never_turns_a_hold_into_a_recommendation(case: tuple[Prediction, Spec, ReworkBand]) -> None:
    prediction, spec, band = case
    wider = replace(prediction, lower=prediction.lower - 1, upper=prediction.upper + 1)
    if decide(prediction, spec, band, None).verdict is Verdict.HOLD:
        assert decide(wider, spec, band, None).verdict is Verdict.HOLD


class Doubling:
    """A model whose value is twice its first input; it remembers what it was asked."""

    inputs = needed = ("a", "b")
    max_missing = 0.0
    digest = "d"

    def __init__(self, skill: float = 0.5, answers: int | None = None, fails: bool = False) -> None:
        self.skill, self.answers, self.fails = skill, answers, fails
        self.asked: list[list[float]] = []
        self.calls = 0

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        self.calls += 1
        self.asked += rows.tolist()
        if self.fails:
            raise ModelError("broken", ModelReason.CORRUPT)
        return [Prediction(2 * r[0], 2 * r[0] - 0.5, 2 * r[0] + 0.5, 0.0, 1.0) for r in rows[: self.answers]]


def part(a: float, b: float = 0.0, **more: float) -> PartInput:
    return PartInput(PartKey("S", "s", 1), AT, {"a": a, "b": b, **more})


PRECONDITIONS = [
    ("complete input and skill", Doubling(), None, part(1), None),
    ("refused beforehand", Doubling(), Reason.TIMEOUT, part(1), Reason.TIMEOUT),
    ("refused beforehand without a model", None, Reason.BAD_MODEL, part(1), Reason.BAD_MODEL),
    ("no model", None, None, part(1), Reason.NO_MODEL),
    ("a missing value", Doubling(), None, part(nan), Reason.INCOMPLETE_INPUT),
    ("an infinite value", Doubling(), None, part(inf), Reason.INCOMPLETE_INPUT),
    ("an absent input", Doubling(), None, PartInput(PartKey("S", "s", 1), AT, {"a": 1.0}), Reason.INCOMPLETE_INPUT),
    ("a missing value the model does not use", Doubling(), None, part(1, other=nan), None),
]


@pytest.mark.parametrize(
    ("model", "refused", "row", "reason"), [c[1:] for c in PRECONDITIONS], ids=[c[0] for c in PRECONDITIONS]
)
def test_preconditions(model: Doubling | None, refused: Reason | None, row: PartInput, reason: Reason | None) -> None:
    assert preconditions(model, refused, row) is reason


def test_only_complete_rows_reach_the_model_and_answers_go_to_their_parts() -> None:
    model = Doubling()
    found = judge(model, None, [part(7.5), part(nan), part(11.0), part(50.0)], lambda _: SPEC, BAND)
    assert model.asked == [[7.5, 0.0], [11.0, 0.0], [50.0, 0.0]]
    assert [p.value if p else None for p, _ in found] == [15.0, None, 22.0, 100.0]
    assert [d.verdict.value for _, d in found] == ["continue", "hold", "correct", "scrap"]


def test_the_spec_is_the_one_in_force_at_the_time_of_the_part() -> None:
    seen: list[datetime] = []
    judge(Doubling(), None, [part(7.5)], lambda at: seen.append(at), BAND)
    assert seen == [AT]


@pytest.mark.parametrize("model", [Doubling(fails=True), Doubling(answers=1)], ids=["it raises", "it answers too few"])
def test_a_broken_model_holds_every_part_it_was_asked_for(model: Doubling) -> None:
    found = judge(model, None, [part(7.5), part(nan), part(7.5)], lambda _: SPEC, BAND)
    assert [d.reason for _, d in found] == [Reason.BAD_MODEL, Reason.INCOMPLETE_INPUT, Reason.BAD_MODEL]
    assert all(p is None for p, _ in found)


def test_no_parts_ask_nothing() -> None:
    model = Doubling()
    assert judge(model, None, [], lambda _: SPEC, BAND) == []
    assert judge(model, None, [part(nan)], lambda _: SPEC, BAND) == [(None, hold(Reason.INCOMPLETE_INPUT))]
    assert model.calls == 0


WITHHELD = {
    "a part in spec": (Doubling(), None, part(7.5), Reason.NO_SKILL, True),
    "a part that is far from what the model knows": (Doubling(), None, part(1e6), Reason.NO_SKILL, True),
    "a part without its input": (Doubling(), None, part(nan), Reason.NO_SKILL, False),
    "a model that fails is a bad one all the same": (Doubling(fails=True), None, part(7.5), Reason.BAD_MODEL, False),
    "no model": (None, None, part(7.5), Reason.NO_MODEL, False),
    "no skill in training": (Doubling(skill=0.0), None, part(7.5), Reason.NO_SKILL, True),
    "refused beforehand": (Doubling(), Reason.TIMEOUT, part(7.5), Reason.TIMEOUT, False),
}


@pytest.mark.parametrize(("model", "refused", "row", "reason", "predicted"), WITHHELD.values(), ids=WITHHELD)
def test_what_the_model_says_is_withheld(
    model: Doubling | None, refused: Reason | None, row: PartInput, reason: Reason, predicted: bool
) -> None:
    """For a reason of the whole gate: the model is asked, so that its skill can be measured, and the part is held."""
    ((prediction, decision),) = judge(model, refused, [row], lambda _: SPEC, BAND, Reason.NO_SKILL)
    assert (decision, prediction is not None) == (hold(reason), predicted)


def test_what_was_refused_beforehand_is_not_asked() -> None:
    model = Doubling()
    assert judge(model, Reason.TIMEOUT, [part(7.5)], lambda _: SPEC, BAND) == [(None, hold(Reason.TIMEOUT))]
    assert model.calls == 0


def test_rows_are_in_the_models_order_of_columns_and_have_nan_where_one_is_missing() -> None:
    rows = input_rows([part(1, 2), part(3, 4)], ("b", "a"))
    assert (rows.dtype, rows.tolist()) == (np.float64, [[2.0, 1.0], [4.0, 3.0]])
    assert np.isnan(input_rows([part(1)], ("b", "c"))).tolist() == [[False, True]]


@pytest.mark.process
def test_the_policy_imports_no_model_library() -> None:
    code = "import sys, inference.policy.gate; print(sorted({'torch', 'mlflow', 'safetensors'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
