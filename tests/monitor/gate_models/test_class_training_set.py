"""What a gate of classes learns from: places of classes, whatever their numbers; and it waits for defects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from spine_kit import Cache, Spine, SumModel, after

from inference.comparison import rare_parts
from monitor.errors import ModelError, ModelReason
from monitor.gate_models.challenge import intervals_still_hold, is_enough, split_holdout, suits
from monitor.gate_models.in_force import ModelsInForce
from monitor.gate_models.training_child import write_job
from monitor.gate_models.training_set import TrainingSet, training_set
from monitor.jobs.models import ModelJob
from monitor.store.database import tables as t
from monitor.store.database.database import Store

SPECS = 'characteristics: {width: {specs: [{since: "2020-01-01T00:00:00Z", lower: 0, upper: 100}]}}'
GATE = "profile: [a, b, c, d], rework: {above: 50},"
CLASSES = (
    "characteristics: {width: {classes: {none: {value: 2, means: continue}, dent: {value: 5, means: correct}, "
    "stain: {value: 7, means: MEANS}}}}"
)


@pytest.fixture
def make(tmp_path: Path, store: Store) -> Iterator[Callable[[str], Spine]]:
    made: list[Spine] = []

    def spine(means: str) -> Spine:
        changes = {SPECS: CLASSES.replace("MEANS", means), GATE: "kind: classifier, covariates: [a, b, c, d],"}
        made.append(Spine(tmp_path, store, changes))
        return made[-1]

    yield spine
    for one in made:
        one.close()


def filled(spine: Spine, values: list[float]) -> TrainingSet:
    for n in range(len(values)):
        spine.part(f"P{n:03d}", after(n / 60), a=float(n))
    spine.rows("OUTCOMES", *((f"P{n:03d}", value, after(5)) for n, value in enumerate(values)))
    for source in ("parts", "outcomes"):
        spine.run(spine.pull(source), after(10))
    return known(spine)


def known(spine: Spine) -> TrainingSet:
    gate = spine.plant.gates["form"]
    with spine.store.read() as connection:
        return training_set(connection, gate, spine.plant.max_ages(), after(15), classes=spine.plant.classes_of(gate))


def test_outcomes_are_the_places_of_their_classes(make: Callable[[str], Spine]) -> None:
    data = filled(make("scrap"), [2, 7, 5, 2, 3, 7])
    assert data.serials == ("P000", "P001", "P002", "P003", "P005"), "3 is that of no class"
    assert data.target.tolist() == [0.0, 2.0, 1.0, 0.0, 2.0]
    assert data.classes is not None
    assert data.at([1, 2]).classes == data.classes


def test_what_was_stored_under_another_plant_file_is_left_out(make: Callable[[str], Spine]) -> None:
    spine = make("scrap")
    filled(spine, [2, 7, 5])
    with spine.store.write() as connection:
        connection.execute(t.outcome.update().where(t.outcome.c.serial == "P001").values(value=6.0))
    assert known(spine).serials == ("P000", "P002")


@pytest.mark.parametrize(("means", "good"), [("scrap", "none"), ("continue", "")])
def test_the_child_is_told_the_classes_and_the_good_one(
    means: str, good: str, make: Callable[[str], Spine], tmp_path: Path
) -> None:
    spine = make(means)
    data = filled(spine, [2, 7, 5])
    folder = tmp_path / "job"
    folder.mkdir()
    write_job(folder, spine.plant.gates["form"], data)
    told = json.loads((folder / "job.json").read_text())
    assert told["kind"] == "classifier"
    assert (told["settings"]["classes"], told["settings"]["good"]) == (["none", "dent", "stain"], good)
    with np.load(folder / "data.npz") as arrays:
        assert arrays["target"].tolist() == [0.0, 2.0, 1.0]


def test_the_holdout_grows_until_it_has_defects(make: Callable[[str], Spine]) -> None:
    values = [2.0] * 60
    for place in (5, 20, 30, 40, 45, 50):
        values[place] = 5.0
    data = filled(make("scrap"), values)
    lots = tuple(f"L{i // 10}" for i in range(60))
    data = replace(data, lots=lots)
    training, holdout = split_holdout(data, after(0), 12)
    assert (len(training), len(holdout)) == (20, 40)
    assert rare_parts(holdout.target).sum() == 5
    assert is_enough(holdout, 12)
    assert not is_enough(holdout, 41)
    without = replace(data, target=np.where(np.arange(60) == 5, 1.0, 0.0))
    _, all_new = split_holdout(without, after(0), 12)
    assert len(all_new) == 60
    assert not is_enough(all_new, 12)


def test_a_gate_is_never_given_outcomes_of_the_other_kind(make: Callable[[str], Spine]) -> None:
    spine = make("scrap")
    gate = spine.plant.gates["form"]
    with spine.store.read() as connection, pytest.raises(ValueError, match="trained with classes"):
        training_set(connection, gate, spine.plant.max_ages(), after(15))
    number = gate.model_copy(update={"kind": "shape"})
    with spine.store.read() as connection, pytest.raises(ValueError, match="trained without classes"):
        training_set(connection, number, spine.plant.max_ages(), after(15), classes=spine.plant.classes_of(gate))


def test_a_model_of_something_else_is_no_champion_that_holds(make: Callable[[str], Spine]) -> None:
    data = filled(make("scrap"), [2, 7, 5, 2])
    assert not suits(SumModel(), data.classes)
    assert not intervals_still_hold(SumModel(), data)
    assert suits(SumModel(), None)


@pytest.mark.parametrize("reason", [ModelReason.TOO_FEW_ROWS, ModelReason.CORRUPT])
def test_too_few_defects_are_no_failure_of_the_job(reason: ModelReason, make: Callable[[str], Spine]) -> None:
    spine = make("scrap")
    filled(spine, [2.0] * 45)

    def fail(*_: Any) -> None:
        raise ModelError("too few rows to train", reason)

    models = ModelsInForce(spine.store, Cache(lambda _name, _digest: SumModel()))  # type: ignore[arg-type]
    trainer: Any = SimpleNamespace(train=fail)
    job = ModelJob(spine.store, spine.plant, "form", models, SimpleNamespace(), trainer, simulated=True)  # type: ignore[arg-type]
    if reason is ModelReason.TOO_FEW_ROWS:
        assert spine.run(job, after(15)).rows == 0
    else:
        with pytest.raises(ModelError):
            spine.run(job, after(15))
    assert spine.all(t.model_version) == []
