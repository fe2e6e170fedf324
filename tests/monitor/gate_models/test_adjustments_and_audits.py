"""Adjustments in a gate that audits parts and needs a second signal for a scrap: both are kept, shown, made again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from spine_kit import Spine, SumModel, after

from inference.policy.audit import is_audited
from monitor.gate_models.rederive import recompute_decisions, recompute_part
from monitor.gate_models.training_child import write_job
from monitor.gate_models.training_set import training_set
from monitor.pipeline.judging import InForce
from monitor.reports.part.reading import Lens
from monitor.reports.passport import passport
from monitor.store.database import tables as t
from monitor.store.database.database import Store

INPUTS = ("form.a", "form.b", "form.c", "form.d", "coat.a")
FORM = """rework: {above: 50}, adjustments: {coat.a: {plan: 0, low: -20, high: 20, step: 2.5, cost: 20}},
    costs: {scrap: 400, inspection: 60, confirm_scrap: CONFIRM, surge: 1, audit: {scrap: 0.5, continue: 1}}"""
COAT = """  coat:
    {step: coat, characteristic: width, model: c, kind: ensemble, covariates: [a], costs: {scrap: 400, inspection: 60}}
sources:
  parts:"""


@pytest.fixture
def make(tmp_path: Path, store: Store) -> Callable[..., Spine]:
    """A line that sums form's values and what is planned of the coat; a second gate sees the coat."""

    def line(confirm: str = "true") -> Spine:
        changes = {
            "rework: {above: 50}": FORM.replace("CONFIRM", confirm),
            "sources:\n  parts:": COAT,
            "values: {a: A,": "values: {a: {column: A, unit: um},",
            "recommendation: ADVICE": "recommendation: ADVICE, adjustment: WHAT, adjust_to: SETTING, audit: AUDIT",
        }
        used = InForce(SumModel(INPUTS), None, "w", "1", "sum")
        spine = Spine(tmp_path, store, changes, used)
        spine.others["coat"] = InForce(SumModel(("coat.a",), "c"), None, "c", "1", "c")
        return spine

    return line


def coated(line: Spine, serial: str, at: float, a: float) -> None:
    line.rows("PARTS", (serial, "coat", 1, "L", after(at), after(at), a, 0.0, 0.0, 0.0))


def registry(line: Spine) -> Any:
    models = {used.digest: used.model for used in (line.used, *line.others.values())}
    return SimpleNamespace(load=lambda _name, digest: models[digest], held_out=lambda *_: None)


def test_an_adjustment_in_a_gate_with_audits_is_verified_and_replayed(make: Callable[..., Spine]) -> None:
    line = make()
    for serial, a in (("GOOD", 20.0), ("SET", 75.0), ("BAD", 300.0)):
        line.part(serial, after(1), a=a)
    line.run(line.pull("parts"), after(60))
    found = {row.serial: row for row in line.all(t.decision)}
    assert {serial: row.reason for serial, row in found.items()} == {
        "GOOD": "in_spec", "SET": "adjustable", "BAD": "scrap_unconfirmed"
    }  # fmt: skip
    assert found["GOOD"].signals == {"audit": True, "audit_share": 1}
    assert (found["SET"].signals, found["SET"].adjustment["moves"][0]["variable"]) == (None, "coat.a")
    sent = {row.payload["serial"]: row.payload for row in line.all(t.outbox)}
    assert {serial: payload["audit"] for serial, payload in sent.items()} == {"GOOD": 1, "SET": 0, "BAD": 0}
    assert sent["SET"]["adjust_to"] == found["SET"].adjustment["moves"][0]["to"]
    every = list(recompute_decisions(line.store, lambda _: line.plant, registry(line)))
    assert (len(every), [one for one in every if not one.matches]) == (3, [])
    (one,) = recompute_part(line.store, lambda _: line.plant, registry(line), "SET")
    assert (one.matches, one.recomputed[:2]) == (True, ("correct", "adjustable"))
    forged = {**found["SET"].adjustment, "upper": 99.9}
    with line.store.write() as connection:
        connection.execute(t.decision.update().where(t.decision.c.serial == "SET").values(adjustment=forged))
    (one,) = recompute_part(line.store, lambda _: line.plant, registry(line), "SET")
    assert one.different == ("adjustment",)


def test_an_adjustable_part_confirms_no_scrap(make: Callable[..., Spine]) -> None:
    """It was to be inside with the setting, so two gates do not agree."""
    line = make()
    line.part("A", after(1), a=75.0)
    coated(line, "A", 2, 230.0)
    line.run(line.pull("parts"), after(60))
    assert [(row.gate, row.reason) for row in line.all(t.decision)] == [
        ("form", "adjustable"), ("coat", "scrap_unconfirmed")
    ]  # fmt: skip
    every = list(recompute_decisions(line.store, lambda _: line.plant, registry(line)))
    assert [one for one in every if not one.matches] == []


def test_people_are_told_what_to_set_until_the_part_has_passed_there(make: Callable[..., Spine]) -> None:
    line = make()
    line.part("A", after(1), a=75.0)
    line.run(line.pull("parts"), after(60))
    to = line.all(t.decision)[0].adjustment["moves"][0]["to"]

    def of_form() -> dict[str, Any]:
        with line.store.read() as connection:
            found: Any = passport(connection, "A", {}, Lens(lambda *_: line.plant, line.plant))
        return next(one for one in found["decisions"] if one["gate"] == "form")

    one = of_form()
    assert one["todo"] == f"Let the part go on, but set coat.a to {to:g} um (planned 0) when it passes coat."
    assert one["alternatives"][0]["name"] == f"set coat.a to {to:g} um"
    assert one["inputs"][-1] | {"unit": "um"} == one["inputs"][-1]
    assert (one["inputs"][-1]["name"], one["inputs"][-1]["value"]) == ("coat.a (planned)", 0.0)
    coated(line, "A", 61, to)
    line.run(line.pull("parts"), after(120))
    assert of_form()["todo"].startswith("Nothing more")


def test_audited_scraps_weigh_more_in_the_rows_that_are_learnt(make: Callable[..., Spine], tmp_path: Path) -> None:
    """A part without a later value is left out with its weight; each row has its plan, its real value and weight."""
    line = make("false")
    audited = (serial for n in count() if is_audited("form", serial := f"X{n}", 0.5))
    first, left_out, second = next(audited), next(audited), next(audited)
    for n, serial in enumerate((first, left_out, "GOOD", second)):
        line.part(serial, after(n), a=20.0 if serial == "GOOD" else 300.0)
        if serial != left_out:
            coated(line, serial, n + 0.5, float(n))
        line.rows("OUTCOMES", (serial, 50.0 + n, after(60)))
    for source in ("parts", "outcomes"):
        line.run(line.pull(source), after(120))
    gate = line.plant.gates["form"]
    with line.store.read() as connection:
        data = training_set(connection, gate, line.plant.max_ages(), after(200))
    assert (data.serials, data.weights) == ((first, "GOOD", second), (2.0, 1.0, 2.0))
    folder = tmp_path / "job"
    folder.mkdir()
    write_job(folder, gate, data.at([0, 1]))
    with np.load(folder / "data.npz") as written:
        assert written["weights"].tolist() == [2.0, 1.0]
        assert written["rows"][:, 4].tolist() == [0.0, 2.0]
        assert written["planned"][:, 4].tolist() == [0.0, 0.0]
    assert data.digest() != data.at([0, 1]).digest()
