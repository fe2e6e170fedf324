"""The comparison of a challenger with the champion: what it says, and how often it is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inference.comparison import Comparison, Holdout, compare, lots_or_blocks
from monitor.model import Floats, Prediction
from monitor.model import RetrainingReason as Outcome

ROWS, HALF = 80, 10.0


def holdout(target: Floats, lots: int = 4, machines: int = 2) -> Holdout:
    """Parts in lots of equal size, machines in turn, recipes by halves."""
    n = len(target)
    return Holdout(
        target,
        [f"m{i % machines}" for i in range(n)],
        ["a" if i < n // 2 else "b" for i in range(n)],
        [f"L{i * lots // n}" for i in range(n)],
    )


def predictions(values: Floats, half: float = HALF) -> list[Prediction]:
    return [Prediction(v, v - half, v + half, 0.1, 1.0) for v in values.tolist()]


def run(
    champion: Floats, challenger: Floats, lots: int = 4, seed: int = 1, half: float = HALF, champion_half: float = HALF
) -> Comparison:
    """Errors of the two models on parts whose truth is 0."""
    parts = holdout(np.zeros(len(champion)), lots)
    return compare(parts, predictions(champion, champion_half), predictions(challenger, half), 40, 0.9, seed)


def noise(seed: int, rows: int = ROWS, scale: float = 5.0) -> Floats:
    return np.random.default_rng(seed).normal(0, scale, rows)


def test_a_level_that_is_put_right_is_better_in_every_slice() -> None:
    found = run(noise(1) + 9, noise(1))
    assert found.outcome is Outcome.BETTER
    assert found.overall is not None
    assert found.overall.low > 2
    assert found.overall.low < found.overall.gain < found.overall.high
    assert found.overall.gain == pytest.approx(found.overall.champion - found.overall.challenger)
    assert {kind for kind, _ in found.slices} == {"machine", "recipe", "lot"}
    assert all(gain.gain > 0 for gain in found.slices.values())
    assert found.challenger_coverage is not None
    assert found.champion_coverage is not None
    assert found.challenger_coverage > found.champion_coverage


def _worse_on_one_machine() -> tuple[Floats, Floats]:
    champion = np.where(np.arange(ROWS) % 2 == 0, 20.0, 1.0)
    return champion, np.where(np.arange(ROWS) % 2 == 0, 0.0, 6.0)


def _worse_in_one_lot() -> tuple[Floats, Floats]:
    last = np.arange(ROWS) >= ROWS * 3 // 4
    return np.where(last, 1.0, 15.0), np.where(last, 9.0, 1.0)


def _worse_in_two_lots() -> tuple[Floats, Floats]:
    lot = np.arange(ROWS) * 4 // ROWS
    return np.where(lot % 2 == 1, 1.0, 15.0), np.choose(lot, [1.0, 3.0, 1.0, 9.0])


SLICES = {
    "worse on one machine is refused, better as it is on the whole": (_worse_on_one_machine, ("machine", "m1")),
    "worse in the newest lot is refused: the change was the material of the others": (_worse_in_one_lot, ("lot", "L3")),
    "of two that are worse the one that is told is the worst": (_worse_in_two_lots, ("lot", "L3")),
}


@pytest.mark.parametrize(("errors", "worst"), SLICES.values(), ids=SLICES)
def test_a_slice(errors: object, worst: tuple[str, str]) -> None:
    champion, challenger = errors()  # type: ignore[operator]
    wobble = noise(3, scale=0.1)
    found = run(champion + wobble, challenger + wobble)
    assert found.overall is not None
    assert found.overall.low > 0
    assert (found.outcome, found.worst_slice) == (Outcome.WORSE_IN_A_SLICE, worst)


def test_a_slice_in_which_both_are_the_same_is_not_worse() -> None:
    odd = np.arange(ROWS) % 2 == 1
    found = run(np.where(odd, 2.0, 15.0), np.where(odd, 2.0, 1.0))
    assert found.slices["machine", "m1"].high == 0
    assert (found.outcome, found.worst_slice) == (Outcome.BETTER, None)


def test_intervals_that_do_not_hold_are_refused_however_small_the_error() -> None:
    found = run(noise(5) + 4, noise(5), half=1.0)
    assert found.outcome is Outcome.INTERVALS_FAIL
    assert found.champion_coverage is not None
    assert found.challenger_coverage is not None
    assert found.challenger_coverage < found.champion_coverage


def test_a_little_less_wrong_about_a_changed_process_is_no_cure() -> None:
    assert run(noise(6, scale=3.0) + 12, noise(6, scale=3.0) + 11).outcome is Outcome.INTERVALS_FAIL


def test_intervals_that_nearly_hold_are_not_refused_for_some_that_do_not_at_all() -> None:
    found = run(noise(6) * 2 + 6, noise(6), half=6.5, champion_half=6.5)
    assert found.champion_coverage is not None
    assert found.challenger_coverage is not None
    assert found.champion_coverage < 0.4 < 0.8 < found.challenger_coverage < 0.82
    assert found.outcome is Outcome.BETTER


def test_parts_that_no_model_could_know_say_nothing() -> None:
    fault = np.where(np.arange(ROWS) % 3 == 0, -60.0, 0.0)
    assert run(noise(7, scale=4.0) + 9 + fault, noise(7, scale=4.0) + fault).outcome is Outcome.BETTER


def test_a_change_beyond_every_interval_of_the_champion_can_be_healed() -> None:
    assert run(noise(11) + 60, noise(11)).outcome is Outcome.BETTER


def test_a_challenger_that_knows_few_of_the_parts_is_refused() -> None:
    parts = holdout(np.zeros(ROWS))
    strangers = [Prediction(p.value, p.lower, p.upper, 2.0, 1.0) for p in predictions(noise(9))]
    found = compare(parts, predictions(noise(9) + 9), strangers, 40, 0.9, 1)
    assert found.outcome is Outcome.INTERVALS_FAIL
    assert (found.champion_coverage, found.challenger_coverage) == (0.0, 0.0), "no part counts"


def test_intervals_need_not_hold_where_the_challenger_says_that_it_does_not_know() -> None:
    parts, odd = holdout(np.zeros(ROWS)), np.arange(ROWS) % 4 == 0
    values = noise(10, scale=2.0) + np.where(odd, 14.0, 0.0)
    said = [
        Prediction(p.value, p.lower, p.upper, 2.0 if far else 0.1, 1.0)
        for p, far in zip(predictions(values), odd, strict=True)
    ]
    assert compare(parts, predictions(noise(10) + 15), said, 40, 0.9, 1).outcome is Outcome.BETTER


UNDECIDED = {
    "too few parts": (39, 4, Outcome.TOO_FEW_ROWS, 3),
    "no part at all": (0, 4, Outcome.TOO_FEW_ROWS, 0),
    "parts of one lot only": (60, 1, Outcome.TOO_FEW_LOTS, 1),
    "lots so small that none says anything": (60, 12, Outcome.TOO_FEW_LOTS, 0),
}


@pytest.mark.parametrize(("rows", "lots", "outcome", "large"), UNDECIDED.values(), ids=UNDECIDED)
def test_without_evidence_there_are_no_numbers_but_those_of_parts_and_large_lots(
    rows: int, lots: int, outcome: Outcome, large: int
) -> None:
    errors = np.zeros(rows)
    assert run(errors + 9, errors, lots) == Comparison(outcome, rows, large, None, {}, None, None)


def test_as_many_parts_as_asked_for_in_two_lots_of_ten_are_enough() -> None:
    found = run(noise(1, 40) + 9, noise(1, 40), 2)
    assert (found.rows, found.lots, found.outcome) == (40, 2, Outcome.BETTER)
    tens = compare(holdout(np.zeros(20), 2), predictions(noise(1, 20) + 9), predictions(noise(1, 20)), 20, 0.9, 1)
    assert (tens.rows, tens.lots, {name: gain.rows for (kind, name), gain in tens.slices.items() if kind == "lot"}) == (
        20, 2, {"L0": 10, "L1": 10}
    )  # fmt: skip


def test_the_coverages_are_shares_of_the_parts_that_count() -> None:
    """The challenger does not know 16 parts; of the rest 8 lie outside its intervals, 32 outside the champion's."""
    n = np.arange(ROWS)
    unknown = n >= 64
    values = np.where(n < 8, 14.0, np.where(unknown, 30.0, 0.0))
    said = [
        Prediction(p.value, p.lower, p.upper, 2.0 if far else 0.1, 1.0)
        for p, far in zip(predictions(values), unknown, strict=True)
    ]
    champion = np.where(n < 32, 14.0, 5.0)
    found = compare(holdout(np.zeros(ROWS)), predictions(champion), said, 40, 0.9, 1)
    assert (found.champion_coverage, found.challenger_coverage) == (0.5, 0.875)


