"""Adjustments of later steps: which settings there are, which of them is found, and what can never happen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.policy.costs import Adjustable, Correction, Costs
from inference.policy.gate import judge
from monitor.errors import ModelError, ModelReason
from monitor.model import Decision, Floats, PartInput, PartKey, Prediction, Reason, ReworkBand, Spec, Verdict

CASES = int(os.environ.get("GATEWATCH_CASES", "0"))
"""Random cases of each property, in place of hypothesis's own number."""
AT = datetime(2026, 1, 1, tzinfo=UTC)
SPEC, BAND = Spec(0.0, 100.0), ReworkBand(0.0, 20.0)
COAT = Adjustable("coat.thickness", 25.0, 22.0, 28.0, 0.25, 20.0)
CURE = Adjustable("coat.cure", 180.0, 170.0, 190.0, 1.0, 5.0)
COSTS = Costs(30_000, 400, 60, {"grind": Correction(80, 0.95)}, (COAT, CURE))


@dataclass
class Response:
    """Predicts base + 10 a um of coat + 0.5 a degree of cure, to within `half`; at a distance from the plan."""

    inputs: tuple[str, ...] = ("form.base", COAT.name, CURE.name)
    half: float = 2.0
    per_um: float = 10.0
    per_degree: float = 0.5
    distance_limit: float = 20.0
    broken: bool = False
    digest: str = "response"
    skill: float = 0.5
    coverage: float = 0.9
    max_missing: float = 0.0
    calls: int = 0
    asked: list[Floats] = field(default_factory=list)

    @property
    def needed(self) -> tuple[str, ...]:
        return self.inputs

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        self.calls += 1
        self.asked.append(rows)
        if self.broken and self.calls > 1:
            raise ModelError("it is broken", ModelReason.CORRUPT)
        column = {name: rows[:, i] for i, name in enumerate(self.inputs)}
        value = column["form.base"].copy()
        far = np.zeros(len(rows))
        for one, gain in ((COAT, self.per_um), (CURE, self.per_degree)):
            if one.name in column:
                value += gain * (column[one.name] - one.plan)
                far += np.abs(column[one.name] - one.plan)
        limit = self.distance_limit
        return [Prediction(v, v - self.half, v + self.half, d, limit) for v, d in zip(value.tolist(), far, strict=True)]


def parts(*bases: float | None) -> list[PartInput]:
    values = [nan if base is None else base for base in bases]
    return [
        PartInput(PartKey(f"S{i}", "form", 1), AT, {"form.base": v, COAT.name: COAT.plan, CURE.name: CURE.plan})
        for i, v in enumerate(values)
    ]


def decided(
    model: Response,
    *bases: float | None,
    costs: Costs = COSTS,
    withheld: Reason | None = None,
    refused: Reason | None = None,
    spec: Spec | None = SPEC,
) -> list[Decision]:
    return [one for _, one in judge(model, refused, parts(*bases), lambda _: spec, BAND, withheld, 1.0, costs)]


def test_settings_are_whole_steps_from_the_plan_within_the_rails() -> None:
    assert COAT.settings() == tuple(22 + 0.25 * i for i in range(25) if i != 12)
    assert Adjustable("x", 0.3, 0.15, 0.5, 0.1, 0.0).settings() == (0.2, 0.4, 0.5)
    assert Adjustable("x", 5.0, 5.0, 5.4, 0.5, 0.0).settings() == ()
    assert Adjustable("x", 1e-7, 0.0, 3e-7, 1e-7, 0.0).settings() == (0.0, 2e-7, 3e-7)


# With 25 um and 180 degrees planned, the model predicts the base; the coat moves it by 30 at most, the cure by 5.
FOUND = {
    "inside as planned": (50.0, "continue", "in_spec", ""),
    "above: as far inside as it goes for one move": (110.0, "correct", "adjustable", COAT.name),
    "across the limit": (99.0, "correct", "adjustable", COAT.name),
    "below": (-10.0, "correct", "adjustable", COAT.name),
    "above: the rails end where both together would do": (131.0, "correct", "adjustable", f"{COAT.name} + {CURE.name}"),
    "out of reach": (140.0, "scrap", "out_of_spec", ""),
    "a value is missing": (None, "hold", "incomplete_input", ""),
}


