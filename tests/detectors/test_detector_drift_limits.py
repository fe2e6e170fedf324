"""How far parts of a reference lie from it, against the definition, and what limits and units make of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from detectors.shared.numbers import without_gaps
from detectors.shared.wasserstein import distances, sorted_samples, wasserstein
from detectors.window.drift_groups import slices_of, sums_of
from detectors.window.drift_limits import CELLS, Variation, cells, largest, variation
from detectors.window.drift_reference import prepared
from detectors.window.units import shortest_window, units_of
from monitor.model import Floats, Window

RNG = np.random.default_rng(1000)


def window(values: Floats, machines: int = 1, lots: tuple[str, ...] = ()) -> Window:
    rows = np.arange(len(values))
    names = tuple("abcdefgh"[: values.shape[1]])
    return Window("form", "form", names, values, rows, rows, tuple((f"m{i % machines}", "r") for i in rows), lots)


numbers = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda v: round(v, 3))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(numbers, min_size=2, max_size=40), st.lists(numbers, min_size=1, max_size=40))
def test_sorted_samples_have_the_same_distance(reference: list[float], current: list[float]) -> None:
    before, now = np.array(reference), np.array(current)
    if before.max() - before.min() > 1e-6 * np.abs(before).max():
        samples = sorted_samples(np.sort(before)[None])
        assert distances(samples, np.sort(now)[None])[0] == pytest.approx(wasserstein(before, now), rel=1e-9, abs=1e-9)


UNITS = {
    "too few rows": (31, None, None),
    "eight blocks of four": (32, None, [4] * 8),
    "at most 64 blocks": (640, None, [10] * 64),
    "lots as they are": (40, np.repeat(np.arange(8), 5), [5] * 8),
    "many lots are put together": (256, np.repeat(np.arange(128), 2), [4] * 64),
}


@pytest.mark.parametrize(("rows", "lots", "sizes"), UNITS.values(), ids=UNITS)
def test_a_reference_is_cut_into_units(rows: int, lots: Floats | None, sizes: list[int] | None) -> None:
    units = units_of(rows, None if lots is None else lots.astype(np.int64))
    assert sizes == (None if units is None else np.bincount(units).tolist())
    assert units is None or (np.diff(units) >= 0).all()


LOTS = {
    "a window must hold one": (np.repeat(np.arange(10), 20), 20),
    "of the mean length": (np.array([0] * 3 + [1, 2, 3, 4, 5, 6, 7]), 2),
    "seven lots say nothing": (np.repeat(np.arange(7), 20), None),
    "no lots": (None, None),
}


@pytest.mark.parametrize(("lots", "rows"), LOTS.values(), ids=LOTS)
def test_lots_are_units_where_they_tell_enough(lots: Floats | None, rows: int | None) -> None:
    assert shortest_window(None if lots is None else lots.astype(np.int64)) == rows


def test_the_variation_is_that_of_the_distances_of_the_units() -> None:
    """By the definition: distances of every unit, and of every pair of neighbours, from the others."""
    values = RNG.standard_normal((640, 1)) + np.repeat(RNG.standard_normal((16, 1)), 40, axis=0)
    found = prepared(window(values), 60, 20).variation
    assert found is not None
    for length, (rows, square) in enumerate(zip(found.rows[0], found.squares[0], strict=True)):
        size = 10 * 2**length
        parts = values[:, 0].reshape(-1, size)
        apart = [wasserstein_of(np.delete(parts, i, axis=0).ravel(), part, values) for i, part in enumerate(parts)]
        assert rows == size
        assert square == pytest.approx(np.mean(np.square(apart)) * size * (640 - size) / 640, rel=0.06)


def wasserstein_of(rest: Floats, part: Floats, whole: Floats) -> float:
    return wasserstein(rest, part) * float(rest.std() / whole.std())


def test_a_limit_is_students_bound_for_the_shift_and_adds_the_rest() -> None:
    known = [np.array([part]) for part in ([10.0, 20.0, 40.0], [2.0, 3.0, 3.2], [1.0, 2.0, 2.5], [15.0])]
    of = Variation(*known, np.array([[6.0]]))
    bound = stats.t.isf(0.005, 15)
    expected = np.sqrt((2.0 * bound**2 + 2 * 1.0) * (1 / 15 + 1 / 500)) + 6 / 15
    assert of.limits(np.array([[15]]), np.array([[500]]), 0.01) == pytest.approx(expected)
    shortest = np.sqrt((1.0 * bound**2 + 2 * 1.0) * (1 / 5 + 1 / 500)) + 6 / 5
    assert of.limits(np.array([[5]]), np.array([[500]]), 0.01) == pytest.approx(shortest), "all parts are longer"


def test_what_does_not_vary_has_no_limit() -> None:
    known = prepared(
        window(np.column_stack([RNG.standard_normal(100), np.full(100, 7.0), np.full(100, np.nan)])), 60, 20
    )
    assert known.variation is not None
    limits = known.variation.limits(np.full((3, 1), 60), np.full((3, 1), 100), 1e-4)[:, 0]
    assert np.isfinite(limits).tolist() == [True, False, False]
    assert prepared(window(RNG.standard_normal((31, 1))), 60, 20).variation is None


def test_the_kind_of_unit_that_varies_most_counts() -> None:
    small, big = (Variation(*[np.full((2, 2), float(n))] * 4, np.ones((2, 1))) for n in (1, 2))
    mixed = Variation(*[np.array([[0.5, 0.5], [5.0, 5.0]])] * 4, np.ones((2, 1)))
    assert largest([small, mixed, big]).squares.tolist() == [[2.0, 2.0], [5.0, 5.0]]


def test_lots_that_are_known_vary_as_far_as_blocks_of_the_same_length() -> None:
    lots = np.repeat(np.arange(32), 25)
    values = RNG.standard_normal((800, 1)) + RNG.standard_normal((32, 1))[lots]
    by_lot = prepared(window(values, lots=tuple(f"L{i}" for i in lots)), 60, 20).variation
    shuffled = RNG.permutation(800)
    mixed = prepared(window(values[shuffled], lots=tuple(f"L{i}" for i in lots[shuffled])), 60, 20).variation
    unknown = prepared(window(values[shuffled]), 60, 20).variation
    assert by_lot is not None
    assert mixed is not None
    assert unknown is not None
    assert by_lot.squares[0, 0] > 10
    assert mixed.squares[0, 0] == pytest.approx(by_lot.squares[0, 0]), "wherever its rows are, a lot is a lot"
    assert unknown.squares[0, 0] < 3


@pytest.mark.parametrize("values", [RNG.standard_normal(300), RNG.integers(0, 3, 300) * 1.0, np.array([1.0, 2.0])])
def test_cells_hold_every_value_and_their_gaps_span_the_means(values: Floats) -> None:
    rising = np.sort(values)
    (bounds,), (gaps,) = cells(rising[None], [len(rising)])
    assert len(bounds) == len(gaps) == CELLS - 1
    assert (gaps >= 0).all()
    codes = np.searchsorted(bounds, rising, side="right")
    first, last = (rising[codes == code].mean() for code in (codes[0], codes[-1]))
    assert gaps.sum() == pytest.approx(last - first)


def test_units_without_a_value_do_not_count() -> None:
    counts = RNG.integers(1, 5, (1, 16, CELLS))
    gaps, far = np.ones((1, CELLS - 1)), np.ones((1, 1))
    empty = np.concatenate([counts, np.zeros((1, 2, CELLS), dtype=np.int64)], axis=1)
    whole, more = variation(counts, gaps, far), variation(empty, gaps, far)
    assert more.squares[0, 0] == pytest.approx(whole.squares[0, 0])
    assert more.freedom[0, 0] == whole.freedom[0, 0]


def test_sums_and_numbers_by_cell_leave_out_what_is_missing() -> None:
    values, cells_of = RNG.standard_normal((90, 500)), np.append(RNG.integers(0, 7, 493), np.arange(7))
    values[40:, ::9] = np.nan
    sums, counts = sums_of(values, cells_of, 7)
    for cell in range(7):
        part = values[:, cells_of == cell]
        assert counts[:, cell].tolist() == np.isfinite(part).sum(axis=1).tolist()
        assert sums[:, cell] == pytest.approx(np.nansum(part, axis=1))


def test_numbers_without_gaps_are_those_of_numpy() -> None:
    numbers = RNG.integers(0, 50, 30)
    for found, expected in zip(without_gaps(numbers), np.unique(numbers, return_inverse=True), strict=True):
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(("lots", "looked_at"), [(10, 10), (64, 64), (65, 0)])
def test_lots_are_slices_unless_they_are_too_many(lots: int, looked_at: int) -> None:
    named = tuple(f"L{i % lots}" for i in range(65 * 20))
    found = slices_of(window(RNG.standard_normal((65 * 20, 1)), machines=2, lots=named), 20)
    assert sum(name.startswith("lot ") for name in found.names) == looked_at
    assert [name for name in found.names if name.startswith("machine ")] == ["machine m0", "machine m1"]
