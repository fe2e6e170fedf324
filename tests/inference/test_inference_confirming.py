"""What a scrap needs beside the least cost, and estimates from audited parts."""

from __future__ import annotations

import hashlib
import os
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from inference.policy.audit import audit_number, estimate, is_audited
from inference.policy.confirming import BY_MODEL, LEVEL, NOT_GOOD, confirm, is_surge
from inference.policy.costs import Correction, Costs
from inference.policy.gate import Priced, decide, hold
from monitor.model import FOUND_SCRAP, Decision, Prediction, Reason, ReworkBand, Spec, Verdict

COVERAGE = 0.9
many = settings(max_examples=int(os.environ.get("GATEWATCH_CASES", "100")), deadline=None)
"""10,000 for the record: GATEWATCH_CASES=10000."""


def test_only_a_scrap_is_ever_changed_and_what_it_would_cost_is_kept() -> None:
    for confirmed in (False, True):
        for surge in (False, True):
            for reason in (Reason.IN_SPEC, Reason.REWORKABLE, Reason.ADJUSTABLE, Reason.FORECAST):
                kept = Decision(Verdict.CONTINUE, reason)
                assert confirm(kept, confirmed, surge) is kept
            assert confirm(hold(Reason.UNCERTAIN), confirmed, surge) == hold(Reason.UNCERTAIN)
    scrap = Decision(Verdict.SCRAP, Reason.OUT_OF_SPEC)
    assert confirm(scrap, True, False) is scrap
    assert confirm(scrap, False, False) == confirm(scrap, False, True) == hold(Reason.SCRAP_UNCONFIRMED)
    assert confirm(scrap, True, True) == hold(Reason.SCRAP_SURGE)


def test_a_reason_belongs_to_a_prediction_or_to_a_precondition() -> None:
    assert set(FOUND_SCRAP) < set(NOT_GOOD) < set(BY_MODEL)
    others = {Reason.FORECAST, *(r for r in Reason if r not in BY_MODEL)}
    assert {r for r in Reason if r not in others} == set(BY_MODEL)
    assert Reason.FORECAST not in BY_MODEL, "it says nothing of the part itself"


@pytest.mark.parametrize("share", [0.02, 0.1, 0.35, 1.0])
def test_a_surge_is_more_than_the_binomial_quantile(share: float) -> None:
    for decisions in (0, 1, 2, 3, 9, 10, 50):
        most = binom.ppf(1 - LEVEL, decisions, share) if decisions else 0
        for scraps in range(decisions + 1):
            if abs(binom.sf(scraps - 1, decisions, share) - LEVEL) > 1e-9:
                assert is_surge(decisions, scraps, share) == (scraps > most), (decisions, scraps)


def test_a_probability_of_exactly_the_level_is_no_surge() -> None:
    assert not is_surge(2, 2, 0.1)
    assert is_surge(3, 3, 0.1)


def test_how_often_a_usual_share_of_scraps_counts_as_a_surge() -> None:
    scraps = np.random.default_rng(1).binomial(50, 0.1, 20_000)
    assert 0.004 < np.mean([is_surge(50, int(n), 0.1) for n in scraps]) <= 0.012


money = st.floats(0.0, 1e6, allow_nan=False)
some_costs = st.builds(
    Costs, money, money, money,
    st.dictionaries(st.sampled_from("abc"), st.builds(Correction, money, st.floats(0.0, 1.0)), max_size=3),
)  # fmt: skip
values, halves = st.floats(-20.0, 20.0), st.floats(0.0, 30.0)
specs = st.tuples(st.floats(-5, 5), st.floats(0, 5)).map(lambda pair: Spec(pair[0], pair[0] + pair[1]))
bands = st.builds(ReworkBand, st.floats(0.0, 3.0), st.floats(0.0, 3.0))
newest = st.integers(0, 50).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
RECOMMENDED = (Reason.IN_SPEC, Reason.REWORKABLE, Reason.ADJUSTABLE, Reason.OUT_OF_SPEC, Reason.FORECAST)
HOLDS = [r for r in Reason if r not in RECOMMENDED]


def stands(
    value: float, half: float, costs: Costs, spec: Spec, band: ReworkBand, signals: int, counts: tuple[int, int],
    failed: Reason | None = None,
) -> Decision:  # fmt: skip
    said = Prediction(value, value - half, value + half, 0.0, 1.0)
    made = decide(said, spec, band, failed, Priced(costs, COVERAGE))
    return confirm(made, signals > 0, is_surge(*counts, 0.1))


@many
@given(values, halves, some_costs, specs, bands, st.integers(0, 3), newest, st.sampled_from(HOLDS))
@pytest.mark.slow
def test_no_scrap_after_a_failed_precondition(
    value: float, half: float, costs: Costs, spec: Spec, band: ReworkBand, signals: int, counts: tuple[int, int],
    failed: Reason,
) -> None:  # fmt: skip
    assert stands(value, half, costs, spec, band, signals, counts, failed) == hold(failed)


