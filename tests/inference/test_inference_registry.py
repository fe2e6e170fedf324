"""The registry on a real MLflow with a SQLite file, and what stays possible when MLflow is down or damaged."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fork_kit import start_program

from inference import packaging
from inference.registry import Registry
from inference.training import TrainedModel
from monitor.errors import ModelError, ModelReason

Package = tuple[Path, str]

MINUTES = 60.0
"""Seconds. Left to itself MLflow tries for longer: a server eight times with growing pauses, a database for 90 s."""


@dataclass(frozen=True)
class Place:
    """A fresh MLflow in a folder of its own."""

    folder: Path

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder}/sub/mlflow.db"

    def registry(self, cache: Path, uri: str | None = None) -> Registry:
        return Registry(uri or self.uri, self.folder / "artifacts", "gatewatch", cache)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("mlflow"))


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


def test_versions_are_registered_once_each_and_listed_oldest_first(
    registry: Registry, trained: TrainedModel, tmp_path: Path
) -> None:
    digests = [packaged(trained, tmp_path / mark, mark) for mark in ("one", "two")]
    found = [registry.register("listed", tmp_path / m, {"r2": 0.5}, {"seed": 1}, {"gate": "g"}) for m in ("one", "two")]
    again = registry.register("listed", tmp_path / "one", {}, {}, {})
    assert (found, again) == (["1", "2"], "1")
    versions = registry.versions("listed")
    assert [(v.version, v.digest, v.status, v.aliases) for v in versions] == [
        ("1", digests[0], "pending", ()),
        ("2", digests[1], "pending", ()),
    ]
    assert versions[0].created_at <= versions[1].created_at


def test_a_model_that_was_never_registered_has_no_versions(registry: Registry) -> None:
    assert registry.versions("nobody") == ()


def test_a_run_keeps_the_metrics_parameters_and_tags(registry: Registry, place: Place, package: Package) -> None:
    from mlflow import MlflowClient

    version = registry.register("tracked", package[0], {"r2": 0.75}, {"epochs": 60}, {"gate": "forging"})
    client = MlflowClient(tracking_uri=place.uri, registry_uri=place.uri)
    entry = client.get_model_version("tracked", version)
    run = client.get_run(entry.run_id)
    assert (run.data.metrics, run.data.params, run.info.status) == ({"r2": 0.75}, {"epochs": "60"}, "FINISHED")
    assert run.data.tags["gate"] == entry.tags["gate"] == "forging"


def test_the_champion_alias_moves_and_previous_follows_it(
    registry: Registry, trained: TrainedModel, tmp_path: Path
) -> None:
    for mark in ("a", "b"):
        packaged(trained, tmp_path / mark, f"alias {mark}")
        registry.register("aliased", tmp_path / mark, {}, {}, {})

    def aliases() -> list[tuple[tuple[str, ...], str]]:
        return [(v.aliases, v.status) for v in registry.versions("aliased")]

    registry.set_champion("aliased", "1")
    assert aliases() == [(("champion",), "approved"), ((), "pending")]
    registry.set_champion("aliased", "2")
    registry.set_champion("aliased", "2")
    assert aliases() == [(("previous",), "approved"), (("champion",), "approved")]
    registry.set_champion("aliased", "1")
    assert aliases() == [(("champion",), "approved"), (("previous",), "approved")]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda r: r.set_champion("nobody", "1"), id="an alias on a model nobody registered"),
        pytest.param(lambda r: r.fetch("nobody", "1", "0" * 64), id="a model nobody registered"),
    ],
)
def test_what_mlflow_does_not_know_is_not_found(registry: Registry, call: Callable[[Registry], object]) -> None:
    with pytest.raises(ModelError, match="not found") as caught:
        call(registry)
    assert caught.value.reason is ModelReason.NOT_FOUND


def test_a_version_is_fetched_verified_and_found_in_the_cache_when_mlflow_is_down(
    registry: Registry, place: Place, package: Package, tmp_path: Path
) -> None:
    version = registry.register("fetched", package[0], {}, {}, {})
    folder = place.registry(tmp_path).fetch("fetched", version, package[1])
    assert folder == tmp_path / "fetched" / package[1]
    assert packaging.load(folder, package[1]).digest == package[1]
    down = place.registry(tmp_path, f"http://127.0.0.1:{free_port()}")
    assert down.fetch("fetched", version, package[1]) == folder


def test_a_damaged_copy_in_the_cache_is_fetched_again(
    registry: Registry, place: Place, package: Package, tmp_path: Path
) -> None:
    version = registry.register("mended", package[0], {}, {}, {})
    fresh = place.registry(tmp_path)
    folder = fresh.fetch("mended", version, package[1])
    (folder / packaging.WEIGHTS).write_bytes(b"damaged")
    assert packaging.load(fresh.fetch("mended", version, package[1])).digest == package[1]


def test_a_package_changed_in_mlflow_never_reaches_the_cache(
    registry: Registry, place: Place, trained: TrainedModel, tmp_path: Path
) -> None:
    digest = packaged(trained, tmp_path / "p", "tampered")
    version = registry.register("tampered", tmp_path / "p", {}, {}, {})
    for manifest in (place.folder / "artifacts").rglob(packaging.MANIFEST):
        if manifest.read_bytes() == (tmp_path / "p" / packaging.MANIFEST).read_bytes():
            manifest.write_bytes(manifest.read_bytes().replace(b"tampered", b"Tampered"))
    fresh = place.registry(tmp_path / "cache")
    with pytest.raises(ModelError, match="it was changed or is another version") as caught:
        fresh.fetch("tampered", version, digest)
    assert caught.value.reason is ModelReason.MISMATCH
    assert not fresh.cache_path("tampered", digest).exists()


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


def test_a_damaged_package_is_not_registered(registry: Registry, package: Package, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(package[0], tmp_path / "p"))
    (folder / packaging.WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(ModelError, match="corrupt"):
        registry.register("damaged", folder, {}, {}, {})
    assert registry.versions("damaged") == ()


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


def test_mlflow_runs_under_our_settings(registry: Registry) -> None:
    registry.versions("nobody")
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert int(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"]) <= 5


@pytest.mark.process
def test_importing_the_registry_does_not_import_mlflow_or_torch() -> None:
    code = "import sys, inference.registry; print(sorted({'torch', 'mlflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_no_other_module_of_the_product_imports_mlflow() -> None:
    root = Path(packaging.__file__).parent
    found = [p.name for p in root.rglob("*.py") if "import mlflow" in p.read_text() or "from mlflow" in p.read_text()]
    assert found == ["opening.py"]
