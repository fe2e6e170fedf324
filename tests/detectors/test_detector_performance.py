"""Performance of a gate: what is judged, against which limits, and when skill counts as lost."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from performance_windows import GROUPS, predictions
from scipy.stats import binom

from detectors.window.performance import Errors, Performance, with_hysteresis
from detectors.window.performance_limits import LimitSettings, mean_variance, share_limit
from monitor.detection import SKILL_REGAINED
from monitor.model import Finding, Status, Window

OK, BREACH, CANNOT, NO_DATA = Status.OK, Status.BREACH, Status.CANNOT_JUDGE, Status.NO_DATA
REFERENCE = predictions(900, 1, fitted=0.6)


def judged(current: Window, reference: Window = REFERENCE, detector: Performance | None = None) -> dict[str, Finding]:
    """The findings about the gate as a whole, by method."""
    return {f.method: f for f in (detector or Performance()).judge(reference, current) if not f.feature}


CASES = {
    "as good as it was": (predictions(60, 2), set()),
    "every prediction is off by three noises": (predictions(60, 3, bias=3), {"mae", "bias", "miscoverage"}),
    "too high or too low does not matter": (predictions(60, 3, bias=-3), {"mae", "bias", "miscoverage"}),
    "more noise without a bias": (predictions(60, 4, noise=3), {"mae"}),
    "no better than the naive baseline": (predictions(60, 5, naive=0.3), {"skill"}),
}


@pytest.mark.parametrize(("window", "breached"), CASES.values(), ids=CASES)
def test_a_breach_is_of_the_method_that_was_hurt(window: Window, breached: set[str]) -> None:
    found = judged(window)
    assert {m for m, f in found.items() if f.status is BREACH and m != "worst_ratio"} == breached
    assert (found["worst_ratio"].status is BREACH) is bool(breached - {"skill"})


def test_the_numbers_are_the_plain_means_of_the_window() -> None:
    window = predictions(60, 6, bias=0.5)
    error = window.values[:, 0] - window.values[:, 3]
    found = judged(window)
    assert found["mae"].value == pytest.approx(np.abs(error).mean())
    assert found["bias"].value == pytest.approx(abs(error.mean()))
    assert found["miscoverage"].value == pytest.approx((np.abs(error) > 2).mean())
    naive = np.abs(window.values[:, 4] - window.values[:, 3]).mean()
    assert found["skill"].value == pytest.approx(1 - np.abs(error).mean() / naive)
    ratios = {m: (f.value or 0) / (f.limit or 1) for m, f in found.items() if m in ("mae", "bias", "miscoverage")}
    assert found["worst_ratio"].value == pytest.approx(max(ratios.values()))


def test_the_worst_ratio_names_its_methods_worst_first_and_a_method_its_slices() -> None:
    window = predictions(60, 7)
    window.values[::2, 0] += 8
    found = judged(window)
    ratios = {m: (f.value or 0) / (f.limit or 1) for m, f in found.items() if m in ("mae", "bias", "miscoverage")}
    assert list(found["worst_ratio"].causes) == sorted(ratios, key=lambda m: -ratios[m])
    assert found["mae"].causes[0] == "m1/r1"


def test_lots_that_err_alike_widen_the_limit_of_the_bias() -> None:
    alone = judged(predictions(60, 8), predictions(900, 9, fitted=0.6))["bias"].limit
    shared = judged(predictions(60, 8), predictions(900, 9, lot=1.0, fitted=0.6))["bias"].limit
    assert alone is not None
    assert shared is not None
    assert shared > 3 * alone


@pytest.mark.parametrize("lot", [0.0, 1.0], ids=["independent parts", "parts of a lot err alike"])
def test_the_variance_of_a_mean_is_that_of_means_of_so_many_parts(lot: float) -> None:
    window = predictions(40_000, 10, lot=lot, fitted=0.6)
    whole = predictions(40_000, 10, lot=lot)
    means = (whole.values[:, 0] - whole.values[:, 3])[: 60 * 666].reshape(-1, 60).mean(axis=1)
    error = window.values[:, 0] - window.values[:, 3]
    assert mean_variance(error - np.nanmean(error), 60) == pytest.approx(means.var(), rel=0.2)


@pytest.mark.slow
def test_healthy_windows_stay_silent() -> None:
    windows = [predictions(60, 100 + i, lot=0.7) for i in range(300)]
    reference = predictions(900, 11, lot=0.7, fitted=0.6)
    assert [w for w in windows if judged(w, reference)["worst_ratio"].status is BREACH] == []


def test_a_slice_is_judged_by_its_own_rows() -> None:
    window = predictions(60, 12)
    window.values[1::2, 0] += 5
    found = Performance(slices=GROUPS).judge(REFERENCE, window)
    status = {(f.feature, f.method): f.status for f in found if f.feature}
    assert status == {
        ("m1/r1", "mae"): OK, ("m1/r1", "bias"): OK, ("m2/r1", "mae"): BREACH, ("m2/r1", "bias"): BREACH,
    }  # fmt: skip


COUNTS = {
    "a version just promoted": (0, CANNOT, CANNOT),
    "too few outcomes": (19, CANNOT, CANNOT),
    "enough for the errors, not for the skill": (20, OK, CANNOT),
    "one short of a full window": (59, OK, CANNOT),
    "a full window": (60, OK, OK),
}


@pytest.mark.parametrize(("rows", "errors", "skill"), COUNTS.values(), ids=COUNTS)
def test_what_cannot_be_judged_says_so(rows: int, errors: Status, skill: Status) -> None:
    found = judged(predictions(rows, 13))
    assert {found[m].status for m in ("mae", "bias", "miscoverage", "worst_ratio")} == {errors}
    assert found["skill"].status is skill


def test_only_the_newest_rows_of_a_longer_window_count() -> None:
    window = predictions(100, 14)
    window.values[:40, 0] += 50
    assert judged(window)["worst_ratio"].status is OK


def test_without_a_reference_there_is_an_error_and_no_verdict_but_skill_is_judged() -> None:
    found = judged(predictions(60, 15), predictions(0, 1))
    assert (found["mae"].status, found["mae"].limit) == (CANNOT, None)
    assert found["mae"].value is not None
    assert (found["worst_ratio"].status, found["skill"].status) == (CANNOT, OK)


def test_without_a_model_everything_is_no_data() -> None:
    nothing = replace(predictions(0, 1), names=(), values=np.empty((0, 0)))
    assert {f.status for f in Performance(slices=GROUPS).judge(nothing, nothing)} == {NO_DATA}


def test_a_few_odd_parts_do_not_take_the_skill_away() -> None:
    window = predictions(60, 16)
    window.values[:10, 0] += 80
    found = judged(window)["skill"]
    assert found.value is not None
    assert found.value < 0
    assert found.status is OK


def test_a_naive_baseline_without_error_judges_nothing() -> None:
    assert judged(predictions(60, 17, naive=0.0))["skill"].status is CANNOT


SKILLS = {
    "it never was absent": (OK, 0.05, OK),
    "nothing was said before": (None, -0.2, OK),
    "absent before and hardly better now": (BREACH, SKILL_REGAINED, BREACH),
    "absent before and clearly back": (BREACH, SKILL_REGAINED + 0.01, OK),
    "absent before and no window to judge": (BREACH, None, CANNOT),
}


@pytest.mark.parametrize(("before", "value", "after"), SKILLS.values(), ids=SKILLS)
def test_skill_comes_back_with_hysteresis(before: Status | None, value: float | None, after: Status) -> None:
    raw = judged(predictions(60, 18))["skill"]
    now = replace(raw, value=value, status=CANNOT if value is None else OK)
    found = with_hysteresis(now, before)
    assert found.status is after
    assert bool(found.causes) is (after is BREACH)


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 120), st.integers(0, 10**6), st.floats(0.1, 1000), st.floats(-1000, 1000))
@pytest.mark.slow
def test_units_do_not_matter(rows: int, seed: int, scale: float, offset: float) -> None:
    def changed(window: Window) -> Window:
        return replace(window, values=window.values * scale + offset)

    current = predictions(rows, seed)
    plain, other = judged(current), judged(changed(current), changed(REFERENCE))
    for method, factor in {"mae": scale, "bias": scale, "miscoverage": 1.0, "skill": 1.0, "worst_ratio": 1.0}.items():
        value, again = plain[method].value, other[method].value
        assert (value is None) is (again is None)
        if value is not None and again is not None:
            assert again == pytest.approx(factor * value, rel=1e-6, abs=1e-6 * max(1.0, scale))


@pytest.mark.parametrize(("make", "words"), [
    (lambda: Performance(window_rows=19), "window_rows is 19"),
    (lambda: LimitSettings(chance=0.0), "chance is 0.0"),
])  # fmt: skip
def test_parameters_that_mean_nothing_are_refused(make: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()  # type: ignore[operator]


FEW = {"a whole reference": 900, "three windows": 180, "one window": 60, "just enough": 20}


@pytest.mark.parametrize("known", FEW.values(), ids=FEW)
@pytest.mark.parametrize("lot", [0.0, 0.5, 2.0])
def test_a_share_has_a_limit_that_can_be_passed(known: int, lot: float) -> None:
    finding = judged(predictions(60, 6, lot=lot), predictions(known, 5, lot=lot))["miscoverage"]
    assert 0.1 < finding.limit < 0.75


def test_intervals_that_hold_62_of_100_fail_whatever_the_reference() -> None:
    narrow = predictions(60, 7)
    values = narrow.values.copy()
    predicted, outcome = values[:, 0], values[:, 3]
    half = np.sort(np.abs(predicted - outcome))[37]  # 38 of 60 within
    values[:, 1], values[:, 2] = predicted - half, predicted + half
    for known in (900, 60, 25):
        finding = judged(replace(narrow, values=values), predictions(known, 8))["miscoverage"]
        assert finding.value == pytest.approx(22 / 60)
        assert finding.status is BREACH


def test_intervals_that_promise_less_may_miss_more() -> None:
    limits = [
        judged(predictions(60, 9), REFERENCE, Performance(coverage=coverage))["miscoverage"].limit
        for coverage in (0.6, 0.8, 0.9, 0.99)
    ]
    assert limits == sorted(limits, reverse=True)


@pytest.mark.parametrize("rows", [10, 20, 60, 113, 1000])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.3])
def test_the_limit_of_a_share_is_the_exact_one(rows: int, share: float) -> None:
    count = share_limit(rows, share, 1e-5) * rows
    assert binom.sf(math.ceil(count), rows, share) <= 1e-5 < binom.sf(math.floor(count) - 1, rows, share)


def test_an_error_beyond_what_anybody_could_forecast_is_a_breach_whatever_the_reference() -> None:
    wild = predictions(80, 10, noise=40.0, lot=80.0)
    found = judged(predictions(60, 11, bias=30.0, naive=2.0), wild)
    assert found["mae"].limit < 4 * 2.0
    assert {found[method].status for method in ("mae", "bias")} == {BREACH}


@pytest.mark.parametrize(
    ("before", "value", "after"), [(BREACH, 0.28, BREACH), (BREACH, 0.2, OK), (OK, 0.28, OK), (None, 0.28, OK)]
)
def test_coverage_comes_back_with_hysteresis(before: Status | None, value: float, after: Status) -> None:
    finding = replace(judged(predictions(60, 12))["miscoverage"], value=value, limit=0.3, status=OK)
    assert with_hysteresis(finding, before).status is after


def test_a_plant_without_machines_and_recipes_has_no_slice_to_blame() -> None:
    errors = Errors(*(np.array([3.0, -4.0, 5.0]) for _ in range(4)), (("", ""),) * 3)
    assert errors.worst_slices("mae") == ("outcome",)
