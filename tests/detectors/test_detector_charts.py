"""Control charts of a plant's windows: what each rule says, where, which way and since when; seldom of healthy ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from detectors.charts.chart_limits import BLOCKS, ChartSettings
from detectors.charts.charts import ControlCharts, method_of
from detectors.charts.outcome_charts import OutcomeCharts, capability_of, charted
from detectors.spc.rules import DEFAULT, NELSON, WESTERN, Rule
from detectors.window.performance import COLUMNS
from monitor.model import Finding, Floats, Spec, Status, Window

MINUTE = 60_000_000_000


def window(values: Sequence[float] | Floats, machines: Sequence[str] = ("m1",), name: str = "a") -> Window:
    """One column, a row a minute since 1970, its machines taking turns."""
    column = np.asarray(values, dtype=np.float64)
    places = np.arange(len(column), dtype=np.int64)
    groups = tuple((machines[i % len(machines)], "r") for i in range(len(column)))
    return Window("form", "form", (name,), column[:, None], places * MINUTE, places, groups)


def noise(rows: int, seed: int) -> Floats:
    return np.random.default_rng(seed).standard_normal(rows)


def lots(rows: int, seed: int, between: float = 0.5) -> Floats:
    """Lots of 40 like parts."""
    rng = np.random.default_rng(seed)
    return between * np.repeat(rng.standard_normal(rows // 40 + 1), 40)[:rows] + rng.standard_normal(rows)


def by_method(found: Sequence[Finding], feature: str = "a") -> dict[str, Finding]:
    return {f.method: f for f in found if f.feature == feature}


REFERENCE = window(noise(500, 1))
STEADY = noise(60, 2)


def changed(start: int, stop: int, by: float) -> Floats:
    values = STEADY.copy()
    values[start:stop] += by
    return values


SHIFTS = {
    "nothing": (STEADY, {}),
    "one part far above": (changed(40, 41, 9.0), {"rule_1": "a at m1 high since 1970-01-01 00:40 UTC"}),
    "one part far below": (changed(40, 41, -9.0), {"rule_1": "a at m1 low since 1970-01-01 00:40 UTC"}),
    "a shift up": (changed(20, 60, 2.0), {"cusum": "a at m1 high since 1970-01-01 00:20 UTC"}),
    "a shift down": (changed(20, 60, -2.0), {"cusum": "a at m1 low since 1970-01-01 00:19 UTC"}),
    "a shift that is over": (changed(5, 35, 2.0), {"cusum": "a at m1 high since 1970-01-01 00:04 UTC"}),
    "a shift before the window": (changed(0, 60, 2.0), {"cusum": "a at m1 high"}),
}


@pytest.mark.parametrize(("values", "told"), SHIFTS.values(), ids=SHIFTS)
def test_a_breach_says_where_which_way_and_since_when(values: Floats, told: dict[str, str]) -> None:
    found = ControlCharts().judge(REFERENCE, window(values))
    breaches = {f.method: f.causes[0] for f in found if f.feature and f.status is Status.BREACH}
    assert breaches == told
    (whole,) = (f for f in found if not f.feature)
    assert (whole.status is Status.BREACH, set(whole.causes)) == (bool(told), set(told.values()))


PATTERNS = {
    "trend": (np.tile(np.linspace(-1.5, 1.5, 7), 9)[:60], Rule.TREND),
    "alternating": (0.8 * (-1.0) ** np.arange(60), Rule.ALTERNATING),
    "stratified": (0.1 * noise(60, 3), Rule.STRATIFIED),
    "mixture": (np.where(np.arange(60) % 4 < 2, 1.6, -1.6), Rule.MIXTURE),
    "one side": (np.full(60, 0.3), Rule.ONE_SIDE),
    "a wider spread": (3.5 * (-1.0) ** np.arange(60), Rule.SPREAD),
}


@pytest.mark.parametrize(("values", "rule"), PATTERNS.values(), ids=PATTERNS)
def test_other_rules_tell_the_share_of_parts_that_complete_their_pattern(values: Floats, rule: Rule) -> None:
    found = by_method(ControlCharts(rules=tuple(Rule)).judge(REFERENCE, window(values)))[method_of(rule)]
    assert found.status is Status.BREACH
    assert found.value is not None
    assert 0.1 < found.value <= 1
    assert by_method(ControlCharts(rules=tuple(Rule)).judge(REFERENCE, window(STEADY)))[method_of(rule)].status == "ok"


def test_the_rules_are_the_chosen_ones_and_by_default_1_and_cusum() -> None:
    for rules in (DEFAULT, NELSON, WESTERN):
        found = ControlCharts(rules=rules).judge(REFERENCE, window(STEADY))
        assert [f.method for f in found] == [*map(method_of, rules), "worst_ratio"]
    assert [f.method for f in ControlCharts().judge(REFERENCE, window(STEADY))] == ["rule_1", "cusum", "worst_ratio"]


def test_machines_have_charts_of_their_own() -> None:
    """Machines of different levels are each judged by their own; one that shifts is named, whatever the other does."""
    level = np.where(np.arange(500) % 2, 5.0, -5.0)
    before = window(level + noise(500, 4), ("m1", "m2"))
    now = level[:60] + STEADY
    assert not by_method(ControlCharts().judge(before, window(now, ("m1", "m2"))))["cusum"].causes
    now[1::2] -= 2.5
    found = by_method(ControlCharts().judge(before, window(now, ("m1", "m2"))))["cusum"]
    assert found.causes == ("a at m2 low",)
    now[0::2] += 4.0
    both = by_method(ControlCharts().judge(before, window(now, ("m1", "m2"))))["cusum"]
    assert both.causes == ("a at m1 high", "a at m2 low"), "the one furthest beyond its limit first"


def test_wear_of_two_machines_in_step_is_no_shift() -> None:
    """During the reference they wore in turns, now at the same time: nothing that either has not shown before."""
    wear = np.tile(np.linspace(0, 10, 25), 20)
    rows = np.empty(1000)
    rows[0::2], rows[1::2] = wear, np.roll(wear, 12)
    together = np.repeat(wear[:30], 2)
    charts = ControlCharts()
    found = charts.judge(
        window(rows + noise(1000, 5), ("m1", "m2")), window(together + STEADY, ("m1", "m2"))
    )  # fmt: skip
    assert [f.status for f in found] == [Status.OK] * 3


def test_where_no_machine_made_enough_all_parts_have_one_chart() -> None:
    seven = tuple(f"m{i}" for i in range(7))
    found = by_method(ControlCharts().judge(window(noise(500, 1), seven), window(changed(20, 60, 2.0), seven)))
    assert found["cusum"].causes == ("a high since 1970-01-01 00:20 UTC",)


GAPS = {
    "missing values are left out": (np.where(np.arange(60) % 3 == 0, np.nan, STEADY), Status.OK),
    "infinite ones too": (np.where(np.arange(60) % 3 == 0, np.inf, STEADY), Status.OK),
    "and those beyond all measure": (np.where(np.arange(60) % 3 == 0, 1e90, STEADY), Status.OK),
    "no value": (np.full(60, np.nan), Status.NO_DATA),
    "nine values": (STEADY[:9], Status.CANNOT_JUDGE),
    "ten values": (STEADY[:10], Status.OK),
}


@pytest.mark.parametrize(("values", "status"), GAPS.values(), ids=GAPS)
def test_gaps_and_short_windows(values: Floats, status: Status) -> None:
    assert {f.status for f in ControlCharts().judge(REFERENCE, window(values))} == {status}


REFERENCES = {
    "constant": np.full(500, 3.0),
    "79 values": noise(79, 1),
}


@pytest.mark.parametrize("values", REFERENCES.values(), ids=REFERENCES)
def test_a_reference_without_limits_judges_nothing(values: Floats) -> None:
    assert {f.status for f in ControlCharts().judge(window(values), window(STEADY))} == {Status.CANNOT_JUDGE}


def test_no_more_is_judged_than_an_eighth_of_the_reference() -> None:
    """The newest values: what was before them changes nothing."""
    charts, before = ControlCharts(), window(noise(20 * BLOCKS, 6))
    early = changed(0, 40, 50.0)
    assert by_method(charts.judge(before, window(early)))["cusum"] == replace(
        by_method(charts.judge(before, window(STEADY)))["cusum"]
    )


def test_a_skewed_characteristic_is_judged_by_its_quantiles() -> None:
    before = np.random.default_rng(7).exponential(size=500)
    now = np.random.default_rng(8).exponential(size=60)
    found = by_method(ControlCharts().judge(window(before), window(now)))
    assert {f.status for f in found.values()} == {Status.OK}
    assert found["rule_1"].value is not None
    assert found["rule_1"].value < 4, "in scores, not in sigmas of a normal distribution"


@pytest.mark.slow
def test_healthy_lots_are_called_shifted_once_in_a_thousand_windows_at_most() -> None:
    """Seeds that no parameter was chosen on: 20 references, each with 40 windows of lots of like parts."""
    charts, breaches = ControlCharts(), []
    for seed in range(20):
        values = lots(500 + 40 * 60, seed)
        before = window(values[:500])
        for place in range(500, len(values), 60):
            found = charts.judge(before, window(values[place : place + 60]))
            breaches += [(seed, place, f.method) for f in found if f.feature and f.status is Status.BREACH]
    assert len(breaches) <= 2, breaches


@pytest.mark.slow
def test_a_chart_finds_half_of_the_shifts_of_two_sigma_in_spite_of_lots() -> None:
    found = 0
    for seed in range(40):
        values = lots(560, seed)
        before, now = window(values[:500]), window(values[500:] + 2 * values[:500].std())
        found += any(f.causes for f in ControlCharts().judge(before, now))
    assert found >= 20


def realised(rows: int, seed: int, level: float = 0.0, skill: float = 0.0) -> Window:
    """What a gate predicted and what came out, in the columns of `Performance`."""
    outcome = 10 + level + noise(rows, seed)
    predicted = outcome - level * (1 - skill) + 0.3 * noise(rows, seed + 1000)
    rest = [predicted - 1, predicted + 1, outcome, np.full(rows, 10.0)]
    blank = window(outcome)
    return replace(blank, subject="gate", names=COLUMNS, values=np.column_stack([predicted, *rest]))


OUTCOMES = {
    "as before": (0.0, 0.0, set()),
    "the model follows": (1.5, 1.0, {"outcome"}),
    "it does not": (1.5, 0.0, {"outcome", "residual"}),
}


@pytest.mark.parametrize(("level", "skill", "breach"), OUTCOMES.values(), ids=OUTCOMES)
def test_outcomes_and_residuals_have_charts(level: float, skill: float, breach: set[str]) -> None:
    found = OutcomeCharts().judge(realised(800, 1), realised(60, 2, level, skill), None)
    assert {f.feature for f in found if f.feature and f.status is Status.BREACH} == breach
    assert {f.detector for f in found} == {"outcome_chart"}


def test_capability_is_told_with_its_interval_and_never_in_breach() -> None:
    found = {f.method: f for f in capability_of(charted(realised(60, 2)), Spec(7.0, 13.0))}
    assert len(found) == 12
    assert {f.status for f in found.values()} == {Status.OK}
    cpk, low, high = (found[name].value for name in ("cpk", "cpk_low", "cpk_high"))
    assert 0.7 < (low or 0) < (cpk or 0) < (high or 0) < 1.4
    assert all(f.limit is None and f.feature == "outcome" for f in found.values())


CAPABILITIES = {
    "one side: no cp and pp": (realised(60, 2), Spec(None, 13.0), {"cpk", "ppk"}),
    "too few": (realised(9, 2), Spec(7.0, 13.0), set()),
    "nothing": (realised(0, 2), Spec(7.0, 13.0), set()),
}


@pytest.mark.parametrize(("now", "spec", "known"), CAPABILITIES.values(), ids=CAPABILITIES)
def test_an_index_that_there_is_not_cannot_be_judged(now: Window, spec: Spec, known: set[str]) -> None:
    found = capability_of(charted(now), spec)
    assert {f.method for f in found if f.status is Status.OK and "_" not in f.method} == known
    assert {f.status for f in found if f.value is None} <= {Status.CANNOT_JUDGE}


def test_one_value_of_any_chance_is_never_below_the_textbook_limit() -> None:
    found = by_method(ControlCharts(parameters=ChartSettings(chance=0.5)).judge(REFERENCE, window(STEADY)))
    assert (found["rule_1"].limit, found["cusum"].limit) == (3.0, 5.0)
