"""The bars of the benchmarks of detectors: a figure that is missing never holds one."""

from __future__ import annotations

import pytest

from benchmarks.detect.bars import BARS, Bar, compared, figure


@pytest.mark.parametrize(
    ("bar", "found", "held"),
    [
        (Bar("x", least=0.85), 0.85, True),
        (Bar("x", least=0.85), 0.849, False),
        (Bar("x", most=35), 35, True),
        (Bar("x", most=35), 36, False),
        (Bar("x", most=35), None, False),
    ],
)
def test_a_bar_is_held_at_its_edge(bar: Bar, found: float | None, held: bool) -> None:
    assert bar.held(found) is held


@pytest.mark.parametrize(
    ("path", "found"), [("a.b", 2.0), ("a.c", None), ("c", None), ("a", None), ("n", None), ("n.b", None)]
)
def test_a_figure_is_found_by_its_path(path: str, found: float | None) -> None:
    assert figure({"a": {"b": 2, "c": "word"}, "n": None}, path) == found


def test_only_the_benchmarks_that_ran_are_compared() -> None:
    (score, false) = compared({"skab_changes": {"score": 70.0, "false": 40}})
    assert (score["held"], false["held"], false["bar"]) == (True, False, "<= 35")
    assert set(BARS) >= {"skab_outliers", "tep", "nab", "engines", "hydraulics", "healthy", "wear", "speed"}
