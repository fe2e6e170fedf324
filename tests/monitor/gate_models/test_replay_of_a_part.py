"""Each decision on one part is made again from what it rests on, without those on other parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from spine_kit import Cache, Spine, SumModel, after

from monitor.errors import ModelError, ModelReason
from monitor.gate_models.rederive import Recomputed, recompute_decisions, recompute_part
from monitor.pipeline.judging import InForce
from monitor.plant.plant import Plant
from monitor.ports import GateModel
from monitor.store.database import tables as t


@pytest.fixture
def line(spine: Spine) -> Spine:
    """Two visits of part A and one of part B, decided on."""
    spine.part("A", after(1), a=20.0)
    spine.part("A", after(3), a=80.0, visit=2)
    spine.part("B", after(2), a=68.9)
    spine.run(spine.pull("parts"), after(60))
    return spine


def replayed(
    line: Spine, serial: str = "A", plant: Plant | None = None, load: Callable[..., GateModel] | None = None
) -> list[Recomputed]:
    cache: Any = Cache(load or (lambda _name, _digest: SumModel()))
    return list(recompute_part(line.store, lambda _digest: plant or line.plant, cache, serial))


def change(line: Spine, **values: Any) -> None:
    """Change the decision on the first visit of A."""
    d = t.decision
    with line.store.write() as connection:
        connection.execute(d.update().where(d.c.serial == "A", d.c.visit == 1).values(values))


def test_each_decision_is_equal_and_that_of_verify(line: Spine) -> None:
    found = replayed(line)
    assert [(one.key, one.gate, one.matches, one.different) for one in found] == [
        (("A", "form", 1, 0), "form", True, ()), (("A", "form", 2, 0), "form", True, ())
    ]  # fmt: skip
    cache: Any = Cache(lambda _name, _digest: SumModel())
    every = list(recompute_decisions(line.store, lambda _digest: line.plant, cache))
    assert [one for one in every if one.key[0] == "A"] == found
    assert replayed(line, "nobody") == []


FORGED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "the verdict": ({"verdict": "scrap"}, ("verdict",)),
    "the reason": ({"reason": "forecast", "verdict": "hold"}, ("verdict", "reason")),
    "the prediction": ({"predicted": 51.0}, ("predicted",)),
    "the interval": ({"lower": 40.0, "upper": 60.0}, ("lower", "upper")),
    "no prediction": ({"predicted": None}, ("predicted",)),
    "a number that is none": ({"distance": float("inf")}, ("distance",)),
    "costs": ({"costs": [{"action": "hold", "correction": "", "cost": 1.0}]}, ("costs",)),
    "probabilities": ({"probabilities": [0.5, 0.5]}, ("probabilities",)),
}


@pytest.mark.parametrize(("values", "different"), FORGED.values(), ids=FORGED)
def test_what_differs_is_named(values: dict[str, Any], different: tuple[str, ...], line: Spine) -> None:
    change(line, **values)
    first, second = replayed(line)
    assert (first.matches, first.different) == (False, different)
    assert second.matches


def broken(_name: str, _digest: str) -> GateModel:
    raise ModelError("version 1 of w is not in the cache", ModelReason.UNREACHABLE)


def test_a_model_that_is_gone_is_a_difference_and_no_error(line: Spine) -> None:
    for one in replayed(line, load=broken):
        assert (one.matches, one.recomputed[0]) == (False, "")
        assert one.recomputed[1] == "its model cannot be used: version 1 of w is not in the cache"


def test_a_plant_file_that_is_gone_is_a_difference_and_no_error(line: Spine) -> None:
    cache: Any = Cache(lambda _name, _digest: SumModel())
    (one,) = recompute_part(line.store, lambda _digest: None, cache, "B")
    assert (one.matches, one.gate) == (False, "form")
    assert one.recomputed[1] == "its plant file is not stored, or cannot be read by this version"


def test_a_gate_that_the_plant_file_has_not_is_a_difference(line: Spine) -> None:
    without = line.plant.model_copy(update={"gates": {}})
    assert [one.recomputed[1] for one in replayed(line, plant=without)] == ["its plant file has no such gate"] * 2


def test_rows_that_are_gone_are_a_difference(line: Spine) -> None:
    with line.store.write() as connection:
        connection.execute(t.part_step.delete().where(t.part_step.c.visit == 1, t.part_step.c.serial == "A"))
    assert replayed(line)[0].recomputed[1] == "its input rows are gone"


def test_no_decision_on_another_part_is_read(line: Spine) -> None:
    asked: list[tuple[str, Any]] = []

    def remember(*given: Any) -> None:
        asked.append((given[2], given[3]))

    sa.event.listen(line.store.engine, "before_cursor_execute", remember)
    try:
        assert all(one.matches for one in replayed(line))
    finally:
        sa.event.remove(line.store.engine, "before_cursor_execute", remember)
    of_decisions = [given for text, given in asked if "FROM decision" in text]
    assert of_decisions
    assert all("A" in (given.values() if isinstance(given, dict) else given) for given in of_decisions)


@pytest.mark.slow
def test_a_forecast_is_replayed_from_the_outcomes_known_then(spine: Spine) -> None:
    """A gate without a model decides by the newest outcomes; those that came later change nothing."""
    for start in range(0, 80, 10):
        for n in range(start, start + 10):
            spine.part(f"P{n}", after(n), a=10.0)
            spine.rows("OUTCOMES", (f"P{n}", 40.0 + n % 3, after(n + 0.5)))
        spine.run(spine.pull("parts"), after(start + 10))
        spine.run(spine.pull("outcomes"), after(start + 10))
    spine.used = InForce(None, None, "", "", "")  # type: ignore[arg-type]
    spine.part("A", after(110))
    spine.run(spine.pull("parts"), after(120))
    spine.rows("OUTCOMES", ("A", 90.0, after(130)))
    spine.run(spine.pull("outcomes"), after(200))
    (one,) = replayed(spine)
    assert (one.matches, one.stored[:2]) == (True, ("continue", "forecast"))
    with spine.store.write() as connection:
        connection.execute(t.outcome.delete().where(t.outcome.c.serial == "P79"))
    (one,) = replayed(spine)
    assert (one.matches, one.recomputed[1]) == (False, "its outcomes are gone or changed")
