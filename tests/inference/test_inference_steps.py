"""The ranking of steps: signals are found, noise, copies and drift are not, and no lot helps to predict itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from inference.steps import classes, drift, numbers, ranking
from inference.steps.design import MOST_COLUMNS, design_of, narrowed, standardised
from inference.steps.drift import known_before, without_drift
from inference.steps.evidence import interval, p_value, q_values
from inference.steps.parts import MIN_UNITS, MOST_UNITS, LineParts, StepBlock, units_of
from inference.steps.ranking import rank
from monitor.model import Floats

N, LOT = 500, 20


def parts_of(columns: dict[str, Floats], target: Floats, count: int = 0, lots: bool = True) -> LineParts:
    """Parts a minute apart in lots of 20, their outcomes known after an hour and a half."""
    at = 60.0 * np.arange(len(target))
    blocks = [StepBlock(step, ["v"] * values.shape[1], values) for step, values in columns.items()]
    names = [f"L{i // LOT}" if lots else "" for i in range(len(target))]
    return LineParts(blocks, target, names, at, at + 5400, count)


def wander(rng: np.random.Generator, columns: int, parts: int = N) -> Floats:
    """Random walks of variance 1 over all parts."""
    walks = np.cumsum(rng.standard_normal((parts, columns)), axis=0)
    return np.asarray((walks - walks.mean(axis=0)) / walks.std(axis=0))


def line(seed: int, parts: int = N) -> tuple[dict[str, Floats], Floats]:
    """A weak first step, noise, a value a lot that matters, a noisy copy of the first, one that matters by its square,
    and nothing but gaps."""
    rng = np.random.default_rng(seed)
    first, square = rng.standard_normal((parts, 3)), rng.standard_normal((parts, 2))
    lot = rng.standard_normal((parts // LOT, 1))[np.arange(parts) // LOT]
    target = 0.6 * first[:, 0] + 0.5 * lot[:, 0] + 0.5 * (square[:, 0] ** 2 - 1) + rng.standard_normal(parts)
    columns = {
        "first": first, "noise": rng.standard_normal((parts, 5)), "melt": lot,
        "copy": first + 0.5 * rng.standard_normal(first.shape), "square": square, "gaps": np.full((parts, 2), np.nan),
    }  # fmt: skip
    return columns, target


@pytest.mark.parametrize("lots", [True, False], ids=["lots", "blocks of parts"])
@pytest.mark.slow
def test_what_matters_is_found_and_nothing_else(lots: bool) -> None:
    found = rank(parts_of(*line(1), lots=lots))
    assert [gain.step for gain in found.gains if gain.matters] == ["first", "melt", "square"]
    assert (found.units, found.are_lots) == ((N // LOT, True) if lots else (50, False))
    for gain in found.gains:
        assert gain.low <= gain.gain <= gain.high
        assert gain.p <= gain.q
    by_step = {gain.step: gain for gain in found.gains}
    # 0.36 of a variance of 2.1; of the 1.5 that the first and the melt leave, 0.5 is the square's.
    assert by_step["first"].gain == pytest.approx(0.17, abs=0.06)
    assert 0.1 < by_step["square"].gain < 0.45
    assert (by_step["gaps"].gain, by_step["gaps"].p) == (0.0, 1.0)


@pytest.mark.slow
def test_decoys_are_rare_over_seeds() -> None:
    claimed = [
        gain.step
        for seed in range(2, 5)
        for gain in rank(parts_of(*line(seed, 400))).gains
        if gain.matters and gain.step in ("noise", "copy", "gaps")
    ]
    assert len(claimed) <= 1


def drifting(seed: int, count: int) -> LineParts:
    """Two steps whose columns wander, and an outcome, or a rate of failures, that does so by itself."""
    rng = np.random.default_rng(seed)
    slow, columns = wander(rng, 1)[:, 0], {f"s{i}": wander(rng, 3) for i in range(2)}
    failed = rng.random(N) < 1 / (1 + np.exp(2.0 - 1.5 * slow))
    return parts_of(columns, failed.astype(np.float64) if count else slow + rng.standard_normal(N), count)


@pytest.mark.slow
def test_an_outcome_that_only_drifts_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [drifting(seed, 0) for seed in range(10, 16)]
    handled = sum(gain.matters for line in lines for gain in rank(line).gains)
    # Taken as they are, columns that wander like the outcome are "found".
    monkeypatch.setattr(drift, "QUIETER", 0.0)
    monkeypatch.setattr(ranking, "known_before", lambda parts: np.full((len(parts), 1), np.nan))
    naive = sum(gain.matters for line in lines for gain in rank(line).gains)
    assert handled <= 2, "of 12"
    assert naive > handled


@pytest.mark.slow
def test_a_rate_that_only_drifts_finds_nothing() -> None:
    assert sum(gain.matters for seed in range(10, 12) for gain in rank(drifting(seed, 2)).gains) == 0


def test_classes_are_told_by_what_makes_them() -> None:
    columns, _ = line(3)
    rng = np.random.default_rng(3)
    score = 1.5 * columns["first"][:, 0] + columns["melt"][:, 0] + 0.5 * rng.standard_normal(N)
    found = rank(parts_of(columns, np.digitize(score, [-1.0, 1.2]).astype(np.float64), 3))
    assert {gain.step for gain in found.gains if gain.matters} >= {"first", "melt"}
    assert not {gain.step for gain in found.gains if gain.matters} & {"copy", "gaps"}
    assert found.loss == pytest.approx(1.05, abs=0.15)  # about the entropy of the three classes


@pytest.mark.slow
def test_a_ranking_is_the_same_every_time() -> None:
    columns, target = line(1, 200)
    assert rank(parts_of(columns, target)) == rank(parts_of(columns, target))


def test_how_far_a_ranking_is_only_rises_and_ends_at_the_whole() -> None:
    columns, target = line(1, 200)
    for parts in (parts_of(columns, target), parts_of(columns, (target > 0).astype(np.float64), 2)):
        shares: list[float] = []
        rank(parts, reached=shares.append)
        assert shares[-1] == pytest.approx(1)
        assert all(0 < share <= 1 for share in shares)


@given(st.lists(st.integers(1, 40), min_size=8, max_size=150), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_a_lot_is_never_on_two_sides(sizes: list[int], blanks: int) -> None:
    lots = [f"L{i}" for i, size in enumerate(sizes) for _ in range(size)]
    lots[1 : 1 + blanks] = [""] * len(lots[1 : 1 + blanks])
    units = units_of(lots)
    assume(units.count >= MIN_UNITS)
    fold_of = units.folds()
    if units.are_lots:
        for lot in set(lots) - {""}:
            assert len({int(fold) for fold, name in zip(fold_of, lots, strict=True) if name == lot}) == 1
    assert units.count <= MOST_UNITS
    assert sorted(set(units.of.tolist())) == list(range(units.count))
    assert (np.diff(fold_of) >= 0).all()
    assert len(set(fold_of.tolist())) >= 2


@pytest.mark.slow
def test_outcomes_of_a_fold_do_not_touch_its_own_predictions() -> None:
    columns, target = line(1, 200)
    fold_of = units_of([f"L{i // LOT}" for i in range(200)]).folds()
    here = fold_of == 3
    other = np.where(here, -5.0 * target, target)
    known = standardised(np.hstack([columns["first"], columns["square"]]))
    design = design_of(np.empty((200, 0)), known)
    # The mean of all outcomes is taken off and put back.
    before, after = (numbers.held_out(design, y, fold_of) for y in (target, other))
    assert np.allclose(before[here], after[here], atol=1e-4)
    assert not np.allclose(before[~here], after[~here], atol=1e-2)
    failed, turned = (target > 0).astype(np.float64), (np.where(here, -target, target) > 0).astype(np.float64)
    nothing = np.full((200, 2), np.nan)
    narrow = design_of(np.empty((200, 0)), known, (0,))
    before, after = (classes.held_out(narrow, nothing, y, fold_of) for y in (failed, turned))
    assert np.allclose(before[here], after[here], atol=1e-2)
    assert not np.allclose(before[~here], after[~here], atol=2e-2)


def test_what_was_known_before_is_of_outcomes_that_were_available() -> None:
    columns, target = line(1, 200)
    parts = parts_of(columns, target)
    later = np.where(np.arange(200) >= 100, 50.0, target)
    before, after = known_before(parts)[:, 0], known_before(replace(parts, target=later))[:, 0]
    assert np.isnan(before[:90]).all()
    assert np.isfinite(before[90:]).all()
    assert np.array_equal(before[90:190], after[90:190]), "outcomes of parts 100 on are known from part 190 on"
    assert not np.isclose(before[195], after[195])


DRIFTS = {
    "a value a lot": (lambda rng: rng.standard_normal(N // LOT)[np.arange(N) // LOT], False),
    "noise": (lambda rng: rng.standard_normal(N), False),
    "a tool that wears and is changed": (lambda rng: np.arange(N) % 60 + rng.standard_normal(N), False),
    "a random walk": (lambda rng: wander(rng, 1)[:, 0], True),
    "a trend": (lambda rng: np.arange(N) / 50 + rng.standard_normal(N), True),
}


@pytest.mark.parametrize(("make", "drifts"), DRIFTS.values(), ids=DRIFTS)
def test_only_what_drifts_is_taken_less_its_running_median(make: object, drifts: bool) -> None:
    assert callable(make)
    column = make(np.random.default_rng(4))
    column[7] = np.nan
    found = without_drift(column[:, None], units_of([f"L{i // LOT}" for i in range(N)]))[:, 0]
    assert np.isnan(found[7])
    assert (not np.array_equal(found, column, equal_nan=True)) == drifts
    if drifts:
        assert np.nanstd(found) < 0.8 * np.nanstd(column)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_q_values_are_those_of_benjamini_and_hochberg(p_values: list[float]) -> None:
    assert np.allclose(q_values(p_values), false_discovery_control(p_values, method="bh"))


def test_a_p_value_is_small_as_often_as_it_says_without_a_gain() -> None:
    rng = np.random.default_rng(6)
    found = np.array([p_value(rng.standard_normal(20) ** 3, seed, 400) for seed in range(300)])
    assert 0.06 <= np.mean(found <= 0.1) <= 0.14
    assert p_value(np.abs(rng.standard_normal(12)), 1) < 0.001


def test_an_interval_is_of_the_ratio_of_sums() -> None:
    losses = np.array([1.0, 2.0, 3.0, 10.0] * 5)
    assert interval(0.25 * losses, losses, 1) == pytest.approx((0.25, 0.25))
    low, high = interval(0.25 * losses + np.tile([1.0, -1.0], 10), losses, 1)
    assert low < 0.25 < high


def test_a_wide_block_is_narrowed_and_columns_without_news_are_left_out() -> None:
    rng = np.random.default_rng(7)
    values = np.hstack([rng.standard_normal((150, 2)), np.full((150, 1), 3.0), np.full((150, 1), np.nan)])
    assert standardised(values).shape == (150, 2)
    wide = narrowed(standardised(rng.standard_normal((150, 300))))
    assert wide.shape == (150, MOST_COLUMNS)
    assert np.isfinite(wide).all()
