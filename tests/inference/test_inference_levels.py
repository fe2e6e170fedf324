"""Changes of level: found where nothing measured explains them, and not where a lot or chance does."""

from __future__ import annotations

import numpy as np
import pytest

from inference.levels import Levels, find_levels
from monitor.model import Floats

LOT = 20


def line(lots: int, seed: int, shift: Floats | None = None, lot_sd: float = 2.0) -> tuple[Floats, Floats, list[str]]:
    """Parts in lots with a hardness that moves the whole lot, three inputs and noise; `shift` is added lot by lot."""
    rng = np.random.default_rng(seed)
    hardness = np.repeat(rng.normal(0, 1, lots), LOT)
    inputs = rng.normal(0, 1, (lots * LOT, 3))
    known = np.column_stack([inputs, hardness + rng.normal(0, 0.05, lots * LOT)])
    target = 5 * inputs[:, 0] + lot_sd * hardness + rng.normal(0, 3, lots * LOT)
    if shift is not None:
        target = target + np.repeat(shift, LOT)
    return known, target, [f"L{i // LOT}" for i in range(lots * LOT)]


def steps(lots: int, *changes: tuple[int, float]) -> Floats:
    """A level by lot: from each lot on, so much."""
    found = np.zeros(lots)
    for at, level in changes:
        found[at:] = level
    return found


def test_a_change_is_found_and_the_older_parts_are_brought_to_the_newest_level() -> None:
    found = find_levels(*line(30, 1, steps(30, (27, 9.0))), seed=1)
    assert found.changes == 1
    assert found.newest.sum() == 3 * LOT
    assert set(np.unique(found.adjustment[found.newest])) == {0.0}
    assert found.adjustment[:100].mean() == pytest.approx(9.0, abs=1.0)


def test_two_changes_are_told_apart() -> None:
    found = find_levels(*line(40, 2, steps(40, (20, -8.0), (35, 6.0))), seed=1)
    assert found.changes == 2
    assert found.adjustment[0] == pytest.approx(6.0, abs=1.0)
    assert found.adjustment[25 * LOT] == pytest.approx(14.0, abs=1.0)


def _same(found: Levels, parts: int) -> bool:
    return found.changes == 0 and not found.adjustment.any() and found.newest.sum() == parts


UNCHANGED = {
    "one lot that differs is a lot at fault": line(30, 3, steps(30, (29, 12.0))),
    "a soft lot is explained by its hardness": line(30, 4, lot_sd=9.0),
    "too few lots have no order that says anything": line(7, 5, steps(7, (4, 12.0))),
    "a constant outcome": (*line(20, 6)[:1], np.full(20 * LOT, 5.0), line(20, 6)[2]),
    "inputs that never change": (np.ones((20 * LOT, 3)), *line(20, 7)[1:]),
    "inputs of which nothing is known": (np.full((20 * LOT, 3), np.nan), *line(20, 7)[1:]),
}


@pytest.mark.parametrize("data", UNCHANGED.values(), ids=UNCHANGED)
def test_nothing_changed(data: tuple[Floats, Floats, list[str]]) -> None:
    assert _same(find_levels(*data, seed=1), len(data[1]))


def test_parts_without_a_lot_are_taken_in_blocks() -> None:
    known, target, _ = line(30, 1, steps(30, (26, 9.0)))
    found = find_levels(known, target, [""] * len(target), seed=1)
    assert found.changes == 1
    assert found.newest.sum() == pytest.approx(4 * LOT, abs=20)


def test_values_that_are_missing_do_not_hide_a_change() -> None:
    known, target, lots = line(30, 8, steps(30, (26, 9.0)))
    known[np.random.default_rng(1).random(known.shape) < 0.2] = np.nan
    assert find_levels(known, target, lots, seed=1).changes == 1


@pytest.mark.slow
def test_chance_is_taken_for_a_change_as_often_as_it_says() -> None:
    trials = 150
    seen = sum(find_levels(*line(25, 100 + seed), seed=seed).changes > 0 for seed in range(trials))
    # the nominal share is 1 in 100; two standard errors of that in so many trials
    assert seen / trials <= 0.01 + 2 * (0.01 * 0.99 / trials) ** 0.5


def test_the_same_numbers_give_the_same_levels() -> None:
    data = line(30, 9, steps(30, (25, 7.0)))
    first, again = find_levels(*data, seed=3), find_levels(*data, seed=3)
    assert first.adjustment.tolist() == again.adjustment.tolist()
