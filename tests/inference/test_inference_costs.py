"""Decisions by expected cost: shares of a predictive distribution, costs of actions, and what can never happen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from inference.policy.costs import FREEDOM, LEAST, Correction, Costs, Shares, actions, bounded, shares_of
from inference.policy.gate import Priced, decide, hold
from monitor.model import ClassSpec, Prediction, Reason, ReworkBand, Spec, Verdict

COVERAGE = 0.9
SPEC, BAND = Spec(-3.0, 3.0), ReworkBand(0.0, 2.0)
COSTS = Costs(30_000, 400, 60, {"grind": Correction(80, 0.95), "polish": Correction(20, 0.5)})
CLASSES = ClassSpec(
    ("clean", "runs", "pinholes"), (0.0, 1.0, 4.0), (Verdict.CONTINUE, Verdict.CORRECT, Verdict.SCRAP), 0.8
)


def said(value: float, half: float) -> Prediction:
    return Prediction(value, value - half, value + half, 0.0, 1.0)


def decided(prediction: Prediction, costs: Costs = COSTS, failed: Reason | None = None) -> Verdict:
    return decide(prediction, SPEC, BAND, failed, Priced(costs, COVERAGE)).verdict


SURE = {
    "well inside": (0.0, 0.5, Verdict.CONTINUE),
    "in the rework band": (4.0, 0.2, Verdict.CORRECT),
    "beyond it": (9.0, 0.5, Verdict.SCRAP),
    "below, where nothing can be put back": (-9.0, 0.5, Verdict.SCRAP),
    "just inside, and one in twenty is not": (2.5, 0.5, Verdict.HOLD),
    "nothing known": (0.0, 50.0, Verdict.HOLD),
}


@pytest.mark.parametrize(("value", "half", "verdict"), SURE.values(), ids=SURE)
def test_the_least_cost_wins(value: float, half: float, verdict: Verdict) -> None:
    assert decided(said(value, half)) is verdict


def test_shares_are_those_of_the_student_distribution_with_that_interval() -> None:
    prediction = Prediction(1.0, -1.0, 2.0, 0.0, 1.0)
    quantile = student.ppf(0.95, FREEDOM)
    above, below = student(FREEDOM, 1.0, 1 / quantile), student(FREEDOM, 1.0, 2 / quantile)
    good = above.cdf(3.0) - below.cdf(-3.0)
    expected = bounded(good, above.cdf(5.0) - above.cdf(3.0), above.sf(5.0) + below.cdf(-3.0))
    found = shares_of(prediction, COVERAGE, SPEC, BAND)
    assert (found.good, found.reworkable, found.scrap) == pytest.approx(
        (expected.good, expected.reworkable, expected.scrap)
    )


def test_an_open_side_and_an_interval_of_no_width() -> None:
    assert shares_of(said(9e9, 1.0), COVERAGE, Spec(0.0, None), BAND).good == pytest.approx(1 - 2 * LEAST)
    assert shares_of(said(3.0, 0.0), COVERAGE, SPEC, BAND).good == pytest.approx(1 - 2 * LEAST)
    assert shares_of(said(4.0, 0.0), COVERAGE, SPEC, BAND).reworkable == pytest.approx(1 - 2 * LEAST)


def test_each_action_costs_what_the_parts_cost_that_it_is_taken_for() -> None:
    """The expected costs are the means over parts whose truth is drawn by the shares."""
    shares, rng = Shares(0.3, 0.6, 0.1), np.random.default_rng(1)
    truth = rng.choice(3, size=400_000, p=[0.3, 0.6, 0.1])
    works = rng.random(len(truth))
    costs = {
        ("continue", ""): np.where(truth == 0, 0, 30_000),
        ("scrap", ""): np.full(len(truth), 400),
        ("correct", "grind"): 80 + np.where((truth == 2) | ((truth == 1) & (works > 0.95)), 400, 0),
        ("correct", "polish"): 20 + np.where((truth == 2) | ((truth == 1) & (works > 0.5)), 400, 0),
        ("hold", ""): 60 + np.select([truth == 1, truth == 2], [80 + np.where(works > 0.95, 400, 0), 400], 0),
    }
    for action in actions(shares, COSTS):
        mean = costs[action.verdict.value, action.correction].mean()
        assert action.cost == pytest.approx(mean, rel=0.02), action


def test_of_equal_costs_the_more_cautious_action_is_taken() -> None:
    free = Costs(0.0, 0.0, 0.0, {"b": Correction(0.0, 0.5), "a": Correction(0.0, 0.5)})
    found = [(action.verdict.value, action.correction) for action in actions(Shares(0.3, 0.4, 0.3), free)]
    assert found == [("hold", ""), ("correct", "a"), ("correct", "b"), ("continue", ""), ("scrap", "")]


CERTAIN = {
    "clean": ((0.999, 0.0005, 0.0005), Verdict.CONTINUE),
    "runs": ((0.0005, 0.999, 0.0005), Verdict.CORRECT),
    "pinholes": ((0.0, 0.01, 0.99), Verdict.SCRAP),
    "perhaps clean": ((0.95, 0.03, 0.02), Verdict.HOLD),
    "runs or not": ((0.5, 0.49, 0.01), Verdict.HOLD),
}


@pytest.mark.parametrize(("probabilities", "verdict"), CERTAIN.values(), ids=CERTAIN)
def test_classes_are_decided_by_their_probabilities(probabilities: tuple[float, ...], verdict: Verdict) -> None:
    prediction = replace(said(0.5, 0.0), probabilities=probabilities)
    assert decide(prediction, CLASSES, BAND, None, Priced(COSTS, COVERAGE)).verdict is verdict


def test_the_decision_keeps_every_action_and_names_the_correction() -> None:
    decision = decide(said(4.0, 0.2), SPEC, BAND, None, Priced(COSTS, COVERAGE))
    assert decision.correction == "grind"
    assert decision.action is decision.actions[0]
    assert len(decision.actions) == 5
    assert [a.cost for a in decision.actions] == sorted(a.cost for a in decision.actions)
    assert decide(said(4.0, 0.2), SPEC, BAND, None).action is None


money = st.floats(0.0, 1e6, allow_nan=False)
some_costs = st.builds(
    Costs, money, money, money,
    st.dictionaries(st.sampled_from("abc"), st.builds(Correction, money, st.floats(0.0, 1.0)), max_size=3),
)  # fmt: skip
values, halves = st.floats(-20.0, 20.0), st.floats(0.0, 30.0)
specs = st.tuples(st.floats(-5, 5), st.floats(0, 5)).map(lambda pair: Spec(pair[0], pair[0] + pair[1]))
bands = st.builds(ReworkBand, st.floats(0.0, 3.0), st.floats(0.0, 3.0))
RECOMMENDED = (Reason.IN_SPEC, Reason.REWORKABLE, Reason.ADJUSTABLE, Reason.OUT_OF_SPEC, Reason.FORECAST)
HOLDS = [reason for reason in Reason if reason not in RECOMMENDED]


@given(values, halves, some_costs, specs, bands, st.sampled_from(HOLDS))
@pytest.mark.slow
def test_no_scrap_after_a_failed_precondition(
    value: float, half: float, costs: Costs, spec: Spec, band: ReworkBand, failed: Reason
) -> None:
    assert decide(said(value, half), spec, band, failed, Priced(costs, COVERAGE)) == hold(failed)


@given(values, halves, st.floats(1.0, 50.0), some_costs, specs, bands)
@pytest.mark.slow
def test_a_wider_interval_never_turns_a_hold_into_a_scrap(
    value: float, half: float, wider: float, costs: Costs, spec: Spec, band: ReworkBand
) -> None:
    priced = Priced(costs, COVERAGE)
    before = decide(said(value, half), spec, band, None, priced).verdict
    after = decide(said(value, half * wider), spec, band, None, priced).verdict
    assert not (before is not Verdict.SCRAP and after is Verdict.SCRAP)


@given(values, halves, some_costs, st.floats(1.0, 10.0))
def test_a_dearer_escape_never_lets_a_part_go_on(value: float, half: float, costs: Costs, dearer: float) -> None:
    if decided(said(value, half), costs) is not Verdict.CONTINUE:
        assert decided(said(value, half), replace(costs, escape=costs.escape * dearer)) is not Verdict.CONTINUE


@given(values, halves, some_costs, st.floats(1.0, 10.0))
@pytest.mark.slow
def test_a_dearer_scrap_never_scraps(value: float, half: float, costs: Costs, dearer: float) -> None:
    if decided(said(value, half), costs) is not Verdict.SCRAP:
        assert decided(said(value, half), replace(costs, scrap=costs.scrap * dearer)) is not Verdict.SCRAP


@settings(max_examples=300)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
@pytest.mark.slow
def test_shares_are_bounded_and_sum_to_one(good: float, reworkable: float, scrap: float) -> None:
    if good + reworkable + scrap > 1e-9:
        found = bounded(good, reworkable, scrap)
        assert found.good + found.reworkable + found.scrap == pytest.approx(1)
        assert min(found.good, found.reworkable, found.scrap) >= LEAST
