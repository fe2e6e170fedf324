"""Adapter for MLflow as tracking server and model registry: the only module that imports mlflow.

The store says which version is in force; MLflow keeps runs, packages and versions, and its alias `champion` mirrors
the store. Decisions need only the local cache, so MLflow may be down. mlflow takes seconds to import, so it is imported
by the first call that needs it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from inference import packaging
from inference.models.coded import takes_codes
from monitor.errors import ModelError, ModelReason
from monitor.model import Prediction
from monitor.ports import GateModel

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"
STATUS_TAG, DIGEST_TAG = "validation_status", "gatewatch.digest"
_PACKAGE = "package"
_SETTINGS = {
    # by default, calls to a server that is down block for minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_FORCED = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
_REASONS = {
    "RESOURCE_DOES_NOT_EXIST": ModelReason.NOT_FOUND,
    "INVALID_PARAMETER_VALUE": ModelReason.MISMATCH,
}


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of a registered model; `status` is its validation status, `aliases` the names that point at it."""

    version: str
    digest: str
    status: str
    aliases: tuple[str, ...]
    created_at: datetime


class Registry:
    """Runs, packages and versions in MLflow, with a local cache of verified packages.

    `tracking_uri` is a database URI or a server's URL; `artifacts` the folder for packages where no server stores them
    (None: MLflow's default); every failure is a ModelError, UNREACHABLE where a retry can help.
    """

    def __init__(self, tracking_uri: str, artifacts: str | Path | None, experiment: str, cache: str | Path) -> None:
        self._uri = tracking_uri
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
    ) -> str:
        """Log a run with the package as its artifact and register it; returns the version.

        A package that is already registered keeps its version, so that repeating a registration after a crash creates
        no second one. `tags` are set on run and version; `validation_status` is `pending` unless given.
        """
        digest = packaging.digest_of(package_folder)
        with self._mapping_errors(f"register a version of {model_name!r}"):
            registered = [v.version for v in self._versions(model_name) if v.digest == digest]
            if registered:
                return registered[0]
            client = self._client()
            run = client.create_run(self._experiment_id(), tags=dict(tags), run_name=f"{model_name} {digest[:12]}")
            client.log_batch(run.info.run_id, _metrics(metrics), _params(params))
            client.log_artifacts(run.info.run_id, str(package_folder), _PACKAGE)
            client.set_terminated(run.info.run_id)
            created = client.create_model_version(
                self._ensure_model(model_name),
                source=f"{run.info.artifact_uri}/{_PACKAGE}",
                run_id=run.info.run_id,
                tags={STATUS_TAG: "pending", **tags, DIGEST_TAG: digest},
            )
            return str(created.version)

    def fetch(self, model_name: str, version: str, digest: str) -> Path:
        """The verified local folder of a version, downloaded from MLflow if the cache has no valid copy."""
        folder = self.cache_path(model_name, digest)
        if _is_valid(folder, digest):
            return folder
        with TemporaryDirectory() as drafts, self._mapping_errors(f"fetch version {version} of {model_name!r}"):
            source = self._client().get_model_version_download_uri(model_name, version)
            path = _mlflow().artifacts.download_artifacts(artifact_uri=source, dst_path=drafts, tracking_uri=self._uri)
            return self.put_in_cache(Path(path), model_name, digest)

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
            client.set_model_version_tag(model_name, version, STATUS_TAG, "approved")
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
                client.set_model_version_tag(model_name, version, name, value)
                client.set_tag(run, name, value)
            if str(client.get_registered_model(model_name).aliases.get(CHALLENGER)) == version:
                client.delete_registered_model_alias(model_name, CHALLENGER)

    def versions(self, model_name: str) -> tuple[RegisteredVersion, ...]:
        """Every registered version of a model, oldest first; empty for an unknown model."""
        with self._mapping_errors(f"list the versions of {model_name!r}"):
            return self._versions(model_name)

    def _versions(self, model_name: str) -> tuple[RegisteredVersion, ...]:
        client = self._client()
        models = client.search_registered_models(f"name = '{model_name}'")
        if not models:
            return ()
        versions: list[RegisteredVersion] = []
        token = None
        while True:
            page = client.search_model_versions(f"name = '{model_name}'", page_token=token)
            versions += [_version(entry, models[0].aliases) for entry in page]
            token = page.token
            if not token:
                return tuple(sorted(versions, key=lambda v: int(v.version)))

    def _ensure_model(self, model_name: str) -> str:
        client = self._client()
        if not client.search_registered_models(f"name = '{model_name}'"):
            client.create_registered_model(model_name)
        return model_name

    def _experiment_id(self) -> str:
        client = self._client()
        experiment = client.get_experiment_by_name(self._experiment)
        if experiment is not None:
            return str(experiment.experiment_id)
        served = self._uri.startswith(("http://", "https://"))
        location = None if served or self._artifacts is None else self._artifacts.resolve().as_uri()
        return str(client.create_experiment(self._experiment, artifact_location=location))

    def _client(self) -> Any:
        if self._opened is None:
            mlflow = _mlflow()
            with _exclusive_opening(self._uri):
                client = mlflow.MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)
                # both stores are created at first use
                client.search_experiments(max_results=1)
                client.search_registered_models(max_results=1)
            self._opened = client
        return self._opened

    @contextmanager
    def _mapping_errors(self, what: str) -> Iterator[None]:
        """Turn exceptions of MLflow and the libraries below it into a ModelError that says what was attempted."""
        failure = _mlflow().exceptions.MlflowException
        try:
            yield
        except failure as exc:
            raise self._error(what, exc, _REASONS.get(exc.error_code, ModelReason.UNREACHABLE)) from exc
        except (SQLAlchemyError, OSError) as exc:
            raise self._error(what, exc, ModelReason.UNREACHABLE) from exc

    def _error(self, what: str, exc: Exception, reason: ModelReason) -> ModelError:
        first_line = (str(exc).splitlines() or [type(exc).__name__])[0][:200]
        secret = urlsplit(self._uri).password
        message = first_line.replace(secret, "***") if secret else first_line
        return ModelError(f"MLflow could not {what}: {message}; the version in force stays", reason)


