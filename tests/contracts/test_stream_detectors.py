"""Every stream detector keeps the contract of `monitor.ports.StreamDetector`, on every history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import stream_detector as suite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_detector_histories import HISTORIES

on_every_history = pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
few = settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
TURNS = [*range(30), *range(90, 160), *range(215, 345)]
"""The rows within which a history begins, a warm-up ends, and what is broken breaks and recovers."""
cuts = st.lists(st.integers(0, 60), max_size=4) | st.lists(st.integers(0, 420), max_size=12)


def _within(history: suite.History, rows: list[int]) -> list[int]:
    return [min(row, len(history.batch)) for row in rows]


@on_every_history
@few
@given(rows=cuts)
@pytest.mark.slow
def test_any_split_of_the_rows_gives_the_same(history: suite.History, rows: list[int]) -> None:
    suite.check_any_split_gives_the_same(history, _within(history, rows))


@on_every_history
def test_row_by_row_gives_the_same(history: suite.History) -> None:
    suite.check_any_split_gives_the_same(history, _within(history, TURNS))


@on_every_history
@few
@given(rows=cuts)
@pytest.mark.slow
def test_save_and_restore_change_nothing(history: suite.History, rows: list[int]) -> None:
    suite.check_save_and_restore_change_nothing(history, _within(history, rows))


@on_every_history
@pytest.mark.parametrize(
    "check",
    [
        suite.check_the_batch_is_not_changed,
        suite.check_an_empty_batch_changes_nothing,
        suite.check_findings_are_sound,
        suite.check_before_the_first_row_there_is_no_data,
    ],
)
def test_the_contract_holds(history: suite.History, check: Callable[[suite.History], None]) -> None:
    check(history)


def _refused(restore: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="saved"):
        restore()


@on_every_history
def test_a_damaged_state_is_refused(history: suite.History) -> None:
    suite.check_a_damaged_state_is_refused(history, _refused)
