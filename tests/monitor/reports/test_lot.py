"""A lot: its parts once each, what was decided on them as of this lot, and what became of them, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import passport_rows as made
import pytest
import sqlalchemy as sa
from passport_rows import at

from monitor.reports.part import lot as lots
from monitor.reports.part.lot import lot_of
from monitor.reports.part.reading import Lens
from monitor.store.database import tables as t
from monitor.store.parts import lots as stored


class PlantOfSteps:
    """What a lens needs of a plant here."""

    steps = {"a": None, "b": None}
    gates: dict[str, Any] = {}
    characteristics: dict[str, Any] = {}


LENS = Lens(plant=PlantOfSteps(), now=at(99))  # type: ignore[arg-type]


@pytest.fixture
def connection(store_url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(store_url, poolclass=sa.NullPool)
    passages = [("p", "a", 1, 1, "L"), ("q", "a", 1, 2, "L"), ("p", "b", 1, 5, "L"), ("q", "b", 1, 6, "other"),
                ("r", "a", 1, 7, "L"), ("s", "a", 1, 8, "\"><b>")]  # fmt: skip
    made.fill(engine, {
        t.part_step: [made.part_step(n, m, serial=s, step=step, visit=v, lot=lot)
                      for n, (s, step, v, m, lot) in enumerate(passages, 1)],
        t.decision: [
            made.decision(2, serial="p", step="a", gate="a", arrival=1, at=at(1), verdict="hold", reason="uncertain"),
            made.decision(6, serial="p", step="b", gate="b", arrival=3, at=at(5), verdict="continue", reason="in_spec"),
            made.decision(7, serial="q", step="b", gate="b", arrival=4, at=at(6), verdict="scrap"),
        ],
        t.outcome: [made.outcome(20, serial="p", at=at(30))],
        t.disposition: [made.disposition(21, serial="p", step="b", at=at(20), disposition="used")],
    })  # fmt: skip
    with engine.connect() as opened:
        yield opened


def test_each_part_is_told_once_with_what_became_of_it(connection: sa.Connection) -> None:
    found: Any = lot_of(connection, "L", LENS)
    assert [(part["serial"], part["step"], part["verdict"], part["disposition"]) for part in found["parts"]] == [
        ("r", "a", None, None), ("p", "b", "continue", "used"), ("q", "a", None, None),
    ]  # fmt: skip
    assert found["count"] == 3
    assert found["decisions"] == [
        {"gate": "a", "verdict": "hold", "parts": 1},
        {"gate": "b", "verdict": "continue", "parts": 1},
    ]
    assert (found["outcomes"], found["dispositions"]) == ({"not judged": 1}, {"used": 1})


def test_only_the_newest_parts_are_told(connection: sa.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lots, "MOST", 1)
    found: Any = lot_of(connection, "L", LENS)
    assert (found["count"], [part["serial"] for part in found["parts"]]) == (3, ["r"])
    monkeypatch.setattr(stored, "LOOK", 1)
    assert [row.serial for row in stored.passages_of_lot(connection, "L", ["a", "b"])] == []


@pytest.mark.parametrize("name", ["", "gone", "l", "%", "\0", "\ud800", "L'"])
def test_a_lot_that_no_part_is_of_is_none(connection: sa.Connection, name: str) -> None:
    assert lot_of(connection, name, LENS) is None
    assert lot_of(connection, '"><b>', LENS) is not None