def test_no_error_counts_for_more_than_two_half_widths_of_the_champion() -> None:
    found = run(np.full(ROWS, 60.0), np.full(ROWS, 15.0), half=4.0)
    assert found.overall is not None
    assert (found.overall.champion, found.overall.challenger, found.overall.gain) == (20.0, 15.0, 5.0)


def test_the_same_model_is_never_better_than_itself() -> None:
    assert run(noise(1), noise(1)).outcome is Outcome.NOT_BETTER


def test_parts_without_a_lot_are_taken_in_blocks_of_their_order() -> None:
    assert lots_or_blocks([""] * 41)[::20] == ["block 1", "block 2", "block 3"]
    assert lots_or_blocks(["A", "", "B"]) == ["A", "block 1", "B"]


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    first, again, other = (run(noise(1) + 1, noise(2), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.overall != other.overall


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 100))
@pytest.mark.slow
def test_the_unit_does_not_matter(seed: int, unit: float) -> None:
    champion, challenger = noise(seed) + 2, noise(seed + 1)
    plain = run(champion, challenger)
    scaled = run(champion * unit, challenger * unit, half=HALF * unit, champion_half=HALF * unit)
    assert plain.overall is not None
    assert scaled.overall is not None
    assert scaled.overall.low == pytest.approx(plain.overall.low * unit, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
@pytest.mark.slow
def test_exchanging_the_two_exchanges_the_signs(seed: int) -> None:
    there = run(noise(seed) + 3, noise(seed + 1)).overall
    back = run(noise(seed + 1), noise(seed) + 3).overall
    assert there is not None
    assert back is not None
    assert (back.gain, back.champion) == (pytest.approx(-there.gain), there.challenger)
    assert back.low == pytest.approx(-there.high, abs=0.2)


@pytest.mark.parametrize("rows", [10, 20, 40, 160])
def test_the_bounds_are_as_wide_as_students_interval_for_so_few_parts(rows: int) -> None:
    # The same normal scores in each of four lots, so that their eight bounds average the luck of the resamples out.
    scores = stats.norm.ppf((np.arange(rows) + 0.5) / rows)
    found = run(5 + np.tile(scores, 4), np.full(4 * rows, 5.0))
    lots = [gain for (kind, _), gain in found.slices.items() if kind == "lot"]
    assert [gain.rows for gain in lots] == [rows] * 4
    half = float(np.mean([(gain.high - gain.low) / 2 for gain in lots]))
    student = stats.t.ppf(0.95, rows - 1) * scores.std(ddof=1) / rows**0.5
    assert half == pytest.approx(student, rel=0.04)


def test_the_bounds_are_the_quantiles_of_resampled_means_widened_for_few_parts() -> None:
    champion, challenger = np.abs(noise(1, 20) + 9), np.abs(noise(2, 20))
    found = compare(holdout(np.zeros(20), 2), predictions(champion), predictions(challenger), 20, 0.9, 7).overall
    difference = np.minimum(champion, 2 * HALF) - np.minimum(challenger, 2 * HALF)
    means = difference[np.random.default_rng(7).integers(0, 20, (2000, 20))].mean(axis=1)
    tail = stats.norm.cdf(stats.t.ppf(0.05, 19) * (20 / 19) ** 0.5)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [tail, 1 - tail])))


