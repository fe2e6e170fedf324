"""The registry, and what stays possible when MLflow is down or damaged.

What has `registry` runs on a real MLflow with a SQLite file, and with MLflow's client on a stub of a Databricks
workspace (`databricks_kit`): versions in its Unity Catalog, runs in the file or in the workspace too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from databricks_kit.workspace import Workspace, running
from fork_kit import start_program

from inference import packaging
from inference.registry import Registry
from inference.tracking.datasets import DataTable, TrainedOn
from inference.training import TrainedModel
from monitor.errors import ModelError, ModelReason

Package = tuple[Path, str]

MINUTES = 60.0
"""Seconds. Left to itself MLflow tries for longer: a server eight times with growing pauses, a database for 90 s."""


@dataclass(frozen=True)
class Place:
    """A fresh MLflow in a folder of its own; with a workspace, versions are in its Unity Catalog."""

    folder: Path
    workspace: Workspace | None = None
    runs_there: bool = False

    @property
    def uri(self) -> str:
        return "databricks" if self.runs_there else f"sqlite:///{self.folder}/sub/mlflow.db"

    @property
    def registry_uri(self) -> str:
        return "databricks-uc" if self.workspace else self.uri

    def registry(self, cache: Path, uri: str | None = None) -> Registry:
        """One at the place, or with another address for everything."""
        registry_uri = None if uri else self.registry_uri
        return Registry(uri or self.uri, self.folder / "artifacts", "/Shared/gatewatch", cache, registry_uri)

    def named(self, model: str) -> str:
        return f"main.plant.{model}" if self.workspace else model

    def tag(self, name: str) -> str:
        """A version's tag as it is kept."""
        return name.replace(".", "_") if self.workspace else name

    def tamper(self, old: bytes, new: bytes) -> int:
        """Change what the registry keeps of manifests; returns how many have changed."""
        changed = 0
        if self.workspace:
            for path, content in self.workspace.files.content.items():
                if path.startswith("/Models") and path.endswith(packaging.MANIFEST) and old in content:
                    self.workspace.files.content[path], changed = content.replace(old, new), changed + 1
        for manifest in (self.folder / "artifacts").rglob(packaging.MANIFEST):
            if old in manifest.read_bytes():
                manifest.write_bytes(manifest.read_bytes().replace(old, new))
                changed += 1
        return changed


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with pytest.MonkeyPatch.context() as environment, running(environment) as workspace:
        yield workspace


