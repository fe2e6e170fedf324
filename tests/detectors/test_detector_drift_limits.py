"""Which blocks of a reference its distance limit rests on, what of each is compared, and what the limit makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from detectors.window.drift_limits import Settings, distance_limit
from monitor.model import Floats

FOUR = replace(Settings(), blocks=4, least_distance=0.0)
ONE_MACHINE = np.zeros(40, dtype=np.int64)
TURNS = np.arange(40) % 2
VALUES = np.arange(40, dtype=np.float64)


class Recorder:
    """A distance that remembers what it was asked, and answers with the distances it was given, in order."""

    def __init__(self, *answers: float) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[list[float], list[float]]] = []

    def __call__(self, reference: Floats, current: Floats) -> float:
        self.asked.append((reference.tolist(), current.tolist()))
        return self.answers[(len(self.asked) - 1) % len(self.answers)]


def numbers(*ranges: range) -> list[float]:
    return [float(n) for each in ranges for n in each]


def test_each_block_is_compared_by_halves_with_the_rest_of_the_reference() -> None:
    distance = Recorder(1.0)
    distance_limit(VALUES, ONE_MACHINE, 10, distance, FOUR)
    assert distance.asked == [
        (numbers(range(start), range(start + 10, 40)), numbers(range(half, half + 5)))
        for start in (0, 10, 20, 30)
        for half in (start, start + 5)
    ]


LENGTHS = {
    "as long as the window": (8, [0, 10, 21, 32], 8),
    "no longer than a share of the reference": (30, [0, 10, 20, 30], 10),
    "four values are enough": (4, [0, 12, 24, 36], 4),
}


@pytest.mark.parametrize(("rows", "starts", "size"), LENGTHS.values(), ids=LENGTHS)
def test_blocks_are_spread_over_the_reference(rows: int, starts: list[int], size: int) -> None:
    distance = Recorder(1.0)
    distance_limit(VALUES, ONE_MACHINE, rows, distance, FOUR)
    halves = [current for _, current in distance.asked]
    assert halves == [numbers(range(s, s + size // 2)) for start in starts for s in (start, start + size // 2)]


MACHINES = {
    "two machines in turns": ([0, 1] * 5, [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]),
    "a machine that made a few is left out": ([0, 1, 0, 1, 0, 1, 0, 1, 2, 2], [[0, 2, 4, 6], [1, 3, 5, 7]]),
    "three machines": ([0, 1, 2] * 3 + [0], [[0, 3, 6, 9], [1, 4, 7], [2, 5, 8]]),
    "one machine and a few of another": ([0] * 8 + [1] * 2, [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]),
    "many machines": ([0, 1, 2, 3, 4] * 2, [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]),
}


@pytest.mark.parametrize(("made_by", "parts"), MACHINES.values(), ids=MACHINES)
def test_a_block_is_taken_by_machine_where_two_made_a_quarter_of_it_each(
    made_by: list[int], parts: list[list[int]]
) -> None:
    distance = Recorder(1.0)
    distance_limit(VALUES, np.tile(np.array(made_by), 4), 10, distance, FOUR)
    assert [current for _, current in distance.asked[: len(parts)]] == parts


def test_a_quarter_of_a_block_is_enough_for_a_machine() -> None:
    distance = Recorder(1.0)
    distance_limit(VALUES, np.tile([0, 1, 1, 1], 10), 8, distance, FOUR)
    assert distance.asked[0][1] == [0.0, 4.0]


def test_the_limit_is_students_bound_for_one_more_block_over_the_farthest_of_each() -> None:
    distances = (0.30, 0.10, 0.20, 0.42, 0.36, 0.31, 0.25, 0.35)
    limit = distance_limit(
        VALUES, TURNS, 10, Recorder(*distances), replace(FOUR, chance=0.01, least_relative_spread=0.01)
    )
    farthest = np.array([0.30, 0.42, 0.36, 0.35])
    bound = stats.t.ppf(0.99, 3) * farthest.std(ddof=1) * (1 + 1 / 4) ** 0.5
    assert limit == pytest.approx(farthest.mean() + bound)


def test_distances_that_happen_to_be_alike_are_given_a_spread() -> None:
    limit = distance_limit(VALUES, TURNS, 10, Recorder(0.4), replace(FOUR, chance=0.01, least_relative_spread=0.5))
    assert limit == pytest.approx(0.4 + stats.t.ppf(0.99, 3) * 0.5 * 0.4 * (1 + 1 / 4) ** 0.5)


def test_no_limit_is_below_the_least_distance() -> None:
    assert distance_limit(VALUES, TURNS, 10, Recorder(1e-6), replace(FOUR, least_distance=0.1)) == 0.1


CONSTANT = np.full(40, 7.0)
CHANGED_ONCE = np.where(np.arange(40) < 10, VALUES, 7.0)
CHANGED_TWICE = np.where((np.arange(40) < 5) | (np.arange(40) >= 35), VALUES, 7.0)
TOO_SHORT = {
    "blocks of three values": (VALUES[:15], 10, None, 0),
    "windows of three values": (VALUES, 3, None, 0),
    "nothing": (VALUES[:0], 10, None, 0),
    "a constant has no scale": (CONSTANT, 10, None, 0),
    "three blocks are enough: beside the first the rest is constant": (CHANGED_ONCE, 10, 1.0, 6),
    "every block counts": (CHANGED_TWICE, 10, 1.0, 8),
}


@pytest.mark.parametrize(("reference", "rows", "at_least", "asked"), TOO_SHORT.values(), ids=TOO_SHORT)
def test_a_reference_is_long_enough_or_has_no_limit(
    reference: Floats, rows: int, at_least: float | None, asked: int
) -> None:
    distance = Recorder(1.0)
    limit = distance_limit(reference, np.zeros(len(reference), dtype=np.int64), rows, distance, FOUR)
    assert len(distance.asked) == asked
    assert limit is None if at_least is None else limit is not None and limit > at_least


def test_two_blocks_are_too_few() -> None:
    distance = Recorder(1.0)
    assert distance_limit(VALUES, ONE_MACHINE, 10, distance, replace(FOUR, blocks=2)) is None
    assert len(distance.asked) == 4
