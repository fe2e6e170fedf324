"""A gate that recommends to set a later step otherwise: what it keeps, sends, shows, computes again, learns from."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spine_kit import Cache, Spine, SumModel, after

from exporters.delivery.mes import MesTarget
from inference.child import train_and_package
from inference.packaging import load
from monitor.gate_models.challenge import compare_models, intervals_still_hold
from monitor.gate_models.rederive import recompute_decisions
from monitor.gate_models.training_child import write_job
from monitor.gate_models.training_set import TrainingSet, training_set
from monitor.model import RetrainingReason
from monitor.pipeline.forecasts import known_parts
from monitor.pipeline.judging import BATCH_OF_ADJUSTED, InForce, batches_of
from monitor.reports.part.reading import Lens
from monitor.reports.part.text import as_text
from monitor.reports.passport import passport
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.models.versions import ModelInForce
from monitor.store.rows.decisions import all_decisions
from monitor.store.rows.outcomes import decided_outcomes

INPUTS = ("form.a", "form.b", "form.c", "form.d", "coat.a", "coat.b")
CHANGES = {
    "rework: {above: 50},": "rework: {above: 50}, costs: {scrap: 400, inspection: 60}, adjustments: {"
    "coat.a: {plan: 0, low: -20, high: 20, step: 2.5, cost: 20},"
    "coat.b: {plan: 5, low: 0, high: 10, step: 5, cost: 10}},",
    "values: {a: A,": "values: {a: {column: A, unit: um},",
    "recommendation: ADVICE}": "recommendation: ADVICE, adjustment: WHAT, adjust_to: SETTING, adjustment_2: WHAT2,"
    " adjust_to_2: SETTING2, probability: P}",
}
ADDED = ("WHAT", "SETTING", "WHAT2", "SETTING2", "P")


@pytest.fixture
def make(tmp_path: Path, store: Store) -> Iterator[Callable[..., Spine]]:
    made: list[Spine] = []

    def spine(changes: dict[str, str] | None = None) -> Spine:
        used = InForce(SumModel(INPUTS), None, "w", "1", "sum")
        made.append(Spine(tmp_path, store, CHANGES | (changes or {}), used))
        made[-1].sql(*(f"ALTER TABLE ADVICE ADD COLUMN {name}" for name in ADDED))
        return made[-1]

    yield spine
    for one in made:
        one.close()


@pytest.fixture
def line(make: Callable[..., Spine]) -> Spine:
    return make()


def mismatches(line: Spine) -> list[str]:
    cache = Cache(lambda _name, _digest: SumModel(INPUTS))
    again = recompute_decisions(line.store, lambda _digest: line.plant, cache)  # type: ignore[arg-type]
    return [one.key[0] for one in again if not one.matches]


# The specification ends at 100, and the model, right to within 1, says a + 30 + what is planned at the coat, 5.
RECOMMENDED: dict[str, tuple[float | None, str, str]] = {
    "inside as planned": (20.0, "continue", "in_spec"),
    "above: one variable": (75.0, "correct", "adjustable"),
    "just above": (66.0, "correct", "adjustable"),
    "far above: two": (87.0, "correct", "adjustable"),
    "out of reach": (200.0, "hold", "scrap_unconfirmed"),
    "a value is missing": (None, "hold", "incomplete_input"),
}


def test_what_to_set_is_stored_sent_and_shown(line: Spine) -> None:
    line.part("A", after(1), a=75.0)
    line.part("B", after(1), a=87.0)
    line.run(line.pull("parts"), after(60))
    one, two = line.all(t.decision)
    assert (one.verdict, one.reason, one.predicted, one.lower, one.upper) == ("correct", "adjustable", 110, 109, 111)
    (move,) = one.adjustment["moves"]
    assert (move["variable"], move["plan"]) == ("coat.a", 0.0)
    assert one.adjustment["predicted"] == 110 + move["to"]
    assert one.adjustment["upper"] <= 100
    assert 0.99 < one.adjustment["probability"] < 1
    assert [m["variable"] for m in two.adjustment["moves"]] == ["coat.a", "coat.b"]
    first, second = (row.payload for row in line.all(t.outbox))
    assert (first["correction"], first["adjustment"], first["adjust_to"]) == ("coat.a", "coat.a", move["to"])
    assert "adjustment_2" not in first
    assert (second["adjustment_2"], second["adjust_to_2"]) == ("coat.b", 0.0)
    assert first["probability"] == one.adjustment["probability"]
    assert first["expected_cost"] == one.costs[0]["cost"]
    assert first["predicted"] == 110
    with line.store.read() as connection:
        shown = as_text(passport(connection, "A", {}, Lens(plant=line.plant)) or {})
    value, ends = f"{110 + move['to']:g}", f"[{109 + move['to']:g}, {111 + move['to']:g}]"
    assert f"set coat.a to {move['to']:g} um (planned 0): then predicted {value} in {ends}" in shown


def test_every_decision_is_computed_again_and_a_forged_one_is_noticed(line: Spine) -> None:
    for n, (a, *_) in enumerate(RECOMMENDED.values()):
        line.part(f"P{n}", after(n), a=a)
    line.run(line.pull("parts"), after(60))
    found = {row.serial: (row.verdict, row.reason, row.adjustment) for row in line.all(t.decision)}
    assert [found[f"P{n}"][:2] for n in range(len(found))] == [
        (verdict, reason) for _, verdict, reason in RECOMMENDED.values()
    ]
    assert all(bool(adjustment) == (reason == "adjustable") for _, reason, adjustment in found.values())
    assert mismatches(line) == []
    kept = found["P1"][2]
    others = [
        {**kept, "moves": [{**kept["moves"][0], "to": kept["moves"][0]["to"] + 2.5}]},
        {**kept, "probability": kept["probability"] - 0.001},
        None,
    ]
    for forged in others:
        with line.store.write() as connection:
            connection.execute(t.decision.update().where(t.decision.c.serial == "P1").values(adjustment=forged))
        assert mismatches(line) == ["P1"]


@pytest.mark.parametrize("batch_rows", [1, 3])
def test_how_rows_are_cut_into_pages_changes_nothing(batch_rows: int, make: Callable[..., Spine]) -> None:
    line = make()
    for n in range(8):
        line.part(f"P{n}", after(n), a=10.0 * n + 25)
    line.run(line.pull("parts", batch_rows=batch_rows), after(60))
    found = {row.serial: row for row in all_decisions_of(line)}
    gate = line.plant.gates["form"]
    assert len(found) == 8
    assert [bool(found[f"P{n}"].adjustment) for n in range(8)] == [False] * 4 + [True] * 3 + [False]
    assert [len(batch) for batch in batches_of(gate, range(120))] == [BATCH_OF_ADJUSTED, BATCH_OF_ADJUSTED, 20]
    assert mismatches(line) == []  # each alone


def all_decisions_of(line: Spine) -> list[Any]:
    with line.store.read() as connection:
        return all_decisions(connection)


def test_the_mes_is_told_what_to_set_to_what(line: Spine) -> None:
    line.part("A", after(1), a=75.0)
    line.run(line.pull("parts"), after(60))
    (row,) = all_decisions_of(line)
    assert line.plant.write_back is not None
    MesTarget(line.plant.write_back).upsert([line.all(t.outbox)[0].payload])
    with closing(sqlite3.connect(line.folder / "mes.db")) as mes:
        told = mes.execute(f"SELECT ADVICE, {', '.join(ADDED)} FROM ADVICE").fetchall()
    move = row.adjustment["moves"][0]
    assert told == [("correct", "coat.a", move["to"], None, None, row.adjustment["probability"])]


def test_what_was_to_be_set_otherwise_says_nothing_of_the_intervals(line: Spine) -> None:
    """Its prediction is of the part as planned: neither the scale of the intervals nor performance rest on it."""
    line.part("A", after(1), a=75.0)
    line.part("B", after(1), a=20.0)
    line.rows("OUTCOMES", ("A", 90.0, after(5)), ("B", 55.2, after(5)))
    for source in ("parts", "outcomes"):
        line.run(line.pull(source), after(10))
    used = ModelInForce("form", "w", "1", "sum", after(-60), 1, 1)
    with line.store.read() as connection:
        known = known_parts(connection, line.plant.gates["form"], after(10), 10**9)
        adapted = known.adaptation("sum", 0.9)
        found, seen = decided_outcomes(connection, "form", "form", "width", used, after(10), 10)
    assert len(known.outcomes) == 2
    assert adapted is not None
    assert adapted.outcomes == 1
    assert (seen, [row.value for row in found]) == (2, [55.2])


def later(line: Spine, serial: str, at: float, a: float | None, b: float = 5.0, visit: int = 1) -> None:
    line.rows("PARTS", (serial, "coat", visit, "L", after(at), after(at), a, b, 0.0, 0.0))


def known(line: Spine) -> TrainingSet:
    gate = line.plant.gates["form"]
    with line.store.read() as connection:
        return training_set(connection, gate, line.plant.max_ages(), after(200))


def test_training_joins_what_the_later_steps_came_to_be(line: Spine) -> None:
    for serial in ("once", "twice", "never", "late", "before", "no-value"):
        line.part(serial, after(10))
        line.rows("OUTCOMES", (serial, 50.0, after(60)))
    later(line, "once", 20, 1.5)
    later(line, "twice", 20, 1.5)
    later(line, "twice", 30, 2.5, visit=2)
    later(line, "twice", 61, 9.9, visit=3)  # after the outcome
    later(line, "late", 61, 9.9)
    later(line, "before", 5, 9.9)  # the serial number's last use
    later(line, "no-value", 20, None)
    for source in ("parts", "outcomes"):
        line.run(line.pull(source), after(120))
    data = known(line)
    assert data.serials == ("once", "twice")
    assert data.fitted is not None
    assert isinstance(data.rows, np.ndarray)
    assert data.fitted[:, 4:].tolist() == [[1.5, 5.0], [2.5, 5.0]]
    assert data.rows[:, 4:].tolist() == [[0.0, 5.0], [0.0, 5.0]]
    assert data.rows[:, :4].tolist() == data.fitted[:, :4].tolist() == [[10.0] * 4] * 2
    assert data.at([1]).fitted.tolist() == data.fitted[1:].tolist()  # type: ignore[union-attr]
    assert len({data.digest(), data.at([0]).digest()}) == 2


def test_a_version_from_before_the_adjustments_is_compared_on_its_own_inputs(line: Spine) -> None:
    for n in range(40):
        line.part(f"P{n:02d}", after(n), a=float(n % 7), lot=f"L{n // 10}")
        later(line, f"P{n:02d}", n + 0.5, 0.0)
        line.rows("OUTCOMES", (f"P{n:02d}", 35.0 + n % 7, after(n + 0.75)))
    for source in ("parts", "outcomes"):
        line.run(line.pull(source), after(120))
    data, old, new = known(line), SumModel(), SumModel(INPUTS)
    assert np.array_equal(data.rows_of(old), data.rows[:, :4])  # type: ignore[call-overload]
    assert data.rows_of(new) is data.rows
    comparison, parts = compare_models(old, new, data, 20)
    assert len(parts) == 40
    assert comparison.outcome is RetrainingReason.BETTER  # it knows of the 5 that the coat adds
    assert intervals_still_hold(new, data)
    assert not intervals_still_hold(old, data)


def test_where_inputs_may_be_missing_a_later_value_may_be(make: Callable[..., Spine]) -> None:
    line = make({"training: {min_outcomes: 40": "max_missing: 0.4, training: {min_outcomes: 40"})
    for serial in ("once", "never"):
        line.part(serial, after(10))
        line.rows("OUTCOMES", (serial, 50.0, after(60)))
    later(line, "once", 20, 1.5)
    for source in ("parts", "outcomes"):
        line.run(line.pull(source), after(120))
    data = known(line)
    assert data.fitted is not None
    assert dict(zip(data.serials, np.isnan(data.fitted[:, 4]).tolist(), strict=True)) == {"once": False, "never": True}
    assert np.isfinite(data.rows).all()


def test_an_adjustment_that_was_carried_out_was_the_plan_of_that_part(line: Spine) -> None:
    for serial in ("done", "not-done"):
        line.part(serial, after(10), a=75.0)
        line.rows("OUTCOMES", (serial, 95.0, after(60)))
    line.run(line.pull("parts"), after(15))
    to = line.all(t.decision)[0].adjustment["moves"][0]["to"]
    later(line, "done", 20, to + 0.7)
    later(line, "not-done", 20, 0.7)
    for source in ("parts", "outcomes"):
        line.run(line.pull(source), after(120))
    data = known(line)
    assert data.serials == ("done", "not-done")
    assert data.fitted is not None
    assert data.fitted[:, 4].tolist() == [to + 0.7, 0.7]
    assert [row[4] for row in data.rows] == [to, 0.0]


@pytest.mark.slow
def test_the_child_fits_to_what_came_to_be_and_calibrates_on_the_plan(line: Spine, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(80, 5)) * 3
    for n, (a, b, c, d, e) in enumerate(numbers.tolist()):
        line.rows("PARTS", (f"P{n:02d}", "form", 1, "L", after(n), after(n), a, b, c, d))
        later(line, f"P{n:02d}", n + 0.5, e, b=5.0 + n % 2)
        line.rows("OUTCOMES", (f"P{n:02d}", 50 + a + b + 2 * e + rng.normal() / 5, after(n + 0.75)))
    for source in ("parts", "outcomes"):
        line.run(line.pull(source), after(120))
    folder = tmp_path / "job"
    folder.mkdir()
    write_job(folder, line.plant.gates["form"].model_copy(update={"kind": "ensemble"}), known(line))
    result = train_and_package(folder)
    model = load(folder / "package", result["digest"])
    assert model.inputs == INPUTS
    plan, moved = model.predict(np.array([[0, 0, 0, 0, 0.0, 5.0], [0, 0, 0, 0, 2.0, 5.0]]))
    assert moved.value - plan.value == pytest.approx(4.0, abs=0.5)
    assert plan.upper - plan.lower > 12  # the standard deviation of what nobody knew is 6
    assert result["data_digest"] != known(line).at(range(79)).digest()