TRIALS = 400


@pytest.mark.parametrize("rows", [40, 120])
@pytest.mark.slow
def test_a_challenger_as_good_as_the_champion_is_promoted_in_at_most_1_of_20_comparisons(rows: int) -> None:
    # two models of one quality: a shared error of the part, and an error of each model's own
    promoted = 0
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        shared = rng.normal(0, 4, rows)
        champion, challenger = shared + rng.normal(0, 2, rows), shared + rng.normal(0, 2, rows)
        promoted += run(champion, challenger, seed=seed).outcome is Outcome.BETTER
    # two standard errors of a share of 5 % in that many trials
    assert promoted / TRIALS <= 0.05 + 2 * (0.05 * 0.95 / TRIALS) ** 0.5


@pytest.mark.slow
def test_a_challenger_that_is_worse_is_hardly_ever_promoted() -> None:
    promoted = sum(run(noise(s), noise(s + 5000) + 3, seed=s).outcome is Outcome.BETTER for s in range(200))
    assert promoted <= 1


def test_a_champion_without_width_does_not_hide_its_errors() -> None:
    """Trained on outcomes that were all alike, its intervals have no width, and a cap by them would be none."""
    assert run(np.full(ROWS, 12.0), noise(4), champion_half=0.0).outcome is Outcome.BETTER


def against(forecast: Floats, champion: Floats, challenger: Floats, decides: bool) -> Comparison:
    parts = holdout(np.zeros(ROWS))
    return compare(parts, predictions(champion), predictions(challenger), 40, 0.9, 1, np.abs(forecast), decides)


@pytest.mark.parametrize(
    ("forecast", "decides", "outcome"),
    [(12.0, True, Outcome.BETTER), (0.5, True, Outcome.WORSE_THAN_FORECAST), (12.0, False, Outcome.BETTER),
     (0.5, False, Outcome.NOT_BETTER), (np.nan, True, Outcome.BETTER), (np.nan, False, Outcome.BETTER)],
)  # fmt: skip
def test_a_challenger_has_to_be_better_than_the_forecast_too(forecast: float, decides: bool, outcome: Outcome) -> None:
    assert against(np.full(ROWS, forecast), noise(1) + 9, noise(1), decides).outcome is outcome


def test_a_champion_that_decides_nothing_stands_for_no_slice() -> None:
    champion, challenger = _worse_on_one_machine()
    forecast = np.full(ROWS, 12.0)
    assert against(forecast, champion, challenger, True).outcome is Outcome.WORSE_IN_A_SLICE
    found = against(forecast, champion, challenger, False)
    assert (found.outcome, dict(found.slices)) == (Outcome.BETTER, {})