@many
@given(
    values, halves, some_costs, specs, bands, st.integers(0, 3), newest, st.floats(1.0, 50.0), st.integers(0, 3),
    st.integers(0, 50),
)  # fmt: skip
@pytest.mark.slow
def test_less_information_never_turns_a_hold_into_a_scrap(
    value: float, half: float, costs: Costs, spec: Spec, band: ReworkBand, signals: int, counts: tuple[int, int],
    wider: float, fewer: int, more_scraps: int,
) -> None:  # fmt: skip
    """Less is known: a wider interval, fewer signals; and more of the newest decisions are scraps."""
    before = stands(value, half, costs, spec, band, signals, counts)
    scraps = min(counts[0], counts[1] + more_scraps)
    after = stands(value, half * wider, costs, spec, band, max(signals - fewer, 0), (counts[0], scraps))
    assert not (before.verdict is not Verdict.SCRAP and after.verdict is Verdict.SCRAP)


@many
@given(values, halves, some_costs, specs, bands, st.integers(0, 3), newest, st.floats(1.0, 10.0))
@pytest.mark.slow
def test_a_dearer_mistake_is_never_made_more_readily(
    value: float, half: float, costs: Costs, spec: Spec, band: ReworkBand, signals: int, counts: tuple[int, int],
    dearer: float,
) -> None:  # fmt: skip
    for verdict, changed in (
        (Verdict.SCRAP, Costs(costs.escape, costs.scrap * dearer, costs.inspection, costs.corrections)),
        (Verdict.CONTINUE, Costs(costs.escape * dearer, costs.scrap, costs.inspection, costs.corrections)),
    ):
        before = stands(value, half, costs, spec, band, signals, counts)
        after = stands(value, half, changed, spec, band, signals, counts)
        assert not (before.verdict is not verdict and after.verdict is verdict)
        for action in after.actions:
            earlier = next(
                a for a in before.actions if (a.verdict, a.correction) == (action.verdict, action.correction)
            )
            assert action.cost >= earlier.cost * (1 - 1e-12), "no action gets cheaper"


def test_who_is_audited_can_be_computed_by_anybody() -> None:
    digest = hashlib.sha256(b"coating\nB000123").hexdigest()
    assert audit_number("coating", "B000123") == int(digest[:16], 16) / 2**64
    assert is_audited("coating", "B000123", 0.03)
    assert not is_audited("coating", "B000123", 0.02)
    assert not is_audited("coating", "B000123", 0.0)
    assert is_audited("painting", "anything", 1.0)


@pytest.mark.slow
def test_the_share_is_kept_and_gates_choose_independently() -> None:
    serials = [f"B{n:06}" for n in range(40_000)]
    chosen = {gate: np.array([is_audited(gate, s, 0.05) for s in serials]) for gate in ("coating", "painting")}
    for found in chosen.values():
        assert found.mean() == pytest.approx(0.05, abs=0.004)
        assert found[::2].mean() == pytest.approx(0.05, abs=0.006), "nothing of a serial's pattern shows"
    assert (chosen["coating"] & chosen["painting"]).mean() == pytest.approx(0.0025, abs=0.001)


@pytest.mark.parametrize("truth", [0.0, 0.03, 0.3])
@pytest.mark.slow
def test_the_estimate_is_unbiased_and_its_interval_holds(truth: float) -> None:
    """Against a simulated truth: serials are hashed as in a plant, so the size of the audit is random too."""
    rng, parts, share = np.random.default_rng(7), 600, 0.1
    shares, totals, errors, inside, wrongs = [], [], [], 0, []
    for run in range(400):
        wrong = rng.random(parts) < truth
        audited = np.array([is_audited(f"gate {run}", f"S{n}", share) for n in range(parts)])
        found = estimate(parts, wrong[audited].tolist(), share)
        inside += found.lower <= wrong.mean() <= found.upper
        shares.append(found.share - wrong.mean())
        totals.append(found.total)
        wrongs.append(wrong.sum())
        errors.append(found.error)
    standard = np.std(shares) / np.sqrt(len(shares))
    assert abs(np.mean(shares)) <= 4 * standard
    assert abs(np.mean(totals) - np.mean(wrongs)) <= 4 * np.std(np.array(totals) - np.array(wrongs)) / np.sqrt(400)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(shares), rel=0.15, abs=1e-12)
    assert inside / len(shares) >= 0.9


def test_an_estimate_says_what_is_not_known() -> None:
    nothing = estimate(100, [], 0.05)
    assert isnan(nothing.share)
    assert (nothing.lower, nothing.upper, nothing.audited) == (0.0, 1.0, 0)
    everything = estimate(4, [True, False, False, False], 1.0)
    assert (everything.share, everything.total, everything.error) == (0.25, 1.0, 0.0)
    for parts, wrong, share in ((1, [True] * 2, 0.5), (9, [], 0.0), (9, [], 1.5)):
        with pytest.raises(ValueError, match="audited"):
            estimate(parts, wrong, share)
    with pytest.raises(ValueError, match="confidence"):
        estimate(9, [], 0.5, 1.0)