@pytest.fixture(scope="module", params=["sqlite", pytest.param("runs in sqlite", marks=pytest.mark.soak), "databricks"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, workspace: Workspace) -> Place:
    folder = tmp_path_factory.mktemp("mlflow")
    if request.param == "sqlite":
        return Place(folder)
    workspace.forget()
    return Place(folder, workspace, request.param == "databricks")


@pytest.fixture(scope="module")
def registry(place: Place) -> Registry:
    return place.registry(place.folder / "cache")


def packaged(trained: TrainedModel, folder: Path, mark: str) -> str:
    """Another package of the same network: its data digest, and so its own digest, differs."""
    return packaging.save(replace(trained, data_digest=mark), folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_versions_are_registered_once_each_and_listed_oldest_first(
    registry: Registry, place: Place, trained: TrainedModel, tmp_path: Path
) -> None:
    name, marks = place.named("listed"), ("one", "two", "three")
    digests = [packaged(trained, tmp_path / mark, mark) for mark in marks]
    found = [registry.register(name, tmp_path / m, {"r2": 0.5}, {"seed": 1}, {"gate": "g"}) for m in marks]
    again = registry.register(name, tmp_path / "one", {}, {}, {})
    assert (found, again) == (["1", "2", "3"], "1")
    versions = registry.versions(name)
    assert [(v.version, v.digest, v.status, v.aliases) for v in versions] == [
        (version, digest, "pending", ()) for version, digest in zip(found, digests, strict=True)
    ]
    assert versions[0].created_at <= versions[1].created_at


@pytest.mark.slow
def test_a_model_that_was_never_registered_has_no_versions(registry: Registry, place: Place) -> None:
    assert registry.versions(place.named("nobody")) == ()


@pytest.mark.slow
def test_a_run_keeps_the_metrics_parameters_and_tags(registry: Registry, place: Place, package: Package) -> None:
    from mlflow import MlflowClient

    name = place.named("tracked")
    version = registry.register(name, package[0], {"r2": 0.75}, {"epochs": 60}, {"gate": "forging"})
    client = MlflowClient(tracking_uri=place.uri, registry_uri=place.registry_uri)
    entry = client.get_model_version(name, version)
    run = client.get_run(entry.run_id)
    assert (run.data.metrics, run.data.params, run.info.status) == ({"r2": 0.75}, {"epochs": "60"}, "FINISHED")
    assert run.data.tags["gate"] == entry.tags["gate"] == "forging"
    assert entry.tags[place.tag("gatewatch.digest")] == package[1]


@pytest.mark.slow
def test_a_comparison_is_recorded_on_version_and_run_and_ends_the_challenge(
    registry: Registry, place: Place, package: Package
) -> None:
    from mlflow import MlflowClient

    name = place.named("compared")
    version = registry.register(name, package[0], {}, {}, {})
    registry.set_challenger(name, version)
    assert registry.versions(name)[0].aliases == ("challenger",)
    for _ in range(2):
        registry.record_comparison(name, version, False, {"gain": -1.0}, {"cause": "drift"})
    (found,) = registry.versions(name)
    assert (found.status, found.aliases) == ("rejected", ())
    client = MlflowClient(tracking_uri=place.uri, registry_uri=place.registry_uri)
    entry = client.get_model_version(name, version)
    run = client.get_run(entry.run_id)
    assert entry.tags["cause"] == run.data.tags["cause"] == "drift"
    assert run.data.metrics == {"gain": -1.0}


@pytest.mark.slow
def test_the_champion_alias_moves_and_previous_follows_it(
    registry: Registry, place: Place, trained: TrainedModel, tmp_path: Path
) -> None:
    name = place.named("aliased")
    for mark in ("a", "b"):
        packaged(trained, tmp_path / mark, f"alias {mark}")
        registry.register(name, tmp_path / mark, {}, {}, {})

    def aliases() -> list[tuple[tuple[str, ...], str]]:
        return [(v.aliases, v.status) for v in registry.versions(name)]

    registry.set_champion(name, "1")
    assert aliases() == [(("champion",), "approved"), ((), "pending")]
    registry.set_champion(name, "2")
    registry.set_champion(name, "2")
    assert aliases() == [(("previous",), "approved"), (("champion",), "approved")]
    registry.set_champion(name, "1")
    assert aliases() == [(("champion",), "approved"), (("previous",), "approved")]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda r, name: r.set_champion(name, "1"), id="an alias on a model nobody registered"),
        pytest.param(lambda r, name: r.fetch(name, "1", "0" * 64), id="a model nobody registered"),
    ],
)
def test_what_mlflow_does_not_know_is_not_found(
    registry: Registry, place: Place, call: Callable[[Registry, str], object]
) -> None:
    with pytest.raises(ModelError, match=r"not found|does not exist") as caught:
        call(registry, place.named("nobody"))
    assert caught.value.reason is ModelReason.NOT_FOUND


@pytest.mark.slow
def test_a_version_is_fetched_verified_and_found_in_the_cache_when_mlflow_is_down(
    registry: Registry, place: Place, package: Package, tmp_path: Path
) -> None:
    name = place.named("fetched")
    version = registry.register(name, package[0], {}, {}, {})
    folder = place.registry(tmp_path).fetch(name, version, package[1])
    assert folder == tmp_path / name / package[1]
    assert packaging.load(folder, package[1]).digest == package[1]
    down = place.registry(tmp_path, f"http://127.0.0.1:{free_port()}")
    assert down.fetch(name, version, package[1]) == folder


