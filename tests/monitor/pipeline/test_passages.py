"""Which passages are joined with a part's: the newest of each step by process time, none later, none too old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.pipeline.passages import KnownPassages, Passage, passage_of, with_earlier
from monitor.store.rows.parts import PartStep

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
DAY = timedelta(days=1)
MAX_AGES = {"press": 30 * DAY, "coat": 30 * DAY, "assemble": 30 * DAY}


def row(arrival: int, step: str, hours: float, visit: int = 1, **changes: Any) -> PartStep:
    """A passage at some hours, which arrived as number `arrival`."""
    at = START + timedelta(hours=hours)
    values = {"x": float(arrival)}
    made = PartStep(arrival, "a", step, visit, 0, at, "m", "r", "l", values, f"d{arrival}", "mes", at)
    return made._replace(**changes)


def joined(history: list[PartStep], hours: float, max_ages: dict[str, timedelta] = MAX_AGES) -> dict[str, int]:
    """The arrival numbers of what a passage of part `a` at some hours is given, by step."""
    before = KnownPassages(max_ages, history).before("a", START + timedelta(hours=hours))
    return {step: passage.arrival for step, passage in before.items()}


def test_a_correction_of_an_earlier_visit_that_arrives_late_leaves_the_later_visit_the_newest() -> None:
    history = [row(1, "press", 0), row(2, "press", 2, visit=2), row(3, "press", 0, revision=1)]
    assert joined(history, 3) == {"press": 2}
    assert joined(history, 1) == {"press": 3}


def test_an_earlier_visit_that_arrives_after_the_later_one_is_still_the_earlier() -> None:
    history = [row(1, "press", 2, visit=2), row(2, "press", 0, visit=1)]
    assert joined(history, 3) == {"press": 1}
    uncounted = [row(1, "press", 2, visit=1), row(2, "press", 0, visit=2)]  # numbered as they came
    assert joined(uncounted, 3) == {"press": 1}


def test_nothing_from_after_the_part_s_own_time_is_used() -> None:
    history = [row(1, "press", 9), row(2, "press", 12, visit=2)]
    assert joined(history, 10) == {"press": 1}
    assert joined(history, 12) == {"press": 2}
    assert joined(history, 8.9) == {}


def test_what_is_older_than_the_step_s_max_age_is_missing() -> None:
    """A serial number that is used again a year later, without the press step."""
    history = [row(1, "press", 0), row(2, "coat", 24 * 365)]
    assert joined(history, 24 * 365 + 1) == {"coat": 2}
    assert joined(history, 24 * 30) == {"press": 1}
    assert joined(history, 24 * 30 + 0.01) == {}
    assert joined(history, 24 * 365 + 1, {**MAX_AGES, "press": 400 * DAY}) == {"press": 1, "coat": 2}


def test_a_correction_may_move_a_passage_in_time() -> None:
    history = [row(1, "press", 5), row(2, "press", 1, revision=1)]
    assert joined(history, 2) == {"press": 2}


def test_each_row_comes_with_what_was_known_before_it_arrived() -> None:
    history = [
        row(1, "press", 1), row(2, "press", 1, serial="b"), row(3, "coat", 3), row(4, "press", 1, revision=1),
        row(5, "coat", 5, visit=2), row(6, "coat", 6, serial="b"), row(7, "press", 4, visit=2),
    ]  # fmt: skip
    given_to = {
        r.arrival: {step: p.arrival for step, p in earlier.items()} for r, _, earlier in with_earlier(history, MAX_AGES)
    }
    assert given_to == {
        1: {}, 2: {}, 3: {"press": 1}, 4: {"press": 1}, 5: {"press": 4, "coat": 3}, 6: {"press": 2},
        7: {"press": 4, "coat": 3},
    }  # fmt: skip


def test_what_was_given_stays_what_it_was_when_more_is_added() -> None:
    known = KnownPassages(MAX_AGES, [row(1, "press", 1)])
    before = known.before("a", START + DAY)
    known.add(passage_of(row(2, "press", 2, visit=2)))
    assert {step: p.arrival for step, p in before.items()} == {"press": 1}


visits = st.lists(
    st.tuples(st.sampled_from(sorted(MAX_AGES)), st.integers(0, 2000)), min_size=1, max_size=12, unique=True
)


@given(visits, st.integers(0, 2000), st.randoms(use_true_random=False))
@pytest.mark.slow
def test_the_order_of_arrival_does_not_matter(passed: list[tuple[str, int]], hours: int, order: Any) -> None:
    """The same visits in any order give the same, and that is what a search through all of them finds."""
    times = [(step, visit, at) for visit, (step, at) in enumerate(passed)]
    shuffled = list(times)
    order.shuffle(shuffled)
    now = START + timedelta(hours=hours)
    known = KnownPassages(MAX_AGES)
    for arrival, (step, visit, at) in enumerate(shuffled):
        known.add(Passage(arrival, "a", step, visit, START + timedelta(hours=at), {}))
    wanted: dict[str, int] = {}
    for step in MAX_AGES:
        fit = [at for other, _, at in times if other == step and hours - 24 * 30 <= at <= hours]
        if fit:
            wanted[step] = max(fit)
    assert {step: (p.at - START) // timedelta(hours=1) for step, p in known.before("a", now).items()} == wanted
