"""The anomaly score of a machine: silent when healthy, and what it says when something happens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from detector_streams import ar1, batch_of, shifted, spread, uncoupled

from detectors.stream.anomaly_state import AnomalyState
from detectors.stream.baseline import Settings
from detectors.stream.online import MachineAnomaly
from detectors.stream.patience import Patience
from monitor.detection import CHANGE, CONDITION, CONDITION_ALARM, TIME_LEFT
from monitor.model import Finding, Floats, MachineState, Status

ROWS, FAULT = 2100, 1500
RUN, IDLE = MachineState.RUN, MachineState.IDLE


def watch(
    values: Floats,
    patience: Patience | None = None,
    states: Sequence[MachineState] | None = None,
    recipes: Sequence[str] | None = None,
    method: str = CONDITION_ALARM,
) -> tuple[AnomalyState, Sequence[Finding]]:
    sensors = {f"s{i}": (-5.0, 5.0) for i in range(values.shape[1])}
    detector = MachineAnomaly(sensors, Settings(), patience)
    state, findings = detector.observe(detector.start(), batch_of(values, states=states, recipes=recipes))
    return state, [finding for finding in findings if finding.method == method]


def told(findings: Iterable[Finding]) -> list[tuple[int, str]]:
    return [(f.row, f.status.value) for f in findings]


LIVE = [(0, "cannot_judge"), (1004, "ok")]


@pytest.mark.parametrize(
    ("fault", "within", "causes", "method"),
    [
        pytest.param(lambda v: shifted(v, FAULT, 2.0, [2]), 60, {"s2"}, CONDITION_ALARM, id="a mean moves by 2 sigma"),
        pytest.param(lambda v: shifted(v, FAULT, 3.0, [5]), 30, {"s5"}, CONDITION_ALARM, id="a mean moves by 3 sigma"),
        pytest.param(
            lambda v: spread(v, FAULT, 2.0, range(8)), 60, set(), CONDITION_ALARM, id="all scatter twice as much"
        ),
        pytest.param(
            lambda v: spread(v, FAULT, 3.0, [4]), 120, {"s4"}, CONDITION_ALARM, id="one scatters three times as much"
        ),
        pytest.param(lambda v: uncoupled(v, FAULT, 6, 2809, 0.3), 400, set(), CONDITION, id="one goes its own way"),
    ],
)
def test_a_fault_is_found_and_its_sensor_named(fault, within: int, causes: set[str], method: str) -> None:
    _, findings = watch(fault(ar1(2800, ROWS, 0.3)), method=method)
    assert told(findings)[:2] == LIVE
    breach = findings[2]
    assert breach.status is Status.BREACH
    assert FAULT <= breach.row < FAULT + within
    assert breach.value > breach.limit
    assert causes <= set(breach.causes[:1])
    assert 1 <= len(breach.causes) <= 3


def test_a_step_of_one_sensor_is_a_change_and_then_over_although_the_alarm_stays() -> None:
    _, findings = watch(shifted(ar1(2860, ROWS, 0.3), FAULT, 5.0, [5]), method=CHANGE)
    assert told(findings)[:2] == [(0, "cannot_judge"), (1090, "ok")]
    began, ended = findings[2:4]
    assert (began.status, began.causes, began.feature) == (Status.BREACH, ("s5",), "")
    assert FAULT <= began.row < FAULT + 12
    assert began.value > began.limit == 1.0
    assert ended.status is Status.OK
    assert began.row + 30 <= ended.row < FAULT + 130
    assert watch(shifted(ar1(2860, ROWS, 0.3), FAULT, 5.0, [5]))[1][-1].status is Status.BREACH


@pytest.mark.slow
def test_healthy_machines_have_hardly_a_change() -> None:
    told_of = [watch(ar1(seed, 6000, 0.3), method=CHANGE)[1] for seed in range(2861, 2867)]
    assert sum(f.status is Status.BREACH for findings in told_of for f in findings) <= 3


def test_a_changeover_between_known_recipes_is_no_change_and_without_rows_there_is_no_data() -> None:
    values, recipes = ar1(2862, 4000, 0.3), ["a"] * 1500 + ["b"] * 1500 + ["a"] * 1000
    values[1500:3000] += 20.0
    values[3500:3520] = np.nan
    found = told(watch(values, recipes=recipes, method=CHANGE)[1])
    assert [status for _, status in found] == ["cannot_judge", "ok", "cannot_judge", "ok", "no_data", "ok"]


def test_a_breach_ends_when_the_fault_does() -> None:
    values = ar1(2801, ROWS, 0.3)
    values[FAULT : FAULT + 150] += 4.0
    _, findings = watch(values)
    assert [status for _, status in told(findings)] == ["cannot_judge", "ok", "breach", "ok"]
    assert FAULT + 150 < findings[3].row < FAULT + 350


@pytest.mark.parametrize("phi", [0.0, 0.8])
@pytest.mark.slow
def test_a_healthy_machine_is_silent_for_a_week(phi: float) -> None:
    _, findings = watch(ar1(2802, 20160, phi))
    assert told(findings) == LIVE


def test_one_wild_sample_is_no_breach() -> None:
    values = ar1(2803, ROWS, 0.3)
    values[FAULT, 3] = 1e9
    assert told(watch(values)[1]) == LIVE


def test_what_a_standing_machine_shows_is_not_judged() -> None:
    values, states = ar1(2804, ROWS, 0.3), [RUN] * ROWS
    values[FAULT : FAULT + 400], states[FAULT : FAULT + 400] = 50.0, [IDLE] * 400
    assert told(watch(values, states=states)[1]) == LIVE


def test_anomalous_rows_are_not_learnt() -> None:
    values = ar1(2805, ROWS, 0.3)
    values[FAULT:, 0] += 5.0
    state, findings = watch(values)
    assert findings[-1].status is Status.BREACH
    assert abs(state.baselines["a"].reference.centre[0]) < 0.5


@pytest.mark.slow
def test_what_lasts_stays_a_breach_until_a_person_says_otherwise() -> None:
    values = ar1(2806, 12000, 0.3)
    values[FAULT:, 0] += 5.0
    for method in (CONDITION, CONDITION_ALARM):
        assert [status for _, status in told(watch(values, method=method)[1])] == ["cannot_judge", "ok", "breach"]


def test_a_recipe_never_seen_is_learnt_first_and_one_seen_is_known() -> None:
    values = ar1(2807, 4000, 0.3)
    recipes = ["a"] * 1500 + ["b"] * 1500 + ["a"] * 1000
    values[1500:3000] += 20.0
    state, findings = watch(values, recipes=recipes)
    assert told(findings) == [*LIVE, (1510, "cannot_judge"), (2514, "ok")]
    assert list(state.baselines) == ["b", "a"]


def test_no_more_baselines_are_kept_than_allowed() -> None:
    recipes = [f"r{row // 10}" for row in range(400)]
    state, _ = watch(ar1(2808, 400, 0.3), Patience(recipes=3), recipes=recipes)
    assert list(state.baselines) == ["r37", "r38", "r39"]


ORDERS = {"short": 5, "of forty units": 40, "long": 300, "longer than half a warm-up": 600}


@pytest.mark.parametrize("length", ORDERS.values(), ids=ORDERS)
@pytest.mark.slow
def test_a_recipe_named_after_each_order_borrows_the_baseline_of_the_machine(length: int) -> None:
    fault = 3000
    values = shifted(ar1(2820, 3400, 0.3), fault, 3.0, [5])
    state, findings = watch(values, recipes=[f"order-{row // length}" for row in range(3400)])
    found = told(findings)
    assert found[0] == (0, "cannot_judge")
    assert [status for _, status in found][:3] == ["cannot_judge", "ok", "breach"]
    assert fault <= findings[2].row < fault + 30
    assert findings[2].causes[0] == "s5"
    assert state.unwatched < 3000


@pytest.mark.slow
def test_orders_of_a_healthy_machine_are_no_alarm() -> None:
    recipes = [f"order-{row // 40}" for row in range(6000)]
    found = told(watch(ar1(2821, 6000, 0.3), recipes=recipes)[1])
    assert [status for _, status in found] == ["cannot_judge", "ok"]
    assert found[1][0] < 1010


def test_recipes_that_lie_apart_are_allowed_for() -> None:
    values = ar1(2822, 5000, 0.3)
    recipes = [f"p{row // 250}" for row in range(5000)]
    levels = np.random.default_rng(2823).normal(0, 6, (20, values.shape[1]))
    values += levels[np.arange(5000) // 250]
    assert [status for _, status in told(watch(values, recipes=recipes)[1])] == ["cannot_judge", "ok"]


@pytest.mark.slow
def test_the_state_does_not_grow_with_the_number_of_recipes() -> None:
    detector = MachineAnomaly({"s0": (-5.0, 5.0), "s1": (-5.0, 5.0)}, Settings(warmup_rows=100))
    values, state, sizes = ar1(2824, 4500, 0.3)[:, :2], detector.start(), []
    for start in (0, 1500, 3000):
        recipes = [f"order-{row // 3}" for row in range(start, start + 1500)]
        batch = batch_of(values[start : start + 1500], recipes=recipes)
        state, _ = detector.observe(state, batch)
        sizes.append(len(json.dumps(detector.save(state))))
    assert sizes[2] < 1.2 * sizes[1]
    assert len(state.baselines) == Patience().recipes


def test_rows_that_nothing_is_compared_with_are_counted() -> None:
    values = ar1(2825, 3100, 0.3)
    values[:, 2:] = np.nan  # never enough sensors
    detector = MachineAnomaly({f"s{i}": (-5.0, 5.0) for i in range(8)})
    before = detector.current(detector.start())[2]
    assert (before.method, before.status, before.value) == ("unwatched", Status.NO_DATA, 0.0)
    state, _ = detector.observe(detector.start(), batch_of(values))
    now = detector.current(state)[2]
    assert (now.value, now.limit, now.status) == (3100.0, 3000.0, Status.CANNOT_JUDGE)
    watched, _ = watch(ar1(2826, 2500, 0.3))
    assert watched.unwatched == 0


def test_orders_of_known_recipes_that_never_settle_are_counted_as_unwatched() -> None:
    recipes = ["a"] * 1000 + ["b"] * 1010 + ["a" if row // 8 % 2 else "b" for row in range(800)]
    state, _ = watch(ar1(2827, 2810, 0.3), recipes=recipes)
    assert state.unwatched >= 780


def test_without_values_there_is_no_data_and_it_says_so() -> None:
    values = ar1(2809, ROWS, 0.3)
    values[FAULT : FAULT + 50] = np.nan
    _, findings = watch(values)
    assert told(findings) == [*LIVE, (FAULT + 9, "no_data"), (FAULT + 54, "ok")]


def test_a_dead_sensor_is_left_out_without_a_false_alarm() -> None:
    values = ar1(2810, ROWS, 0.3)
    values[FAULT:, 2] = np.nan
    assert told(watch(values)[1]) == LIVE


STARTS = {
    "a start": ([IDLE] * 5, None),
    "a changeover to a known recipe without a stop": ([], "b"),
    "a changeover to a known recipe after a stop": ([IDLE] * 5, "b"),
}


def started(standing: Sequence[MachineState], recipe: str | None, transient: int) -> tuple[AnomalyState, list[Finding]]:
    """Two recipes are known; then the machine begins anew, and `transient` rows are far from normal."""
    values = ar1(2812, 3600, 0.3)
    recipes = ["b"] * 1100 + ["a"] * 2500
    begin = 2600 + len(standing)
    states = [RUN] * 2600 + [*standing] + [RUN] * (1000 - len(standing))
    if recipe is not None:
        recipes[begin:] = [recipe] * (3600 - begin)
    values[begin : begin + transient] += 30.0
    state, findings = watch(values, states=states, recipes=recipes)
    return state, [f for f in findings if f.row >= begin]


@pytest.mark.parametrize(("standing", "recipe"), STARTS.values(), ids=STARTS)
@pytest.mark.slow
def test_the_first_rows_after_it_are_neither_judged_nor_learnt(
    standing: Sequence[MachineState], recipe: str | None
) -> None:
    state, findings = started(standing, recipe, transient=10)
    quiet, _ = started(standing, recipe, transient=0)
    assert findings == []
    known = recipe or "a"
    assert state.baselines[known].save() == quiet.baselines[known].save()


def test_a_machine_that_does_not_settle_is_found() -> None:
    _, findings = started([IDLE] * 5, None, transient=400)
    assert [f.status for f in findings][:1] == [Status.BREACH]


def test_without_settling_rows_a_transient_is_an_alarm() -> None:
    values, states = ar1(2812, 3600, 0.3), [RUN] * 3600
    states[2600:2605] = [IDLE] * 5
    values[2605:2615] += 30.0
    assert told(watch(values, Patience(settle_rows=0), states)[1])[2:3] == [(2610, "breach")]


def test_a_known_recipe_starts_from_normal_and_not_from_how_it_ended() -> None:
    values = ar1(2813, 4000, 0.3)
    recipes = ["b"] * 1100 + ["a"] * 1500 + ["b"] * 200 + ["a"] * 200 + ["b"] * 1000
    values[2700:2800] += 8.0  # it ends in a fault, mended before it runs again
    _, findings = watch(values, recipes=recipes)
    after = [f for f in findings if f.row >= 2600]
    assert [f.status for f in after] == [Status.BREACH, Status.OK]
    assert after[1].row < 2800 + 10 + 40


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf], ids=["NaN", "infinity", "minus infinity"])
def test_what_is_no_number_leaves_no_trace_in_the_scores(odd: float) -> None:
    values = ar1(2814, 1800, 0.3)
    values[np.random.default_rng(2814).random(values.shape) < 0.1] = odd
    values[1500:1510] = odd
    _, findings = watch(values)
    assert all(f.value is None or np.isfinite(f.value) for f in findings)


def test_rows_without_enough_values_and_rows_of_a_standing_machine_are_not_learnt() -> None:
    values, states = ar1(2815, 1500, 0.3), [RUN] * 1500
    plain, _ = watch(values[:1300])
    values[1300:1400, :5] = np.nan
    states[1400:] = [IDLE] * 100
    values[1400:] = 70.0
    state, _ = watch(values, states=states)
    assert state.baselines["a"].save() == plain.baselines["a"].save()


def _forgetful(recipes: Sequence[str], values: Floats, forget: str | None) -> tuple[MachineAnomaly, AnomalyState, Any]:
    """A state after rows of these recipes, then without one; and what was told of it."""
    detector = MachineAnomaly({f"s{i}": (-5.0, 5.0) for i in range(values.shape[1])}, Settings())
    state, _ = detector.observe(detector.start(), batch_of(values, recipes=recipes))
    state, found = detector.forget(state, forget)
    return detector, detector.restore(json.loads(json.dumps(detector.save(state)))), found


@pytest.mark.slow
def test_a_machine_that_was_forgotten_is_learnt_like_a_new_one() -> None:
    values = ar1(2850, 5000, 0.3)
    detector, state, found = _forgetful(["A"] * 2400, values[:2400], None)
    assert [(f.status, f.row, f.value) for f in found] == [(Status.CANNOT_JUDGE, -1, None)] * (3 + 8)
    assert detector.current(state)[0].status is Status.CANNOT_JUDGE
    assert detector.recipes(state) == ()
    later = batch_of(values[2400:], recipes=["A"] * 2600)
    state, findings = detector.observe(state, later)
    assert told(f for f in findings if f.method != TIME_LEFT) == [(1004, "ok"), (1004, "ok"), (1090, "ok")]
    assert told(f for f in findings if f.method == TIME_LEFT) == [(1080, "ok")] * 8, "at the first whole hour"
    fresh, _ = detector.observe(detector.start(), later)
    assert {**detector.save(state), "at": 0} == {**detector.save(fresh), "at": 0}


@pytest.mark.parametrize(("others", "kept"), [(0, 0), (300, 500)])
def test_rows_of_the_only_recipe_are_not_kept_for_others(others: int, kept: int) -> None:
    recipes = ["B"] * others + ["A"] * 1100
    detector, _, _ = _forgetful(["A"], ar1(2852, 1, 0.3), None)
    state, _ = detector.observe(detector.start(), batch_of(ar1(2853, len(recipes), 0.3), recipes=recipes))
    assert detector.save(state)["shared"]["learnt"]["rows"] == kept


@pytest.mark.slow
def test_a_recipe_that_was_forgotten_leaves_the_others_as_they_were() -> None:
    recipes = ["A"] * 1400 + ["B"] * 1400
    values = ar1(2851, 2800, 0.3)
    detector, state, found = _forgetful(recipes, values, "A")
    assert {f.method for f in found} == {TIME_LEFT}, "the status is of the recipe that runs"
    assert detector.recipes(state) == ("B",)
    kept, _ = detector.observe(detector.start(), batch_of(values, recipes=recipes))
    saved, whole = detector.save(state), detector.save(kept)
    assert [b for b in whole["baselines"] if b[0] == "B"] == saved["baselines"]
    assert saved["shared"] == whole["shared"]
    detector, state, found = _forgetful(recipes, values, "B")
    assert [f.status for f in found] == [Status.CANNOT_JUDGE] * (3 + 8)
    detector, state, found = _forgetful(recipes, values, "C")
    assert (found, detector.recipes(state)) == ((), ("A", "B")), "what was not learnt is not forgotten"