@pytest.mark.parametrize(("base", "verdict", "reason", "correction"), FOUND.values(), ids=FOUND)
def test_what_brings_a_part_inside_is_recommended(
    base: float | None, verdict: str, reason: str, correction: str
) -> None:
    (decision,) = decided(Response(), base)
    assert (decision.verdict, decision.reason) == (verdict, reason)
    assert (decision.correction if verdict == "correct" else "") == correction
    assert (decision.adjustment is not None) == (reason == "adjustable")
    if decision.adjustment is not None:
        _is_sound(decision, Response())
        assert decision.action is not None
        cost = sum({COAT.name: 20.0, CURE.name: 5.0}[move.variable] for move in decision.adjustment.moves)
        assert decision.action.cost == pytest.approx(cost + (1 - decision.adjustment.probability) * COSTS.escape)


def _is_sound(decision: Decision, model: Response, costs: Costs = COSTS, spec: Spec = SPEC) -> None:
    """Inside by the whole interval, each variable at a setting that it has, and the record says the same."""
    adjustment = decision.adjustment
    assert adjustment is not None
    lower, upper = -inf if spec.lower is None else spec.lower, inf if spec.upper is None else spec.upper
    assert lower <= adjustment.lower <= adjustment.value <= adjustment.upper <= upper
    known = {one.name: one for one in costs.adjustables}
    assert 1 <= len(adjustment.moves) <= 2
    assert len({move.variable for move in adjustment.moves}) == len(adjustment.moves)
    for move in adjustment.moves:
        one = known[move.variable]
        assert move.variable in model.inputs
        assert one.low <= move.to <= one.high
        assert move.to != move.plan == one.plan
        steps = (move.to - one.plan) / one.step
        assert abs(steps - round(steps)) < 1e-6


def test_an_adjustment_competes_with_the_others_by_cost() -> None:
    free = replace(COSTS, corrections={"grind": Correction(0.0, 1.0)})
    (ground,), (adjusted,) = decided(Response(), 110.0, costs=free), decided(Response(), 110.0)
    assert (ground.correction, ground.reason) == ("grind", Reason.REWORKABLE)
    assert ground.adjustment is None
    assert COAT.name in {action.correction for action in ground.actions}
    assert adjusted.adjustment is not None
    assert [a.cost for a in adjusted.actions] == sorted(a.cost for a in adjusted.actions)
    dear = replace(COSTS, adjustables=(replace(COAT, cost=100.0), replace(CURE, cost=100.0)))
    assert decided(Response(), 110.0, costs=dear)[0].correction == "grind"


def test_a_part_that_costs_least_as_planned_is_moved_only_where_that_is_cheaper() -> None:
    """Not surely inside, but a failure is cheap: it would go on; to move it costs less or more than that."""
    cheap = replace(COSTS, escape=500.0)
    without = replace(cheap, adjustables=())
    assert decided(Response(), 98.5, costs=without)[0].verdict is Verdict.CONTINUE
    (moved,) = decided(Response(), 98.5, costs=cheap)
    assert (moved.verdict, moved.correction) == (Verdict.CORRECT, CURE.name)
    dear = replace(cheap, adjustables=(replace(COAT, cost=90.0), replace(CURE, cost=90.0)))
    assert decided(Response(), 98.5, costs=dear)[0].verdict is Verdict.CONTINUE


