"""What people did with recommendations is counted once and alike, however the rows are split, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import passport_rows as made
import pytest
import sqlalchemy as sa
from passport_rows import at

from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.windows.dispositions import count_answers

_KINDS = (
    ("scrap", "out_of_spec"), ("continue", "in_spec"), ("correct", "reworkable"), ("correct", "adjustable"),
    ("hold", "uncertain"),
)  # fmt: skip


@pytest.fixture
def filled(store: Store) -> Store:
    """Decisions of two gates, and dispositions of theirs and of undecided parts, with corrections."""
    draw = random.Random(7)
    decisions, dispositions = [], []
    for n in range(60):
        verdict, reason = draw.choice(_KINDS)
        decisions.append(
            made.decision(n, serial=f"P{n}", step="a", gate=draw.choice("gh"), verdict=verdict, reason=reason,
                          arrival=1 + 2 * n, at=at(n))
        )  # fmt: skip
        word = draw.choice(("used", "reworked", "scrapped", "blocked"))
        row: dict[str, Any] = {"serial": f"P{n if n % 5 else n + 1000}", "step": "a" if n % 3 else "", "at": at(n + 30)}
        dispositions.append(made.disposition(200 + 2 * n, disposition=word, **row))
        if n % 4 == 0:
            other = draw.choice(("used", "scrapped"))
            dispositions.append(made.disposition(201 + 2 * n, disposition=other, revision=1, **row))
    made.fill(store.engine, {t.decision: decisions, t.disposition: dispositions})
    return store


def counted(store: Store, most: int) -> Counter[Any]:
    found: Counter[Any] = Counter()
    after = 0
    while True:
        with store.read() as connection:
            answers, reached = count_answers(connection, after, most)
        found.update(answers)
        if reached == after:
            return found
        after = reached


def test_the_counts_are_those_of_the_first_words_and_the_same_under_any_split(filled: Store) -> None:
    d, e = t.disposition.c, t.decision.c
    first = sa.select(e.gate, e.verdict, e.reason, d.disposition).join(t.decision, e.serial == d.serial)
    with filled.read() as connection:
        rows = connection.execute(first.where(d.revision == 0)).all()
    wanted = {"scrap": "scrapped", "continue": "used", "correct": "reworked"}
    expected = Counter(
        (("answer", "followed" if done == wanted[verdict] else "overridden"), ("gate", gate), ("verdict", verdict))
        for gate, verdict, reason, done in rows
        if verdict in wanted and reason != "adjustable" and done != "blocked"
    )
    assert len(expected) > 5
    for most in (1, 7, 1000):
        found = counted(filled, most)
        assert {name for name, _ in found} == {"gatewatch_gate_dispositions_total"}
        assert Counter({labels: n for (_, labels), n in found.items()}) == expected


def test_a_correction_is_not_counted_again(filled: Store) -> None:
    with filled.read() as connection:
        before = count_answers(connection, 0)
        d = t.disposition.c
        newest = connection.scalar(sa.select(sa.func.max(d.arrival))) or 0
    row = made.disposition(newest + 1, serial="P1", step="a", at=at(31), revision=9, disposition="scrapped")
    made.fill(filled.engine, {t.disposition: [row]})
    with filled.read() as connection:
        assert count_answers(connection, 0)[0] == before[0]
        assert count_answers(connection, before[1]) == (Counter(), before[1])
