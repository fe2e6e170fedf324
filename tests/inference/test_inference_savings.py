"""A month of a gate: counts, the cost avoided with its interval, the audit's estimates; the value of earlier stops."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from math import isclose, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.policy.costs import Correction, Costs
from inference.policy.followed import SCRAPPED, USED, PartResult, Passage, follow
from inference.policy.recalibration import Evidence, Uncertain, calibrate
from inference.policy.savings import FEWEST, Savings, Wrong, recalibrated, sum_up
from inference.policy.stopping import Failed, Stop, value_curve
from monitor.model import Verdict

COSTS = Costs(1000, 100, 10, {"grind": Correction(30, 0.9)})
GO = Passage("form", Verdict.CONTINUE, 0.01)
FIX = Passage("form", Verdict.CORRECT, 0.8, 0.6, "grind")
SCRAP = Passage("form", Verdict.SCRAP, 0.99)
HOLD = Passage("form", Verdict.HOLD, 0.4)


def month(*passages: Passage) -> Savings:
    results = [follow([passage], 0, COSTS) for passage in passages]
    return sum_up(results, COSTS, recalibrated(results))


def test_an_empty_month_saved_nothing() -> None:
    assert month() == Savings()


def test_every_part_is_counted_once() -> None:
    audited = replace(SCRAP, audit_share=0.5)
    found = month(
        GO, replace(GO, found=True), replace(FIX, after=False), replace(FIX, after=True), FIX, SCRAP,
        replace(audited, found=False), replace(audited, found=True), HOLD, replace(HOLD, disposition=SCRAPPED),
    )  # fmt: skip
    assert (found.parts, found.continued, found.corrections, found.scrapped, found.held) == (10, 2, 3, 3, 2)
    assert (found.stopped, found.corrected, found.worked, found.failed, found.waiting) == (3, 3, 1, 1, 2)
    assert (found.unseen, found.preliminary) == (1, True)
    assert found.escapes == Wrong(1, 1)
    assert (found.false_scraps.known, found.false_scraps.open, found.false_scraps.inspected) == (1, 1, 2)
    assert found.uncertain == 2


def test_without_an_uncertain_part_there_is_no_interval() -> None:
    found = month(*[replace(SCRAP, audit_share=1.0, found=True)] * 5)
    assert found.lower == found.avoided == found.upper == 5 * (1000 - 100 - 10)
    assert not found.preliminary


def test_the_interval_holds_the_mean_and_grows_with_the_parts_that_nobody_can_know() -> None:
    few, many = (month(*[replace(FIX, after=False)] * n) for n in (20, 200))
    for found in (few, many):
        assert found.lower < found.avoided < found.upper
    assert many.upper - many.lower > few.upper - few.lower
    assert many.upper <= 200 * (1000 - 30)


def test_more_audits_narrow_the_interval() -> None:
    unknown = [follow([SCRAP], 0, COSTS)] * 300
    audited = [follow([replace(SCRAP, audit_share=0.1, found=i % 100 != 60)], 0, COSTS) for i in range(400)]
    widths = []
    for n in (0, 20, 100, 400):
        found = sum_up(unknown, COSTS, recalibrated([*unknown, *audited[:n]]))
        widths.append(found.upper - found.lower)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.8 * widths[0]


@pytest.mark.parametrize(("bad", "lower", "upper"), [(0, 0.0, 0.5), (40, 0.4, 0.6), (80, 0.93, 1.0)])
def test_what_the_audit_found_outweighs_what_was_recorded(bad: int, lower: float, upper: float) -> None:
    evidence = [Evidence(0.8, float(i < bad)) for i in range(80)]
    assert lower <= calibrate(evidence).probability(Uncertain(0.8)) <= upper


def test_without_evidence_a_probability_stands_for_about_itself() -> None:
    prior = calibrate([])
    for recorded in (0.3, 0.5, 0.8, 0.95):
        assert prior.probability(Uncertain(recorded)) == pytest.approx(recorded, abs=0.03)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_over_all_choices_of_an_audit_the_estimates_are_the_truth(
    share: float,
) -> None:
    truth = [True, False, True, True, False]  # of scraps; two are false
    mean = {"false_scraps": 0.0, "escapes": 0.0}
    for chosen in product((0.0, share), repeat=len(truth)):
        weight = prod(share if audited else 1 - share for audited in chosen)
        scraps = [replace(SCRAP, audit_share=a, found=bad if a else None) for a, bad in zip(chosen, truth, strict=True)]
        goes = [replace(GO, audit_share=a, found=bad if a else None) for a, bad in zip(chosen, truth, strict=True)]
        found = month(*scraps, *goes)
        mean["false_scraps"] += weight * (found.false_scraps.total or 0)
        mean["escapes"] += weight * (found.escapes.total or 0)
    assert mean == pytest.approx({"false_scraps": 2, "escapes": 3})


@pytest.mark.parametrize(("inspected", "estimated"), [(FEWEST - 1, False), (FEWEST, True)])
def test_few_audited_parts_are_no_estimate_but_bounds_within_what_is_known(inspected: int, estimated: bool) -> None:
    """Of 500 scraps the audit found one of ten to be good, people who looked by themselves three more."""
    audited = [replace(SCRAP, audit_share=0.1, found=i % 10 != 0) for i in range(inspected)]
    people = [replace(SCRAP, found=False)] * 3
    false = month(*audited, *people, *[SCRAP] * (497 - inspected)).false_scraps
    assert (false.known, false.open, false.inspected) == (6, 497 - inspected, inspected)
    assert false.total == pytest.approx(30, rel=0.05)
    assert false.estimate == (pytest.approx(30) if estimated else None)
    assert false.lower is not None
    assert false.upper is not None
    assert 6 <= false.lower < 30 < false.upper <= 6 + false.open


_RESULTS = st.lists(
    st.sampled_from([
        GO, replace(GO, found=True), replace(FIX, after=False), replace(FIX, after=True), SCRAP, HOLD,
        replace(SCRAP, audit_share=0.5, found=True), replace(HOLD, disposition=USED),
    ]).map(lambda passage: follow([passage], 0, COSTS)),
    max_size=30,
)  # fmt: skip


@settings(max_examples=30)
@given(_RESULTS, _RESULTS)
@pytest.mark.slow
def test_months_add_up_under_one_calibration(one: list[PartResult], other: list[PartResult]) -> None:
    prior = calibrate([])
    both, *parts = (sum_up(found, COSTS, prior) for found in (one + other, one, other))
    for name in ("parts", "stopped", "worked", "waiting", "uncertain", "avoided"):
        assert isclose(getattr(both, name), sum(getattr(part, name) for part in parts), abs_tol=1e-6), name
    for found in (both, *parts):
        assert found.lower <= found.upper
        assert found.parts == found.continued + found.corrections + found.scrapped + found.held
        assert found.upper <= COSTS.escape * (found.stopped + found.corrected)


STEPS = ("cast", "mill", "coat", "test")
VALUES = {"cast": 10.0, "coat": 60.0, "test": 80.0}


def test_an_earlier_stop_saves_what_was_put_in_later() -> None:
    curve = value_curve([Failed(500.0), Failed(60.0, "coat", 0.5)], STEPS, VALUES)
    assert curve == (
        Stop("cast", 10.0, 1.5, 500 + 30 - 15), Stop("mill", 10.0, 1.5, 500 + 30 - 15),
        Stop("coat", 60.0, 1.5, 500 + 30 - 90), Stop("test", 80.0, 1.0, 500 - 80),
    )  # fmt: skip


def test_without_a_failed_part_no_stop_saves_anything() -> None:
    assert [(stop.parts, stop.saved) for stop in value_curve([], STEPS, {})] == [(0, 0)] * 4


@given(st.lists(st.builds(Failed, st.floats(80, 1000), st.sampled_from(["", "test"]), st.floats(0, 1)), max_size=20))
@pytest.mark.slow
def test_the_earlier_the_stop_the_more_it_saves(failed: list[Failed]) -> None:
    saved = [stop.saved for stop in value_curve(failed, STEPS, VALUES)]
    assert all(earlier >= later - 1e-6 for earlier, later in pairwise(saved))
    assert all(value >= -1e-6 for value in saved)