def test_what_the_model_does_not_know_is_no_adjustment() -> None:
    near = Response(half=0.2, distance_limit=0.9)  # 0.75 um, 7.5 in the characteristic
    assert decided(near, 105.0)[0].adjustment is not None
    assert {move.to for move in decided(near, 105.0)[0].adjustment.moves} == {24.25}  # type: ignore[union-attr]
    assert decided(near, 107.0)[0].adjustment is None
    assert decided(Response(half=60.0), 50.0)[0].adjustment is None  # nowhere is all of so wide an interval inside
    assert decided(Response(per_um=0.0, per_degree=0.0), 110.0)[0].correction == "grind"
    assert decided(Response(broken=True), 110.0)[0].correction == "grind"
    assert decided(Response(per_um=nan), 110.0)[0].reason is Reason.BAD_MODEL


def test_a_model_from_before_the_adjustments_is_not_asked() -> None:
    old = Response(inputs=("form.base",))
    assert decided(old, 110.0)[0].correction == "grind"
    assert old.calls == 1


def test_nothing_is_scrapped_that_a_setting_might_bring_inside() -> None:
    """At 135 the best that can be set is 100: perhaps inside, so people look at it; at 140 it is 105 at best."""
    at_best, beyond = decided(Response(), 135.0, 140.0)
    assert (at_best.verdict, at_best.actions[0].verdict) == (Verdict.HOLD, Verdict.SCRAP)
    assert beyond.verdict is Verdict.SCRAP


def test_a_move_that_changes_nothing_is_none_though_it_is_free() -> None:
    free = replace(COSTS, inspection=0.0, corrections={}, adjustables=(replace(COAT, cost=0.0),))
    (decision,) = decided(Response(per_um=0.0), 97.0, costs=free)
    assert (decision.verdict, len(decision.actions)) == (Verdict.HOLD, 3)


def test_of_equal_costs_the_smaller_move_is_taken() -> None:
    sure = Response(half=0.0, per_degree=0.0)  # nothing is uncertain: any setting that brings it inside is as good
    (decision,) = decided(sure, 111.0)
    assert decision.adjustment is not None
    assert [(m.variable, m.to) for m in decision.adjustment.moves] == [(COAT.name, 23.75)]


def test_all_parts_are_asked_at_once_and_pairs_only_where_one_will_not_do() -> None:
    model = Response()
    found = decided(model, 50.0, 110.0, 105.0, None, -10.0)
    assert (model.calls, sum(one.adjustment is not None for one in found)) == (2, 3)
    decided(model := Response(), 110.0, 131.0)
    assert model.calls == 3
    decided(model := Response(), 50.0, 60.0)
    assert model.calls == 1


@pytest.mark.parametrize("withheld", [Reason.NO_SKILL, Reason.NOT_CALIBRATED])
def test_nothing_is_adjusted_by_a_prediction_that_must_not_decide(withheld: Reason) -> None:
    (decision,) = decided(Response(), 110.0, withheld=withheld)
    assert (decision.reason, decision.actions) == (withheld, ())


numbers = st.floats(-80, 180) | st.floats(-300, 300)
adjustables = st.builds(
    lambda name, plan, below, above, step, cost: Adjustable(name, plan, plan - below, plan + above, step, cost),
    st.sampled_from([COAT.name, CURE.name, "coat.other"]), st.sampled_from([25.0, 180.0, 0.3, -7.1]),
    st.floats(0.01, 9), st.floats(0.01, 9), st.sampled_from([0.1, 0.25, 0.3, 1.0, 7.0]), st.floats(0, 500),
)  # fmt: skip
some_costs = st.builds(
    lambda escape, scrap, inspection, success, known: Costs(
        escape, scrap, inspection, {"grind": Correction(80, success)}, tuple({one.name: one for one in known}.values())
    ),
    st.floats(0, 1e5), st.floats(0, 1e4), st.floats(0, 1e3), st.floats(0, 1), st.lists(adjustables, max_size=3),
)  # fmt: skip
models = st.builds(
    lambda half, per_um, per_degree, limit: Response(
        half=half, per_um=per_um, per_degree=per_degree, distance_limit=limit
    ),
    st.floats(0, 10) | st.floats(0, 60), st.floats(-30, 30), st.floats(-9, 9), st.floats(0, 60),
)  # fmt: skip
specs = st.tuples(st.none() | st.floats(-50, 50), st.none() | st.floats(50, 150)).map(lambda pair: Spec(*pair))
failures = [reason for reason in Reason if reason not in
            (Reason.IN_SPEC, Reason.REWORKABLE, Reason.ADJUSTABLE, Reason.OUT_OF_SPEC, Reason.FORECAST)]  # fmt: skip
