"""The tables that a model was trained on: from the plant file and the rows' sources to the run of the registry."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from databricks_kit.workspace import running
from plant_kit import ready_to_train
from spine_kit import Spine, after

from inference import packaging
from inference.models.kind import TrainingData, TrainingSettings
from inference.training import train
from monitor.gate_models.lineage import shown, trained_on
from monitor.gate_models.registry import put_in_force, train_version
from monitor.gate_models.training_child import TrainedPackage, Trainer
from monitor.gate_models.training_set import TrainingSet, training_set
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.plant.running import MlflowConfig
from monitor.runtime.app import make_registry

PARTS = 60


@pytest.fixture
def filled(spine: Spine) -> Spine:
    for n in range(PARTS):
        spine.part(f"P{n:03d}", after(n), a=float(n % 7))
    spine.rows("OUTCOMES", *((f"P{n:03d}", 30.0 + n % 7, after(90 + n)) for n in range(PARTS)))
    for source in ("parts", "outcomes"):
        spine.run(spine.pull(source), after(200))
    return spine


def data_of(spine: Spine) -> TrainingSet:
    with spine.store.read() as connection:
        return training_set(connection, spine.plant.gates["form"], spine.plant.max_ages(), after(200))


def with_source(plant: Plant, name: str, **changes: Any) -> Plant:
    changed = plant.sources[name].model_copy(update=changes)
    return plant.model_copy(update={"sources": {**plant.sources, name: changed}})


def test_each_source_has_its_columns_and_the_span_of_its_rows(filled: Spine) -> None:
    gate, data = filled.plant.gates["form"], data_of(filled)
    found = trained_on(filled.plant, gate, data, "digest")
    assert (found.digest, found.rows, [t.name for t in found.tables]) == ("digest", PARTS, ["parts", "outcomes"])
    parts, outcomes = found.tables
    assert (parts.form, parts.table) == ("sql", "PARTS")
    assert parts.columns == dict.fromkeys(gate.inputs(), "double")
    assert (parts.first, parts.last) == (after(0), after(PARTS - 1))
    assert outcomes.columns == {gate.characteristic: "double"}
    assert (outcomes.first, outcomes.last) == (min(data.available_at), max(data.available_at))
    assert trained_on(filled.plant, gate, data.at([]), "digest").tables == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"url": "delta+uc://", "table": "main.mes.steps"}, ("delta", "delta+uc://", "main.mes.steps"), id="catalog"
        ),
        pytest.param(
            {"url": "delta:///lake", "table": "bronze/steps"}, ("delta", "/lake/bronze/steps", ""), id="delta"
        ),
        pytest.param({"url": "delta+s3://b/lake", "table": "steps"}, ("delta", "s3://b/lake/steps", ""), id="on S3"),
        pytest.param({"url": "csv:///drop", "table": "s_*.csv"}, ("folder", "file:///drop", ""), id="files"),
        pytest.param(
            {"url": "postgresql://mes:se/cr@et@db/lab?password=x", "table_schema": "prod"},
            ("sql", "postgresql://db/lab", ""),
            id="a database with a password",
        ),
    ],
)
def test_an_address_is_told_without_its_secrets_and_a_table_of_the_catalog_by_its_name(
    filled: Spine, changes: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    plant = with_source(filled.plant, "parts", **changes)
    table = trained_on(plant, plant.gates["form"], data_of(filled), "d").tables[0]
    assert (table.form, table.place, table.catalog_name) == expected
    assert ("prod.PARTS" in table.table) is ("table_schema" in changes)


def test_categories_and_pictures_have_types_of_their_own(filled: Spine) -> None:
    gate, data = filled.plant.gates["form"], data_of(filled)
    name = gate.inputs()[0]
    coded = data.at(range(len(data)))
    object.__setattr__(coded, "categories", {name: ("x",)})
    columns = trained_on(filled.plant, gate, coded, "d").tables[0].columns
    assert (columns[name], columns[gate.inputs()[1]]) == ("string", "double")


def test_a_source_that_the_plant_file_no_longer_has_keeps_its_name(filled: Spine) -> None:
    sources = {name: source for name, source in filled.plant.sources.items() if name != "parts"}
    plant = filled.plant.model_copy(update={"sources": sources})
    table = trained_on(plant, plant.gates["form"], data_of(filled), "d").tables[0]
    assert (table.name, table.table, table.place) == ("parts", "", "")


def test_an_address_of_a_file_is_whole() -> None:
    assert shown("sqlite:////plants/mes.db?timeout=5") == "sqlite:////plants/mes.db"


@pytest.fixture(params=["sqlite", "databricks"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowConfig | None]:
    """Where runs and versions go: None for the plant's own database, else a workspace, which is a stub."""
    if request.param == "sqlite":
        yield None
        return
    with running(monkeypatch):
        yield MlflowConfig(tracking_uri="databricks", experiment="/Shared/gatewatch")


@pytest.mark.slow
def test_a_training_is_in_force_by_its_alias_and_leaves_its_tables_in_the_run(
    filled: Spine, place: MlflowConfig | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    plant = filled.plant
    if place is None:
        ready_to_train(tmp_path / "plant.yaml")
    else:
        gate = plant.gates["form"].model_copy(update={"model": "main.plant.form"})
        place = place.model_copy(update={"cache": str(tmp_path / "cache")})
        plant = plant.model_copy(update={"mlflow": place, "gates": {"form": gate}})
    registry = make_registry(plant)
    trainer = Trainer(registry, keep_alive=False, kinds=["shape"])

    def in_this_process(name: str, gate: GateConfig, data: TrainingSet, beat: Callable[[], None]) -> TrainedPackage:
        settings = TrainingSettings(gate.inputs(), 4, gate.coverage, 1, 1)
        trained = train(TrainingData(data.rows, data.target, list(data.serials)), settings, "forecast")
        digest = packaging.save(trained, tmp_path / "package")
        registry.put_in_cache(tmp_path / "package", gate.model, digest)
        return TrainedPackage(digest, trained.data_digest, {"r2": 0.5})

    monkeypatch.setattr(trainer, "train", in_this_process)
    version = train_version(filled.store, plant, trainer, "form", after(200), after(200), None)
    assert put_in_force(filled.store, registry, None, "form", version, 0, after(201))
    (registered,) = registry.versions(version.model)
    assert (registered.aliases, registered.status, registered.digest) == (("champion",), "approved", version.digest)
    assert registry.load(version.model, version.digest).digest == version.digest
    client = mlflow.MlflowClient(tracking_uri=plant.mlflow.tracking_uri, registry_uri=plant.mlflow.registry)
    run = client.get_run(client.get_model_version(version.model, version.version).run_id)
    found = {one.dataset.name: one.dataset for one in run.inputs.dataset_inputs}
    assert sorted(found) == ["outcomes", "parts"]
    told = json.loads(found["parts"].profile)
    assert (told["num_rows"], told["table"], told["data_digest"]) == (PARTS, "PARTS", version.data_digest)
    assert told["first"] == after(0).isoformat()
    assert found["parts"].digest == version.data_digest[:36]
