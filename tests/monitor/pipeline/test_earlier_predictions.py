"""What an earlier gate predicted of a part as an input of a later one: joined, recorded, made again, learnt from."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import isnan, nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from spine_kit import PLANT, Spine, SumModel, after

from monitor.gate_models.rederive import recompute_decisions
from monitor.gate_models.training_set import training_set
from monitor.jobs.prune import PruneJob
from monitor.model import Floats, Prediction, Reason
from monitor.pipeline.judging import InForce
from monitor.pipeline.passages import Passage, gate_input
from monitor.plant.file.load import parse
from monitor.plant.gates import ranks
from monitor.plant.retention import effective, kept_longer
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.rows.decisions import said_by
from monitor.store.rows.parts import part_history
from monitor.windows.parts import measured, predicted

INPUT = "gate.form.predicted"
DAY = timedelta(days=1)
STEPS = {"coat: {line: l}}": "coat: {line: l}, pack: {line: l, max_age: 2d}}"}
GATES = {
    "sources:\n  parts:": """  coat:
    {step: coat, characteristic: width, model: c, kind: ensemble, covariates: [a], predictions: [form]}
  pack:
    {step: pack, characteristic: width, model: p, kind: ensemble, covariates: [b], predictions: [coat, form]}
sources:
  parts:""",
}
CHANGES = {**STEPS, **GATES}


class Filling(SumModel):
    """The sum of the inputs that there are."""

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        return super().predict(np.nan_to_num(rows))


def use(spine: Spine) -> Spine:
    """Put a model into each further gate that adds what it is given."""
    for gate, digest in (("coat", "c"), ("pack", "p")):
        model = Filling(spine.plant.gates[gate].inputs(), digest, max_missing=0.9)
        spine.others[gate] = InForce(model, None, digest, "1", digest)  # type: ignore[arg-type]
    return spine


@pytest.fixture
def line(store: Store, tmp_path: Path) -> Iterator[Spine]:
    """The small plant with three gates, of which each uses what those before it predicted."""
    made = use(Spine(tmp_path, store, CHANGES))
    yield made
    made.close()


def passed(
    spine: Spine, step: str, minutes: float, a: float, known: float | None = None, visit: int = 1, serial: str = "A"
) -> None:
    """A part step in the MES: b, c and d are 1, so that the first gate predicts a + 3."""
    at = after(minutes)
    spine.rows("PARTS", (serial, step, visit, "L", at, at if known is None else after(known), a, 1.0, 1.0, 1.0))


def pull(spine: Spine, minutes: float, batch_rows: int = 1000) -> None:
    spine.run(spine.pull("parts", batch_rows=batch_rows), after(minutes))


def said(spine: Spine) -> dict[tuple[str, str, int], float | None]:
    """By gate, serial and visit what was predicted."""
    rows = spine.all(t.decision, "gate", "serial", "visit", "predicted")
    return {(gate, serial, visit): value for gate, serial, visit, value in rows}


def test_its_name_is_none_of_a_feature_and_its_steps_are_known(line: Spine) -> None:
    pack = line.plant.gates["pack"]
    assert pack.inputs() == ("pack.b", "gate.coat.predicted", INPUT)
    assert [(gate.gate, gate.step) for gate in pack.earlier] == [("coat", "coat"), ("form", "form")]
    assert pack.input_steps() == {"pack", "coat", "form"}
    assert ranks(line.plant.gates) == {"form": 0, "coat": 1, "pack": 2}


@pytest.mark.parametrize("batch_rows", [1, 1000])
def test_a_part_that_passes_every_step_in_one_page_is_decided_in_their_order(batch_rows: int, line: Spine) -> None:
    passed(line, "form", 1, 10)
    passed(line, "coat", 2, 20)
    passed(line, "pack", 3, 0)
    pull(line, 60, batch_rows)
    assert said(line) == {("form", "A", 1): 13, ("coat", "A", 1): 33, ("pack", "A", 1): 1 + 33 + 13}
    numbers = {row.step: row.arrival for row in line.all(t.part_step)}
    inputs = {row.gate: row.inputs for row in line.all(t.decision)}
    assert inputs["coat"] == {step: numbers[step] for step in ("form", "coat")}
    assert inputs["pack"] == numbers


def test_without_a_prediction_the_input_is_missing(line: Spine) -> None:
    passed(line, "coat", 1, 20, serial="UNSEEN")
    passed(line, "form", 1, 10, serial="HELD")
    line.used = InForce(None, Reason.NO_MODEL)
    pull(line, 2)
    passed(line, "coat", 3, 20, serial="HELD")
    pull(line, 60)
    found = {row.serial: row for row in line.all(t.decision) if row.gate == "coat"}
    assert {serial: row.predicted for serial, row in found.items()} == {"UNSEEN": 20, "HELD": 20}
    assert set(found["UNSEEN"].inputs) == {"coat"}
    assert set(found["HELD"].inputs) == {"coat", "form"}, "its passage is known all the same"
    line.others["coat"] = InForce(SumModel(line.plant.gates["coat"].inputs(), "c"), None, "c", "1", "c")  # type: ignore[arg-type]
    passed(line, "coat", 4, 20, visit=2, serial="HELD")
    pull(line, 61)
    assert line.all(t.decision, "reason")[-1] == "incomplete_input", "a model that fills nothing"


def test_a_prediction_is_that_of_the_newest_passage_that_is_not_too_old(line: Spine) -> None:
    line.plant.steps["form"].__dict__["max_age"] = DAY
    passed(line, "form", 1, 10)
    passed(line, "form", 2, 50, visit=2)
    passed(line, "coat", 3, 0)
    passed(line, "form", 4, 90, visit=3)
    passed(line, "coat", 3 + 24 * 60, 0, visit=2)
    passed(line, "coat", 5 + 24 * 60, 0, visit=3)
    pull(line, 60 * 25)
    values = said(line)
    assert (values["coat", "A", 1], values["coat", "A", 2], values["coat", "A", 3]) == (53, 93, 0)


def test_a_late_or_corrected_passage_changes_no_stored_decision(line: Spine) -> None:
    passed(line, "coat", 10, 5)
    passed(line, "coat", 12, 5, serial="B")
    passed(line, "form", 11, 1, serial="B")
    pull(line, 13)
    before = said(line)
    assert before == {("coat", "A", 1): 5, ("coat", "B", 1): 9, ("form", "B", 1): 4}
    passed(line, "form", 9, 10, known=14)  # late
    passed(line, "form", 11, 70, known=14, serial="B")  # corrected
    passed(line, "coat", 15, 5, visit=2)
    passed(line, "coat", 15, 5, visit=2, serial="B")
    pull(line, 16)
    after_all = said(line)
    assert {key: after_all[key] for key in before} == before
    assert after_all["coat", "A", 2] == 18, "what arrived since is used from then on"
    assert after_all["coat", "B", 2] == 9, "of the corrected passage the decision stands"
    corrected = max(row.arrival for row in line.all(t.part_step) if (row.serial, row.step) == ("B", "form"))
    last = [row for row in line.all(t.decision) if (row.serial, row.step, row.visit) == ("B", "coat", 2)]
    assert last[0].inputs["form"] == corrected


def _random_rows(spine: Spine, seed: int) -> None:
    rng = random.Random(seed)
    rows = {(rng.choice("ABC"), rng.choice(["form", "coat", "pack"]), rng.randint(1, 2)) for _ in range(40)}
    for serial, step, visit in sorted(rows):
        at = rng.randint(0, 30)
        passed(spine, step, at, rng.randint(0, 40), at + rng.choice([0, 0, 3, 4]), visit, serial)
        if rng.random() < 0.3:
            passed(spine, step, at, rng.randint(0, 40), at + 4.5, visit, serial)


def _stored(spine: Spine) -> list[Any]:
    """Decisions, each with the passages it rests on, and what is sent; without numbers and times of processing."""
    rows = {row.arrival: (row.step, row.visit, row.revision) for row in spine.all(t.part_step)}
    decided = [
        (row.gate, row.serial, row.visit, row.predicted, row.verdict, row.reason,
         sorted(rows[arrival] for arrival in row.inputs.values()))
        for row in spine.all(t.decision)
    ]  # fmt: skip
    sent = [(row.key, row.payload["recommendation"], row.payload["reason"]) for row in spine.all(t.outbox)]
    return [sorted(decided), sorted(sent)]


def _emptied(spine: Spine) -> None:
    with spine.store.write() as connection:
        for table in (t.part_step, t.decision, t.outbox, t.cursor, t.quarantine):
            connection.execute(table.delete())


SPLITS: dict[str, tuple[int, Sequence[float]]] = {
    "a row at a time": (1, [60]),
    "two rows at a time": (2, [60]),
    "pages of seven": (7, [60]),
    "as it comes": (1000, [*range(1, 40), 60]),
    "now and then, three rows at a time": (3, [9, 12, 30, 60]),
}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.slow
def test_any_split_into_pages_gives_the_same_decisions(seed: int, line: Spine) -> None:
    _random_rows(line, seed)
    pull(line, 60)
    whole = _stored(line)
    values = said(line)
    assert len(values) > 10
    used = [row for row in line.all(t.decision) if row.gate == "coat" and "form" in row.inputs]
    assert used
    rows = {row.arrival: row for row in line.all(t.part_step)}
    for row in used:
        form = rows[row.inputs["form"]]
        first = values["form", form.serial, form.visit]
        assert first is not None
        assert row.predicted == rows[row.arrival]._mapping["values"]["a"] + first
    for name, (batch_rows, times) in SPLITS.items():
        _emptied(line)
        for minutes in times:
            pull(line, minutes, batch_rows)
        assert _stored(line) == whole, name


def _again(spine: Spine) -> list[Any]:
    models: dict[str, Any] = {"sum": SumModel(), **{used.digest: used.model for used in spine.others.values()}}
    registry: Any = SimpleNamespace(load=lambda _name, digest: models[digest])
    return list(recompute_decisions(spine.store, lambda _digest: spine.plant, registry))


def test_every_decision_is_made_again_and_a_changed_prediction_is_noticed(line: Spine) -> None:
    _random_rows(line, 4)
    pull(line, 60)
    again = _again(line)
    assert len(again) == len(line.all(t.decision))
    assert [one for one in again if not one.matches] == []
    (row, *_) = [row for row in line.all(t.decision) if row.gate == "coat" and "form" in row.inputs]
    form = next(r for r in line.all(t.part_step) if r.arrival == row.inputs["form"])
    d = t.decision.c
    with line.store.write() as connection:
        of = (d.serial == row.serial, d.step == "form", d.visit == form.visit)
        connection.execute(t.decision.update().where(*of).values(predicted=d.predicted + 1))
    wrong = {one.key[:3] for one in _again(line) if not one.matches}
    assert wrong >= {(row.serial, "form", form.visit), (row.serial, "coat", row.visit)}


def _outcomes(spine: Spine, serials: str, minutes: float) -> None:
    spine.rows("OUTCOMES", *((serial, float(i), after(minutes)) for i, serial in enumerate(serials)))
    spine.run(spine.pull("outcomes"), after(minutes + 1))


def test_the_training_set_has_what_the_decisions_used(line: Spine) -> None:
    _random_rows(line, 5)
    passed(line, "coat", 35, 7, serial="D")
    pull(line, 60)
    _outcomes(line, "ABCD", 61)
    gate = line.plant.gates["coat"].model_copy(update={"max_missing": 0.9})
    with line.store.read() as connection:
        data = training_set(connection, gate, line.plant.max_ages(), after(70))
        complete = training_set(connection, line.plant.gates["coat"], line.plant.max_ages(), after(70))
    assert gate.inputs() == ("coat.a", INPUT)
    decided = {row.arrival: row.predicted for row in line.all(t.decision)}
    assert len(data) >= 3
    assert [decided[arrival] for arrival in data.arrivals] == np.nansum(data.rows, axis=1).tolist()
    assert isnan(data.rows[data.serials.index("D"), 1])
    assert "D" not in complete.serials, "a model that fills nothing learns from parts that have all"
    assert 0 < len(complete) < len(data)
    with line.store.read() as connection:
        history = part_history(connection, data.serials)
        window = measured("coat", [row for row in history if row.arrival in data.arrivals])
        known = said_by(connection, ["form"], data.serials)
    model: Any = line.others["coat"].model
    again = predicted(history, line.plant.max_ages(), gate, model, window, known)
    assert dict(zip(window.arrivals.tolist(), again.tolist(), strict=True)) == {
        arrival: decided[arrival] for arrival in data.arrivals
    }


def test_a_prediction_that_is_no_number_is_missing(line: Spine) -> None:
    class Broken(SumModel):
        def predict(self, rows: Floats) -> Sequence[Prediction]:
            return [replace(one, value=nan) for one in super().predict(rows)]

    line.plant = line.plant.model_copy(update={"write_back": None})
    line.used = InForce(Broken(), None, "w", "1", "sum")  # type: ignore[arg-type]
    passed(line, "form", 1, 10)
    passed(line, "coat", 2, 20)
    pull(line, 60)
    assert said(line)["coat", "A", 1] == 20
    passed(line, "coat", 61, 20, visit=2)
    pull(line, 62)
    assert said(line)["coat", "A", 2] == 20, "from the store as from the page"


def test_only_the_gate_of_that_name_and_step_counts() -> None:
    gate = parse(_text(), Path(), {}).plant.gates["coat"]
    form = Passage(1, "A", "form", 2, after(0), {})
    known = {("form", "A", "form", 1): 1.0, ("other", "A", "form", 2): 2.0, ("form", "B", "form", 2): 3.0}
    coat = Passage(2, "A", "coat", 1, after(1), {"a": 0.0})
    assert isnan(gate_input(gate, coat, {"form": form}, known)[0].values[INPUT])
    part, inputs = gate_input(gate, coat, {"form": form}, {**known, ("form", "A", "form", 2): 4.0})
    assert (part.values[INPUT], inputs) == (4.0, {"coat": 2, "form": 1})


def _text(changes: Callable[[str], str] = lambda text: text) -> str:
    text = PLANT
    for old, new in CHANGES.items():
        text = text.replace(old, new)
    return changes(text)


def test_decisions_that_later_ones_rest_on_are_kept_longer(line: Spine) -> None:
    month = line.plant.steps["form"].max_age
    assert kept_longer(line.plant) == {"form": 2 * month, "coat": month}
    kept = parse(
        _text(lambda text: text.replace("store: {", "store: {retention: {decisions: 4d, parts: 5d}, ")), Path(), {}
    )
    assert effective(kept.plant).parts == 4 * DAY + 2 * month
    for number, serial in enumerate("AB"):
        for step in ("form", "coat", "pack"):
            passed(line, step, number * 60 * 24 * 100 + 1, 10, serial=serial)
    end: datetime = after(60 * 24 * 100 + 60)
    line.run(line.pull("parts"), end)
    retention = effective(kept.plant)
    line.run(PruneJob(line.store, retention, DAY, kept_longer(line.plant)), end + DAY)
    assert sorted(key[:2] for key in said(line)) == [("coat", "B"), ("form", "A"), ("form", "B"), ("pack", "B")]
    assert [one for one in _again(line) if not one.matches] == []
    line.run(PruneJob(line.store, retention, DAY, kept_longer(line.plant)), end + 3 * month)
    assert sorted(key[:2] for key in said(line)) == [("coat", "B"), ("form", "A"), ("form", "B")]