cases = settings(max_examples=CASES, deadline=None) if CASES else settings(deadline=None)


@cases
@given(models, numbers, some_costs, specs)
@pytest.mark.slow
def test_an_adjustment_is_never_outside_its_guard_rails(model: Response, base: float, costs: Costs, spec: Spec) -> None:
    (decision,) = decided(model, base, costs=costs, spec=spec)
    for one in costs.adjustables:
        for rows in model.asked[1:] if one.name in model.inputs else ():
            settings_asked = np.unique(rows[:, model.inputs.index(one.name)])
            planned = settings_asked == next(a.plan for a in (COAT, CURE) if a.name == one.name)
            steps = (settings_asked - one.plan) / one.step
            assert (planned | ((one.low <= settings_asked) & (settings_asked <= one.high))).all()
            assert (planned | (np.abs(steps - np.round(steps)) < 1e-6)).all()
    for action in decision.actions:
        if action.adjustment is not None:
            assert action.verdict is Verdict.CORRECT
            _is_sound(replace(decision, verdict=Verdict.CORRECT, actions=(action,)), model, costs, spec)
    if decision.adjustment is None:
        return
    without = decided(replace(model, calls=0, asked=[]), base, costs=replace(costs, adjustables=()), spec=spec)[0]
    assert without.action is not None
    assert decision.action is not None
    # A scrap is no alternative while something might help, however cheap it is.
    assert without.verdict is Verdict.SCRAP or decision.action.cost <= without.action.cost


@cases
@given(models, numbers | st.none(), some_costs, specs, st.sampled_from(failures))
@pytest.mark.slow
def test_nothing_is_adjusted_after_a_failed_precondition(
    model: Response, base: float | None, costs: Costs, spec: Spec, refused: Reason
) -> None:
    for found in (
        decided(model, base, costs=costs, spec=spec, refused=refused),
        decided(model, base, costs=costs, spec=None),
        decided(model, None, costs=costs, spec=spec),
        decided(replace(model, distance_limit=-1.0), base, costs=costs, spec=spec),
    ):
        assert found[0].verdict is Verdict.HOLD
        assert found[0].actions == ()
        assert found[0].adjustment is None


@cases
@given(
    models | st.floats(0, 3).map(lambda half: Response(half=half)),
    numbers | st.floats(120, 150),
    some_costs | st.just(COSTS),
    specs | st.just(SPEC),
    st.floats(1, 4) | st.floats(1, 50),
)
@pytest.mark.slow
def test_a_wider_interval_never_turns_anything_into_a_scrap(
    model: Response, base: float, costs: Costs, spec: Spec, wider: float
) -> None:
    before = decided(model, base, costs=costs, spec=spec)[0]
    after = decided(replace(model, half=model.half * wider, calls=0, asked=[]), base, costs=costs, spec=spec)[0]
    assert not (before.verdict is not Verdict.SCRAP and after.verdict is Verdict.SCRAP)


@settings(max_examples=25, deadline=None)
@given(models, st.lists(numbers | st.none(), max_size=6), some_costs, st.integers(0, 6))
def test_splitting_a_batch_changes_nothing(model: Response, bases: list[float | None], costs: Costs, cut: int) -> None:
    whole = decided(model, *bases, costs=costs)
    assert decided(model, *bases[:cut], costs=costs) + decided(model, *bases[cut:], costs=costs) == whole
