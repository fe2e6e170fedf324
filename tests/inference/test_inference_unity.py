"""What only a registry in Unity Catalog does: refusals, interrupted uploads, names, tags; on a stub of a workspace."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from databricks_kit.workspace import Workspace, running

from inference import packaging
from inference.registry import Registry
from inference.tracking.addresses import lacking, misnamed, registry_of, tag_name
from inference.training import TrainedModel
from monitor.errors import ModelError, ModelReason

Package = tuple[Path, str]
NAME = "main.plant.blade"
MINUTES = 60.0


@pytest.fixture(scope="module")
def served() -> Iterator[Workspace]:
    with pytest.MonkeyPatch.context() as environment, running(environment) as workspace:
        yield workspace


@pytest.fixture
def workspace(served: Workspace) -> Workspace:
    served.forget()
    return served


@pytest.fixture
def registry(workspace: Workspace, tmp_path: Path) -> Registry:
    return Registry("databricks", None, "/Shared/gatewatch", tmp_path / "cache")


@pytest.mark.slow
def test_an_interrupted_upload_is_no_version_and_is_made_anew(
    registry: Registry, workspace: Workspace, package: Package
) -> None:
    with workspace.refusing("model-versions/finalize", 400, "INVALID_STATE"), pytest.raises(ModelError):
        registry.register(NAME, package[0], {}, {}, {})
    assert registry.versions(NAME) == ()
    assert registry.register(NAME, package[0], {}, {}, {}) == "2"
    assert [(v.version, v.digest) for v in registry.versions(NAME)] == [("2", package[1])]
    assert registry.register(NAME, package[0], {}, {}, {}) == "2"
    with pytest.raises(ModelError) as caught:
        registry.fetch(NAME, "1", package[1])
    assert caught.value.reason is ModelReason.NOT_FOUND


@pytest.mark.slow
def test_an_unfinished_version_of_another_package_is_left_alone(
    registry: Registry, workspace: Workspace, trained: TrainedModel, package: Package, tmp_path: Path
) -> None:
    packaging.save(replace(trained, data_digest="another"), tmp_path / "other")
    with workspace.refusing("model-versions/finalize", 400, "INVALID_STATE"), pytest.raises(ModelError):
        registry.register(NAME, tmp_path / "other", {}, {}, {})
    assert registry.register(NAME, package[0], {}, {}, {}) == "2"
    assert workspace.models.versions[NAME]["1"].version == "1"


@pytest.mark.parametrize(
    ("end", "status", "code", "reason"),
    [
        pytest.param("registered-models/get", 403, "PERMISSION_DENIED", ModelReason.REFUSED, id="may not see it"),
        pytest.param("model-versions/create", 403, "PERMISSION_DENIED", ModelReason.REFUSED, id="may not create one"),
        pytest.param("runs/create", 403, "PERMISSION_DENIED", ModelReason.REFUSED, id="may not log runs"),
        pytest.param("registered-models/search", 401, "UNAUTHENTICATED", ModelReason.REFUSED, id="expired token"),
        pytest.param("/1/MLmodel", 403, "PERMISSION_DENIED", ModelReason.REFUSED, id="may not write the files"),
        pytest.param("model-versions/create", 404, "CATALOG_DOES_NOT_EXIST", ModelReason.NOT_FOUND, id="no catalog"),
        pytest.param("model-versions/create", 400, "INVALID_PARAMETER_VALUE", ModelReason.MISMATCH, id="not accepted"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_a_refusal_has_its_reason(
    registry: Registry, workspace: Workspace, package: Package, end: str, status: int, code: str, reason: ModelReason
) -> None:
    with workspace.refusing(end, status, code), pytest.raises(ModelError, match="MLflow could not register") as caught:
        registry.register(NAME, package[0], {}, {}, {})
    assert caught.value.reason is reason
    assert "\n" not in str(caught.value)
    assert ("check the credentials" in str(caught.value)) is (reason is ModelReason.REFUSED)


def test_a_schema_that_does_not_exist_is_not_found(registry: Registry, package: Package) -> None:
    with pytest.raises(ModelError, match=r"Schema 'main\.other' does not exist") as caught:
        registry.register("main.other.blade", package[0], {}, {}, {})
    assert caught.value.reason is ModelReason.NOT_FOUND


def test_a_package_of_before_without_a_signature_is_refused_in_one_sentence(
    registry: Registry, package: Package, tmp_path: Path
) -> None:
    from test_inference_mlmodel import without_signature

    packaging.copy(package[0], tmp_path / "old", package[1])
    without_signature(tmp_path / "old")
    with pytest.raises(ModelError, match="no signature") as caught:
        registry.register(NAME, tmp_path / "old", {}, {}, {})
    assert caught.value.reason is ModelReason.MISMATCH


def nowhere(environment: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        environment.setenv("DATABRICKS_HOST", f"http://127.0.0.1:{probe.getsockname()[1]}")


def without_credentials(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("DATABRICKS_HOST")
    environment.delenv("DATABRICKS_TOKEN")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(nowhere, ModelReason.UNREACHABLE, id="a workspace that is down"),
        pytest.param(without_credentials, ModelReason.REFUSED, id="no credentials"),
        pytest.param(lambda e: e.setenv("DATABRICKS_TOKEN", "wrong"), ModelReason.REFUSED, id="a wrong token"),
    ],
)
def test_a_workspace_that_cannot_be_used_is_one_sentence_and_no_matter_of_minutes(
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pytest.MonkeyPatch], None],
    reason: ModelReason,
) -> None:
    from mlflow.utils import rest_utils

    change(monkeypatch)
    rest_utils.get_workspace_client.cache_clear()
    started = time.monotonic()
    with pytest.raises(ModelError, match="MLflow could not list the versions") as caught:
        registry.versions(NAME)
    rest_utils.get_workspace_client.cache_clear()
    assert time.monotonic() - started < MINUTES
    assert caught.value.reason is reason, str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_fetching_leaves_nothing_in_the_working_folder(
    registry: Registry, package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = registry.register(NAME, package[0], {}, {}, {})
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    fresh = Registry(f"sqlite:///{tmp_path}/runs.db", None, "e", tmp_path / "fresh", "databricks-uc")
    assert packaging.load(fresh.fetch(NAME, version, package[1])).digest == package[1]
    assert list(Path.cwd().iterdir()) == []
    assert "MLFLOW_TRACKING_URI" not in os.environ


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("uc:http://127.0.0.1:8080", "open-source Unity Catalog server has no aliases and no tags of versions"),
        ("databricks", "old model registry of a Databricks workspace has no aliases"),
    ],
)
def test_a_registry_without_aliases_is_refused_in_one_sentence(uri: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        Registry(f"sqlite:///{tmp_path}/m.db", None, "e", tmp_path, uri).versions(NAME)
    assert caught.value.reason is ModelReason.MISMATCH
    assert "expected databricks-uc" in str(caught.value)
    assert lacking("databricks-uc") is None


@pytest.mark.parametrize("name", ["blade", "plant.blade", "a.b.c.d", "a..c", ".b.c", "a.b c.d"])
def test_a_name_in_unity_catalog_has_three_levels(name: str) -> None:
    assert "catalog.schema.model" in (misnamed(name, "databricks-uc://profile") or "")
    assert misnamed(name, "sqlite:///m.db") is None
    assert misnamed(NAME, "databricks-uc") is None


def test_versions_are_in_the_unity_catalog_of_the_workspace_that_has_the_runs() -> None:
    assert registry_of("databricks", None) == "databricks-uc"
    assert registry_of("databricks", "https://mlflow") == "https://mlflow"
    assert tag_name("a.b,c-d=e/f:g h", "databricks-uc") == "a_b_c_d_e_f_g_h"
    assert tag_name("a.b", "sqlite:///m.db") == "a.b"
