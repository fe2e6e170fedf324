"""Adapter for MLflow as tracking server and model registry: a database, a server, or Databricks with Unity Catalog.

The store says which version is in force; MLflow keeps runs, packages and versions, and its alias `champion` mirrors
the store. Decisions need only the local cache, so MLflow may be down. mlflow takes seconds to import, so it is imported
by the first call that needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from inference import packaging
from inference.models.coded import takes_codes
from inference.tracking import addresses
from inference.tracking.datasets import TrainedOn, dataset_inputs
from inference.tracking.failures import as_model_errors
from inference.tracking.opening import download, mlflow_library, open_client
from inference.tracking.reaching import knock
from inference.tracking.versions import DIGEST_TAG, STATUS_TAG, RegisteredVersion, VersionList
from monitor.errors import ModelError, ModelReason
from monitor.model import Prediction
from monitor.ports import GateModel

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"
_PACKAGE = "package"


class Registry:
    """Runs, packages and versions in MLflow, with a local cache of verified packages.

    `tracking_uri` is a database URI, a server's URL or `databricks`; `registry_uri` where versions are registered, by
    default the same, in Databricks its Unity Catalog; `artifacts` the folder for packages where no server stores them
    (None: MLflow's default). Every failure is a ModelError: UNREACHABLE where a retry can help, REFUSED without the
    permission, NOT_FOUND, MISMATCH.
    """

    def __init__(
        self,
        tracking_uri: str,
        artifacts: str | Path | None,
        experiment: str,
        cache: str | Path,
        registry_uri: str | None = None,
    ) -> None:
        self._uri = tracking_uri
        self._registry_uri = addresses.registry_of(tracking_uri, registry_uri)
        self._artifacts = None if artifacts is None else Path(artifacts)
        self._experiment = experiment
        self._cache = Path(cache)
        self._opened: Any = None

    def connect(self) -> None:
        """Open MLflow now instead of at the first call; a new database gets its tables."""
        with self._mapping_errors("open the registry"):
            self._client()

    def register(
        self,
        model_name: str,
        package_folder: Path,
        metrics: Mapping[str, float],
        params: Mapping[str, object],
        tags: Mapping[str, str],
        data: TrainedOn | None = None,
    ) -> str:
        """Log a run with the package as its artifact and `data` as its inputs, and register it; returns the version.

        A package that is already registered keeps its version, so that repeating a registration after a crash creates
        no second one. `tags` are set on run and version; `validation_status` is `pending` unless given.
        """
        digest = self._registrable(package_folder)
        with self._mapping_errors(f"register a version of {model_name!r}"):
            client, versions = self._client(), self._version_list()
            if versions.model(model_name) is None:
                client.create_registered_model(model_name)
            elif (registered := versions.of_package(model_name, digest)) is not None:
                return registered
            run = client.create_run(self._experiment_id(), tags=dict(tags), run_name=f"{model_name} {digest[:12]}")
            self._log(run.info.run_id, package_folder, metrics, params, data)
            created = client.create_model_version(
                model_name,
                source=f"{run.info.artifact_uri}/{_PACKAGE}",
                run_id=run.info.run_id,
                tags=self._named({STATUS_TAG: "pending", **tags, DIGEST_TAG: digest}),
            )
            return str(created.version)

    def _registrable(self, package_folder: Path) -> str:
        """The digest of a package that the registry takes."""
        manifest = packaging.verify(package_folder)
        if addresses.in_unity_catalog(self._registry_uri) and not manifest.mlmodel_sha256:
            raise ModelError(
                f"model package {package_folder} has no signature, which Unity Catalog wants: it was made before there "
                "were any; train the model again",
                ModelReason.MISMATCH,
            )
        return packaging.digest_of(package_folder)

    def _log(
        self,
        run: str,
        package_folder: Path,
        metrics: Mapping[str, float],
        params: Mapping[str, object],
        data: TrainedOn | None,
    ) -> None:
        """Everything of a run, and its end."""
        client = self._client()
        client.log_batch(run, _metrics(metrics), _params(params))
        if data is not None and data.tables:
            client.log_inputs(run, dataset_inputs(data))
        client.log_artifacts(run, str(package_folder), _PACKAGE)
        client.set_terminated(run)

    def fetch(self, model_name: str, version: str, digest: str) -> Path:
        """The verified local folder of a version, downloaded from MLflow if the cache has no valid copy."""
        folder = self.cache_path(model_name, digest)
        if _is_valid(folder, digest):
            return folder
        with TemporaryDirectory() as drafts, self._mapping_errors(f"fetch version {version} of {model_name!r}"):
            source = self._source(model_name, version)
            path = download(source, drafts, self._uri, self._registry_uri)
            return self.put_in_cache(path, model_name, digest)

    def cache_path(self, model_name: str, digest: str) -> Path:
        """The path of a package in the cache; it may be missing or damaged, which `packaging.load` checks."""
        return self._cache / model_name / digest

    def load(self, model_name: str, digest: str) -> GateModel:
        """A verified model from the local cache; never calls MLflow."""
        folder = self.cache_path(model_name, digest)
        if not folder.exists():
            raise ModelError(
                f"model {model_name!r} {digest[:12]}: not in the cache {folder}; it is fetched at the gate's next slot",
                ModelReason.NOT_FOUND,
            )
        manifest, model = packaging.load_described(folder, digest)
        return takes_codes(model, manifest.categories)

    def held_out(self, model_name: str, digest: str) -> dict[str, Prediction] | None:
        """By serial what a cached version said of parts that it was not fitted to; None where it does not say."""
        return packaging.held_out(self.cache_path(model_name, digest), digest)

    def put_in_cache(self, folder: Path, model_name: str, digest: str) -> Path:
        """Put a package into the cache, verified before and after; returns its folder there."""
        cached = self.cache_path(model_name, digest)
        if not _is_valid(cached, digest):
            packaging.copy(folder, cached, digest)
        return cached

    def set_champion(self, model_name: str, version: str) -> None:
        """Point `champion` at a version and `previous` at the one before; idempotent."""
        with self._mapping_errors(f"make version {version} of {model_name!r} the champion"):
            client = self._client()
            before = client.get_registered_model(model_name).aliases.get(CHAMPION)
            if str(before) == version:
                return
            # the champion last, so that repeating an interrupted call completes it
            client.set_model_version_tag(model_name, version, self._tag(STATUS_TAG), "approved")
            if before is not None:
                client.set_registered_model_alias(model_name, PREVIOUS, str(before))
            client.set_registered_model_alias(model_name, CHAMPION, version)

    def set_challenger(self, model_name: str, version: str) -> None:
        """Point `challenger` at the version that is compared with the champion."""
        with self._mapping_errors(f"make version {version} of {model_name!r} the challenger"):
            self._client().set_registered_model_alias(model_name, CHALLENGER, version)

    def record_comparison(
        self, model_name: str, version: str, approved: bool, metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> None:
        """Record the result of a comparison on a version and its run, and remove `challenger` from it; idempotent."""
        with self._mapping_errors(f"record the comparison of version {version} of {model_name!r}"):
            client = self._client()
            run = client.get_model_version(model_name, version).run_id
            client.log_batch(run, _metrics(metrics))
            for name, value in {STATUS_TAG: "approved" if approved else "rejected", **tags}.items():
                client.set_model_version_tag(model_name, version, self._tag(name), value)
                client.set_tag(run, name, value)
            if str(client.get_registered_model(model_name).aliases.get(CHALLENGER)) == version:
                client.delete_registered_model_alias(model_name, CHALLENGER)

    def versions(self, model_name: str) -> tuple[RegisteredVersion, ...]:
        """Every registered version of a model, oldest first; empty for an unknown model."""
        with self._mapping_errors(f"list the versions of {model_name!r}"):
            return self._version_list().finished(model_name)

    def _version_list(self) -> VersionList:
        return VersionList(self._client(), self._registry_uri)

    def _source(self, model_name: str, version: str) -> str:
        """Where the files of a version are: of Unity Catalog behind the version, elsewhere at their own address."""
        client = self._client()
        if addresses.in_unity_catalog(self._registry_uri):
            client.get_model_version(model_name, version)  # says which is missing, the model or its files
            return f"models:/{model_name}/{version}"
        return str(client.get_model_version_download_uri(model_name, version))

    def _named(self, tags: Mapping[str, str]) -> dict[str, str]:
        return {self._tag(name): value for name, value in tags.items()}

    def _tag(self, name: str) -> str:
        return addresses.tag_name(name, self._registry_uri)

    def _experiment_id(self) -> str:
        client = self._client()
        experiment = client.get_experiment_by_name(self._experiment)
        if experiment is not None:
            return str(experiment.experiment_id)
        folder = None if addresses.is_remote(self._uri) else self._artifacts
        location = None if folder is None else folder.resolve().as_uri()
        return str(client.create_experiment(self._experiment, artifact_location=location))

    def _client(self) -> Any:
        if self._opened is None:
            lacks = addresses.lacking(self._registry_uri)
            if lacks is not None:
                raise ModelError(
                    f"models cannot be registered at {self._registry_uri!r}: {lacks}", ModelReason.MISMATCH
                )
            self._opened = open_client(self._uri, self._registry_uri)
        return self._opened

    @contextmanager
    def _mapping_errors(self, what: str) -> Iterator[None]:
        uris = (self._uri, self._registry_uri)
        with as_model_errors(what, uris):
            for uri in uris:
                knock(uri)
            yield


def _metrics(metrics: Mapping[str, float]) -> list[Any]:
    """At step 0 and timestamp 0, so that writing a metric again changes nothing."""
    entities = mlflow_library().entities
    return [entities.Metric(name, float(value), 0, 0) for name, value in sorted(metrics.items())]


def _params(params: Mapping[str, object]) -> list[Any]:
    entities = mlflow_library().entities
    return [entities.Param(name, str(value)) for name, value in sorted(params.items())]


def _is_valid(folder: Path, digest: str) -> bool:
    try:
        packaging.verify(folder, digest)
    except ModelError:
        return False
    return True