def _mlflow() -> Any:
    """The mlflow package, imported with our settings; the environment can override all but `_FORCED`."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    os.environ.update(_FORCED)
    import mlflow
    import mlflow.artifacts
    import mlflow.entities

    return mlflow


@contextmanager
def _exclusive_opening(uri: str) -> Iterator[None]:
    """Let one process at a time open a tracking database: MLflow creates its tables at first use, without a lock.

    A plain connection is tried first, because MLflow retries a failing one for a minute and a half.
    """
    if uri.startswith(("http://", "https://")):
        yield
        return
    url = make_url(uri)
    connect_args = {"connect_timeout": 5} if url.get_backend_name() == "postgresql" else {}
    with _locked(url.database) if url.get_backend_name() == "sqlite" else nullcontext():
        engine = create_engine(url, poolclass=NullPool, connect_args=connect_args)
        inspect(engine).get_table_names()
        yield


@contextmanager
def _locked(database: str | None) -> Iterator[None]:
    path = Path(f"{database}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _metrics(metrics: Mapping[str, float]) -> list[Any]:
    """At step 0 and timestamp 0, so that writing a metric again changes nothing."""
    entities = _mlflow().entities
    return [entities.Metric(name, float(value), 0, 0) for name, value in sorted(metrics.items())]


def _params(params: Mapping[str, object]) -> list[Any]:
    entities = _mlflow().entities
    return [entities.Param(name, str(value)) for name, value in sorted(params.items())]


def _version(entry: Any, aliases: Mapping[str, object]) -> RegisteredVersion:
    return RegisteredVersion(
        version=str(entry.version),
        digest=entry.tags.get(DIGEST_TAG, ""),
        status=entry.tags.get(STATUS_TAG, ""),
        aliases=tuple(sorted(name for name, version in aliases.items() if str(version) == str(entry.version))),
        created_at=datetime.fromtimestamp(entry.creation_timestamp / 1000, UTC),
    )


def _is_valid(folder: Path, digest: str) -> bool:
    try:
        packaging.verify(folder, digest)
    except ModelError:
        return False
    return True
