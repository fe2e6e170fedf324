"""A gate's model of pictures, trained by the kind itself on what the store holds, and what it decides, recomputed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from picture_kit import GATE, PICTURES, add, png, texture, with_pictures
from spine_kit import Cache, Spine, after

from detectors.window.before_outcomes import COLUMNS
from inference import packaging
from inference.child import train_and_package
from inference.digest import data_digest
from monitor.gate_models.challenge import compare_models
from monitor.gate_models.picture_files import pictures_of_part
from monitor.gate_models.rederive import recompute_decisions
from monitor.gate_models.training_child import write_job
from monitor.gate_models.training_set import TrainingSet, training_set
from monitor.model import RetrainingReason
from monitor.pictures import restore
from monitor.pipeline.judging import InForce
from monitor.ports import GateModel
from monitor.store.database import tables as t
from monitor.store.database.schema import open_store
from monitor.windows.drift import StepWindows
from monitor.windows.realised import parts_before, reference
from monitor.windows.waiting import reference_of_estimates

PARTS = 60
CHANGES = {
    **PICTURES,
    GATE: f"{PICTURES[GATE]} since: '{after(100):%Y-%m-%dT%H:%M:%SZ}',",
}


def kind_of(n: int) -> str:
    return "bad" if n % 3 == 0 else "good"


def known(n: int) -> float:
    """The outcome of a part: whether it is bad."""
    return float(kind_of(n) == "bad")


@dataclass
class Case:
    spine: Spine
    data: TrainingSet
    model: GateModel
    result: dict[str, object]
    folder: Path


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A store with 60 parts of two textures and their outcomes, and the model that the training child made of them."""
    folder = tmp_path_factory.mktemp("pictures")
    store = open_store(f"sqlite:///{folder}/store.db")
    spine = with_pictures(folder, store, CHANGES)
    for n in range(PARTS):
        add(spine, f"P{n:02}", after(n), None if n == 7 else png(texture(kind_of(n), n)), lot=f"L{n // 20}")
        spine.rows("OUTCOMES", (f"P{n:02}", known(n), after(n + 1)))
    spine.run(spine.pull("parts"), after(90))
    spine.run(spine.pull("outcomes"), after(90))
    assert spine.all(t.decision) == []
    data = read(spine)
    job = folder / "job"
    job.mkdir()
    write_job(job, spine.plant.gates["form"], data)
    result = train_and_package(job)
    model = packaging.load(job / "package", result["digest"])
    spine.used = InForce(model, None, "w", "1", model.digest)
    yield Case(spine, data, model, result, job / "package")
    spine.close()
    store.close()


def read(spine: Spine) -> TrainingSet:
    with spine.store.read() as connection:
        gate = spine.plant.gates["form"]
        return training_set(
            connection, gate, spine.plant.max_ages(), after(95), classes=spine.plant.classes_of(gate)
        )  # fmt: skip


@pytest.mark.slow
def test_the_training_set_has_every_part_with_a_picture_and_reads_them_when_asked(case: Case) -> None:
    data = case.data
    with_one = [n for n in range(PARTS) if n != 7]
    assert data.serials == tuple(f"P{n:02}" for n in with_one)
    assert data.target.tolist() == [known(n) for n in with_one]
    assert [picture.tolist() for picture in data.rows] == [texture(kind_of(n), n).tolist() for n in with_one]
    some = data.at([5, 0])
    assert [picture.tolist() for picture in some.rows] == [texture(kind_of(n), n).tolist() for n in (5, 0)]


@pytest.mark.slow
def test_the_child_trains_on_the_pictures_and_its_digest_covers_them(case: Case) -> None:
    assert case.result["data_digest"] == data_digest(case.data.rows, case.data.target, case.data.serials)
    other = [*case.data.rows]
    other[3] = other[3].copy()
    other[3][0, 0] ^= 1
    assert case.result["data_digest"] != data_digest(other, case.data.target, case.data.serials)
    metrics = case.result["metrics"]
    assert isinstance(metrics, dict)
    assert metrics["rows"] == PARTS - 1
    assert metrics["accuracy"] > 0.95
    assert case.model.skill > 0.5