@pytest.mark.slow
def test_a_damaged_copy_in_the_cache_is_fetched_again(
    registry: Registry, place: Place, package: Package, tmp_path: Path
) -> None:
    name = place.named("mended")
    version = registry.register(name, package[0], {}, {}, {})
    fresh = place.registry(tmp_path)
    folder = fresh.fetch(name, version, package[1])
    (folder / packaging.WEIGHTS).write_bytes(b"damaged")
    assert packaging.load(fresh.fetch(name, version, package[1])).digest == package[1]


@pytest.mark.slow
def test_a_package_changed_in_mlflow_never_reaches_the_cache(
    registry: Registry, place: Place, trained: TrainedModel, tmp_path: Path
) -> None:
    name = place.named("tampered")
    digest = packaged(trained, tmp_path / "p", "tampered")
    version = registry.register(name, tmp_path / "p", {}, {}, {})
    assert place.tamper(b"tampered", b"Tampered") > 0
    fresh = place.registry(tmp_path / "cache")
    with pytest.raises(ModelError, match="it was changed or is another version") as caught:
        fresh.fetch(name, version, digest)
    assert caught.value.reason is ModelReason.MISMATCH
    assert not fresh.cache_path(name, digest).exists()


def test_a_fresh_package_is_in_the_cache_without_mlflow(package: Package, tmp_path: Path) -> None:
    down = Registry(f"http://127.0.0.1:{free_port()}", None, "gatewatch", tmp_path)
    folder = down.put_in_cache(package[0], "blade", package[1])
    assert folder == down.cache_path("blade", package[1]) == down.fetch("blade", "1", package[1])
    assert packaging.load(folder, package[1]).digest == package[1]


def test_a_package_of_another_digest_is_not_cached(package: Package, tmp_path: Path) -> None:
    cache = Registry("sqlite://", None, "gatewatch", tmp_path)
    with pytest.raises(ModelError, match="expected 000000000000"):
        cache.put_in_cache(package[0], "blade", "0" * 64)
    assert not cache.cache_path("blade", "0" * 64).exists()


def test_a_damaged_package_is_not_registered(
    registry: Registry, place: Place, package: Package, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(package[0], tmp_path / "p"))
    (folder / packaging.WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(ModelError, match="corrupt"):
        registry.register(place.named("damaged"), folder, {}, {}, {})
    assert registry.versions(place.named("damaged")) == ()


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda r, p: r.register("blade", p, {}, {}, {}), id="register"),
        pytest.param(lambda r, _: r.fetch("blade", "1", "0" * 64), id="fetch what is not cached"),
        pytest.param(lambda r, _: r.set_champion("blade", "1"), id="set the champion"),
        pytest.param(lambda r, _: r.versions("blade"), id="list"),
    ],
)
def test_a_server_that_is_down_is_one_sentence_and_no_matter_of_minutes(
    call: Callable[[Registry, Path], object], package: Package, tmp_path: Path
) -> None:
    started = time.monotonic()
    down = Registry(f"http://somebody:hidden-word@127.0.0.1:{free_port()}", None, "gatewatch", tmp_path)
    with pytest.raises(ModelError, match="MLflow could not") as caught:
        call(down, package[0])
    assert time.monotonic() - started < MINUTES
    assert caught.value.reason is ModelReason.UNREACHABLE
    assert "hidden-word" not in str(caught.value)
    assert "\n" not in str(caught.value)


def not_a_database(folder: Path) -> str:
    (folder / "mlflow.db").write_bytes(b"no database" * 500)
    return f"sqlite:///{folder}/mlflow.db"


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param(not_a_database, id="a file that is no database"),
        pytest.param(lambda f: f"sqlite:///{f}", id="a folder"),
        pytest.param(lambda f: f"sqlite:///{not_a_database(f)[10:]}/deeper/mlflow.db", id="a path through a file"),
        pytest.param(lambda _: f"postgresql+psycopg://u:p@127.0.0.1:{free_port()}/m", id="a PostgreSQL that is down"),
        pytest.param(lambda _: "nonsense", id="no URI at all"),
    ],
)
def test_a_database_that_cannot_be_opened_is_one_sentence_at_once(uri: Callable[[Path], str], tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ModelError, match="MLflow could not list the versions of 'blade'") as caught:
        Registry(uri(tmp_path), None, "gatewatch", tmp_path / "cache").versions("blade")
    assert time.monotonic() - started < MINUTES
    assert "\n" not in str(caught.value)


