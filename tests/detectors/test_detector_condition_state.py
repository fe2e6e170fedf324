"""A machine's condition has the same bits whatever way its rows are cut, saved and loaded again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from detector_streams import ar1
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.condition.reference import Reference, learn
from detectors.condition.saved import load_reference, load_running, save_reference, save_running
from detectors.condition.scoring import Running, Scores, score, start
from detectors.condition.settings import Settings
from monitor.model import Floats

ROWS = 300
FIELDS = ("level", "balance", "residual", "scatter", "blamed", "rows")


@cache
def machine(sensors: int) -> tuple[Reference, Floats]:
    """A reference, and rows after it: a gap, a dead sensor that comes back, a wild sample, a shift, a scatter."""
    rows = ar1(3200 + sensors, 200 + ROWS, 0.3, sensors=sensors)
    reference, rows = learn(rows[:200], settings=Settings(false_alarm_rows=5e5)), rows[200:]
    rows[20:24, 0] = np.nan
    rows[40:90, sensors // 2] = np.nan
    rows[100, -1] = 1e9
    rows[120:180, 0] += 6.0
    rows[220:] *= 2.0
    return reference, rows


def through_json(reference: Reference, running: Running) -> tuple[Reference, Running]:
    """As a process that was started again has them."""
    text = json.dumps([save_reference(reference), save_running(running)], allow_nan=False)
    saved, moved = json.loads(text)
    width = len(reference.centre)
    return load_reference(saved, width, Settings()), load_running(moved, width, Settings())


def in_parts(reference: Reference, rows: Floats, cuts: list[int], saved: bool) -> tuple[Running, list[Scores]]:
    running, parts = start(reference), []
    for a, b in pairwise([0, *sorted(cuts), len(rows)]):
        if saved:
            reference, running = through_json(reference, running)
        running, part = score(reference, running, rows[a:b])
        parts.append(part)
    return running, parts


CUTS = st.lists(st.integers(0, ROWS), max_size=6)
STRANGE = st.lists(st.tuples(st.integers(0, ROWS - 1), st.sampled_from([np.nan, 1e308, -1e9, 0.0])), max_size=12)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([1, 2, 3, 8]), CUTS, STRANGE, st.booleans())
@pytest.mark.slow
def test_splits_and_saving_change_no_bit(
    sensors: int, cuts: list[int], strange: list[tuple[int, float]], saved: bool
) -> None:
    reference, rows = machine(sensors)
    rows = rows.copy()
    for row, value in strange:
        rows[row : row + 3, row % sensors] = value
    moved, whole = score(reference, start(reference), rows)
    other, parts = in_parts(reference, rows, cuts, saved)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(whole, name), np.concatenate([getattr(part, name) for part in parts]))
    assert save_running(moved) == save_running(other)


@pytest.mark.parametrize("sensors", [1, 2, 8, 52])
@pytest.mark.slow
def test_row_by_row_is_the_same(sensors: int) -> None:
    reference, rows = machine(sensors)
    moved, whole = score(reference, start(reference), rows)
    other, parts = in_parts(reference, rows, list(range(1, len(rows))), saved=False)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(whole, name), np.concatenate([getattr(part, name) for part in parts]))
    assert save_running(moved) == save_running(other)


def test_no_row_changes_nothing() -> None:
    reference, rows = machine(3)
    running, _ = score(reference, start(reference), rows)
    moved, scores = score(reference, running, rows[:0])
    assert save_running(moved) == save_running(running)
    assert scores.scores.shape == (0,)


def test_a_reference_that_was_saved_is_the_same_one() -> None:
    reference, _ = machine(8)
    loaded, _ = through_json(reference, start(reference))
    assert save_reference(loaded) == save_reference(reference)
    assert loaded.settings == reference.settings


@pytest.mark.parametrize(("sensors", "most"), [(8, 16_000), (52, 64_000)])
def test_the_state_is_small(sensors: int, most: int) -> None:
    reference, rows = machine(sensors)
    running, _ = score(reference, start(reference), rows)
    assert len(json.dumps([save_reference(reference), save_running(running)])) <= most


BROKEN: list[Any] = [None, True, "x", [], {}, -1, "AAAA"]


def damaged(saved: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Every key with values that do not fit it."""
    return [(key, value) for key, kept in saved.items() for value in BROKEN if not _fits(kept, value)]


def _fits(kept: object, value: object) -> bool:
    return isinstance(kept, int | float) and isinstance(value, int) and not isinstance(value, bool)


def test_damaged_json_is_refused() -> None:
    reference, rows = machine(3)
    running, _ = score(reference, start(reference), rows)
    saved, moved = save_reference(reference), save_running(running)
    for key, value in damaged(saved):
        with pytest.raises(ValueError, match=r"saved|whole number"):
            load_reference({**saved, key: value}, 3, Settings())
    for key, value in damaged(moved):
        with pytest.raises(ValueError, match=r"saved|whole number"):
            load_running({**moved, key: value}, 3, Settings())
    for key in saved:
        with pytest.raises(ValueError, match="incomplete"):
            load_reference({k: v for k, v in saved.items() if k != key}, 3, Settings())
    with pytest.raises(ValueError, match="bytes"):
        load_reference(saved, 4, Settings())