@pytest.mark.slow
def test_new_parts_are_decided_on_by_their_pictures_and_verify_recomputes_every_decision(case: Case) -> None:
    spine = case.spine
    fresh = range(PARTS, PARTS + 30)
    for n in fresh:
        add(spine, f"P{n:02}", after(n + 60), png(texture(kind_of(n), n)))
    spine.run(spine.pull("parts"), after(200))
    decided = {serial: (verdict, reason) for serial, verdict, reason in
               spine.all(t.decision, "serial", "verdict", "reason")}  # fmt: skip
    right = {"good": ("continue", "in_spec"), "bad": ("scrap", "out_of_spec")}
    assert len(decided) == len(fresh)
    told = [decided[f"P{n:02}"] for n in fresh]
    for kind in right:
        mine = [one == right[kind] for one, n in zip(told, fresh, strict=True) if kind_of(n) == kind]
        assert np.mean(mine) > 0.8, f"{kind} parts are decided on, not held"
    assert not [one for one, n in zip(told, fresh, strict=True) if one[0] != "hold" and one != right[kind_of(n)]]

    def recomputed() -> list[bool]:
        cache = Cache(lambda name, digest: case.model)
        found = recompute_decisions(spine.store, lambda digest: spine.plant, cache)  # type: ignore[arg-type]
        return [one.matches for one in found]

    assert recomputed() == [True] * len(fresh)
    spoiled = texture("bad", 999)
    with spine.store.write() as connection:
        newest = connection.execute(sa.select(sa.func.max(t.picture.c.arrival))).scalar_one()
        before = connection.execute(sa.select(t.picture.c.png).where(t.picture.c.arrival == newest)).scalar_one()
        assert restore(before).tolist() != spoiled.tolist()
        of_newest = t.picture.update().where(t.picture.c.arrival == newest)
        connection.execute(of_newest.values(png=png(spoiled)))
    assert recomputed().count(False) == 1
    with spine.store.write() as connection:
        connection.execute(of_newest.values(png=before))
        serial = f"P{PARTS:02}"
        of_first = t.decision.update().where(t.decision.c.serial == serial)
        (stored,) = connection.execute(sa.select(t.decision.c.coordinates).where(t.decision.c.serial == serial)).one()
        connection.execute(of_first.values(coordinates=[*stored[:-1], stored[-1] + 0.01]))
    assert recomputed().count(False) == 1
    with spine.store.write() as connection:
        connection.execute(of_first.values(coordinates=stored))
    assert recomputed() == [True] * len(fresh)


@pytest.mark.soak  # near tests: tests/inference/test_inference_comparison.py
def test_models_of_pictures_are_compared_on_pictures(case: Case) -> None:
    comparison, parts = compare_models(case.model, case.model, case.data, 20)
    assert len(parts) == len(case.data)
    assert comparison.outcome is RetrainingReason.NOT_BETTER
    assert comparison.overall is not None
    assert comparison.overall.champion == comparison.overall.challenger < 0.1


@pytest.mark.slow
def test_the_reference_of_performance_rests_on_the_pictures(case: Case) -> None:
    beats: list[None] = []
    spine, config = case.spine, case.spine.plant.gates["form"]
    ages, classes = spine.plant.max_ages(), spine.plant.classes_of(config)
    given = (spine.store, config, ages, case.model, after(95), 40)
    fitted = parts_before(*given, classes=classes, beat=lambda: beats.append(None))
    assert len(reference("form", config, fitted, classes)) == 40
    said = packaging.held_out(case.folder, case.model.digest)
    assert said is not None
    parts = parts_before(*given, said, classes)
    window = reference("form", config, parts, classes)
    assert reference_of_estimates("form", config, parts, classes).names == COLUMNS, "a picture is no covariate"
    loss = window.values[:, window.names.index("loss")]
    assert np.isfinite(loss).mean() > 0.9
    assert np.nanmean(loss) < 0.3
    assert beats, "the lease is kept meanwhile"


@pytest.mark.slow
def test_drift_of_a_gate_of_pictures_rests_on_their_statistics_and_on_what_it_said(case: Case) -> None:
    spine = case.spine
    spine.plant = spine.plant.model_copy(
        update={"drift": spine.plant.drift.model_copy(update={"reference_rows": 30, "window_rows": 20})}
    )

    class Models:
        def for_gates(self, gates: list[str]) -> dict[str, InForce]:
            return dict.fromkeys(gates, spine.used)

    windows = StepWindows(spine.store, spine.plant, Models())  # type: ignore[arg-type]
    pair = windows.pair("form", None, after(300))
    features = ("prediction", *(f"embedding_{i}" for i in range(1, 9)), "embedding_distance")
    assert pair.current.names[-10:] == features
    assert {"photo_mean", "photo_std", "photo_gradient"} <= set(pair.current.names)
    assert pair.current.partial == set(features)
    assert pair.reference is not None
    assert np.isfinite(pair.reference.window.values[:, -10:]).all()


@pytest.mark.slow
def test_the_pictures_of_a_part_are_shown_with_where_they_look_bad(case: Case) -> None:
    spine = case.spine
    for serial, kind in (("GOOD", "good"), ("BAD", "bad")):
        add(spine, serial, after(300), png(texture(kind, 500)))
    spine.run(spine.pull("parts"), after(310))
    cache = Cache(lambda name, digest: case.model)
    found = {
        serial: dict(pictures_of_part(spine.store, lambda digest: spine.plant, cache, serial))  # type: ignore[arg-type]
        for serial in ("GOOD", "BAD", "P07", "P03")
    }
    assert found["P07"] == {}, "it was not seen"
    assert list(found["P03"]) == ["form-1-photo.png"], "no gate decided on it"
    assert list(found["BAD"]) == ["form-1-photo.png", "form-1-photo-map-form-1.png"]
    assert restore(found["BAD"]["form-1-photo.png"]).tolist() == texture("bad", 500).tolist()
    good, bad = (np.ptp(restore(found[part]["form-1-photo-map-form-1.png"]), axis=2).mean() for part in ("GOOD", "BAD"))
    assert bad > 5 * good, "it is painted where it is unlike good ones"