@pytest.mark.process
def test_two_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    def ask() -> None:
        print(Registry(f"sqlite:///{tmp_path}/mlflow.db", None, "e", tmp_path).versions("blade"))

    import mlflow  # noqa: F401 - once for both

    both = [start_program(ask) for _ in range(2)]
    assert [(said.code, said.out) for said in (one.end() for one in both)] == [(0, "()\n")] * 2


def test_mlflow_runs_under_our_settings(registry: Registry, place: Place) -> None:
    registry.versions(place.named("nobody"))
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert int(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"]) <= 5


@pytest.mark.process
def test_importing_the_registry_does_not_import_mlflow_or_torch() -> None:
    code = "import sys, inference.registry; print(sorted({'torch', 'mlflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_no_other_module_of_the_product_imports_mlflow() -> None:
    root = Path(packaging.__file__).parent
    found = [p.name for p in root.rglob("*.py") if re.search(r"(import|from) mlflow\b", p.read_text())]
    assert found == ["opening.py"]


DAY = datetime(2026, 3, 1, tzinfo=UTC)
TRAINED_ON = TrainedOn(
    "d" * 64,
    400,
    (
        DataTable("parts", "delta", "delta+uc://", "main.mes.steps", {"force": "double"}, DAY, DAY, "main.mes.steps"),
        DataTable("lab", "sql", "postgresql://mes/lab", "results", {"gap": "double"}, DAY, DAY + timedelta(days=2)),
        DataTable("old", "delta", "/lake/old", "old", {"lot": "string"}, DAY, DAY),
        DataTable("files", "folder", "file:///drop", "steps_*.csv", {"force": "double"}, DAY, DAY),
    ),
)


@pytest.mark.slow
def test_a_run_says_which_tables_its_model_was_trained_on(
    registry: Registry, place: Place, trained: TrainedModel, tmp_path: Path
) -> None:
    import mlflow

    name = place.named("descended")
    packaged(trained, tmp_path / "p", "lineage")
    version = registry.register(name, tmp_path / "p", {}, {}, {}, TRAINED_ON)
    client = mlflow.MlflowClient(tracking_uri=place.uri, registry_uri=place.registry_uri)
    run = client.get_run(client.get_model_version(name, version).run_id)
    found = {one.dataset.name: one for one in run.inputs.dataset_inputs}
    assert sorted(found) == ["files", "lab", "old", "parts"]
    assert {(tag.key, tag.value) for one in found.values() for tag in one.tags} == {("mlflow.data.context", "training")}
    assert {one.dataset.digest for one in found.values()} == {"d" * 36}
    lab = found["lab"].dataset
    assert json.loads(lab.profile) == {
        "num_rows": 400, "first": "2026-03-01T00:00:00+00:00", "last": "2026-03-03T00:00:00+00:00",
        "data_digest": "d" * 64, "table": "results",
    }  # fmt: skip
    assert json.loads(lab.schema) == {"mlflow_colspec": [{"type": "double", "name": "gap", "required": True}]}
    assert (lab.source_type, json.loads(lab.source)) == (
        "sql_table", {"url": "postgresql://mes/lab", "table": "results"}
    )  # fmt: skip
    assert mlflow.data.get_source(found["parts"]).delta_table_name == "main.mes.steps"
    assert mlflow.data.get_source(found["old"]).path == "/lake/old"
    assert json.loads(found["files"].dataset.source) == {"uri": "file:///drop/steps_*.csv"}
    assert mlflow.data.get_source(found["files"]).uri == "file:///drop/steps_*.csv"
