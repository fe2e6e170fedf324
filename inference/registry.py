"""MLflow as tracking server and model registry, behind one adapter: the only module that imports mlflow.

The store says which version is in force; MLflow keeps runs, packages and versions, and its alias `champion` mirrors
the store. Deciding needs only the local cache, so MLflow may be down. Importing mlflow takes seconds: it happens
at the first call that needs it.
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
from monitor.errors import ModelError, ModelReason
from monitor.ports import GateModel

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"
STATUS_TAG, DIGEST_TAG = "validation_status", "gatewatch.digest"
_PACKAGE = "package"
_SETTINGS = {
    # by default a client whose server is down blocks for minutes
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

    `tracking_uri` is a database URI or a server's URL; `artifacts` the folder for packages where no server keeps
    them (None: where MLflow puts them); every failure is a ModelError, UNREACHABLE where trying later can help.
    """

    def __init__(self, tracking_uri: str, artifacts: str | Path | None, experiment: str, cache: str | Path) -> None:
        self._uri = tracking_uri
        self._artifacts = None if artifacts is None else Path(artifacts)
        self._experiment = experiment
        self._cache = Path(cache)
        self._opened: Any = None

    def connect(self) -> None:
        """Open MLflow now instead of at the first call; a database that is new gets its tables."""
        with self._mapped("open the registry"):
            self._client()

    def register(
        self,
        model_name: str,
        package_folder: Path,
        metrics: Mapping[str, float],
        params: Mapping[str, object],
        tags: Mapping[str, str],
    ) -> str:
        """Log a run with the package as its artifact and register it; the new version.

        A package that is registered already keeps its version, so that a registration repeated after a crash makes
        no second one. `tags` go to run and version; the version's `validation_status` is `pending` unless given.
        """
        digest = packaging.digest_of(package_folder)
        with self._mapped(f"register a version of {model_name!r}"):
            known = [v.version for v in self._versions(model_name) if v.digest == digest]
            if known:
                return known[0]
            client = self._client()
            run = client.create_run(self._experiment_id(), tags=dict(tags), run_name=f"{model_name} {digest[:12]}")
            client.log_batch(run.info.run_id, _metrics(metrics), _params(params))
            client.log_artifacts(run.info.run_id, str(package_folder), _PACKAGE)
            client.set_terminated(run.info.run_id)
            created = client.create_model_version(
                self._named(model_name),
                source=f"{run.info.artifact_uri}/{_PACKAGE}",
                run_id=run.info.run_id,
                tags={STATUS_TAG: "pending", **tags, DIGEST_TAG: digest},
            )
            return str(created.version)

    def fetch(self, model_name: str, version: str, digest: str) -> Path:
        """The verified local folder of a version; MLflow is asked only where the cache has no sound copy."""
        folder = self.cached(model_name, digest)
        if _is_sound(folder, digest):
            return folder
        with TemporaryDirectory() as drafts, self._mapped(f"fetch version {version} of {model_name!r}"):
            source = self._client().get_model_version_download_uri(model_name, version)
            found = _mlflow().artifacts.download_artifacts(artifact_uri=source, dst_path=drafts, tracking_uri=self._uri)
            return self.cache_put(Path(found), model_name, digest)

    def cached(self, model_name: str, digest: str) -> Path:
        """Where the cache keeps a package; whether it is there, and sound, is for `packaging.load` to say."""
        return self._cache / model_name / digest

    def load(self, model_name: str, digest: str) -> GateModel:
        """A verified model from the local cache; never asks MLflow."""
        folder = self.cached(model_name, digest)
        if not folder.exists():
            raise ModelError(
                f"model {model_name!r} {digest[:12]}: it is not in the cache {folder}; "
                "it is fetched at the gate's next slot",
                ModelReason.NOT_FOUND,
            )
        return packaging.load(folder, digest)

    def cache_put(self, folder: Path, model_name: str, digest: str) -> Path:
        """Put a package into the cache, verified before and after; its folder there."""
        cached = self.cached(model_name, digest)
        if not _is_sound(cached, digest):
            packaging.copy(folder, cached, digest)
        return cached

    def set_champion(self, model_name: str, version: str) -> None:
        """Let `champion` point at a version and `previous` at the one before; repeating it changes nothing."""
        with self._mapped(f"make version {version} of {model_name!r} the champion"):
            client = self._client()
            before = client.get_registered_model(model_name).aliases.get(CHAMPION)
            if str(before) == version:
                return
            # the champion last: whoever repeats a call that was cut off completes it
            client.set_model_version_tag(model_name, version, STATUS_TAG, "approved")
            if before is not None:
                client.set_registered_model_alias(model_name, PREVIOUS, str(before))
            client.set_registered_model_alias(model_name, CHAMPION, version)

    def set_challenger(self, model_name: str, version: str) -> None:
        """Let `challenger` point at the version that is compared with the champion."""
        with self._mapped(f"make version {version} of {model_name!r} the challenger"):
            self._client().set_registered_model_alias(model_name, CHALLENGER, version)

    def judge(
        self, model_name: str, version: str, approved: bool, metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> None:
        """Write onto a version and its run what its comparison found; it is no challenger any more.

        Repeating it changes nothing.
        """
        with self._mapped(f"write the comparison onto version {version} of {model_name!r}"):
            client = self._client()
            run = client.get_model_version(model_name, version).run_id
            client.log_batch(run, _metrics(metrics))
            for name, value in {STATUS_TAG: "approved" if approved else "rejected", **tags}.items():
                client.set_model_version_tag(model_name, version, name, value)
                client.set_tag(run, name, value)
            if str(client.get_registered_model(model_name).aliases.get(CHALLENGER)) == version:
                client.delete_registered_model_alias(model_name, CHALLENGER)

    def versions(self, model_name: str) -> tuple[RegisteredVersion, ...]:
        """Every registered version of a model, oldest first; none for a model that is not registered."""
        with self._mapped(f"list the versions of {model_name!r}"):
            return self._versions(model_name)

    def _versions(self, model_name: str) -> tuple[RegisteredVersion, ...]:
        client = self._client()
        models = client.search_registered_models(f"name = '{model_name}'")
        if not models:
            return ()
        found, token = [], None
        while True:
            page = client.search_model_versions(f"name = '{model_name}'", page_token=token)
            found += [_version(entry, models[0].aliases) for entry in page]
            token = page.token
            if not token:
                return tuple(sorted(found, key=lambda v: int(v.version)))

    def _named(self, model_name: str) -> str:
        client = self._client()
        if not client.search_registered_models(f"name = '{model_name}'"):
            client.create_registered_model(model_name)
        return model_name

    def _experiment_id(self) -> str:
        client = self._client()
        found = client.get_experiment_by_name(self._experiment)
        if found is not None:
            return str(found.experiment_id)
        served = self._uri.startswith(("http://", "https://"))
        location = None if served or self._artifacts is None else self._artifacts.resolve().as_uri()
        return str(client.create_experiment(self._experiment, artifact_location=location))

    def _client(self) -> Any:
        if self._opened is None:
            mlflow = _mlflow()
            with _first_alone(self._uri):
                client = mlflow.MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)
                # both stores are made at their first use
                client.search_experiments(max_results=1)
                client.search_registered_models(max_results=1)
            self._opened = client
        return self._opened

    @contextmanager
    def _mapped(self, what: str) -> Iterator[None]:
        """Turn whatever MLflow and what lies below it raise into a ModelError that says what was tried."""
        failure = _mlflow().exceptions.MlflowException
        try:
            yield
        except failure as exc:
            raise self._failed(what, exc, _REASONS.get(exc.error_code, ModelReason.UNREACHABLE)) from exc
        except (SQLAlchemyError, OSError) as exc:
            raise self._failed(what, exc, ModelReason.UNREACHABLE) from exc

    def _failed(self, what: str, exc: Exception, reason: ModelReason) -> ModelError:
        first_line = (str(exc).splitlines() or [type(exc).__name__])[0][:200]
        secret = urlsplit(self._uri).password
        told = first_line.replace(secret, "***") if secret else first_line
        return ModelError(f"MLflow could not {what}: {told}; the version in force stays", reason)


def _mlflow() -> Any:
    """The mlflow package, imported under our settings; those of time can be overridden by the environment."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    os.environ.update(_FORCED)
    import mlflow
    import mlflow.artifacts
    import mlflow.entities

    return mlflow


@contextmanager
def _first_alone(uri: str) -> Iterator[None]:
    """Open a tracking database by one process at a time: MLflow makes its tables at the first opening, unguarded.

    It is tried with a plain connection before, because MLflow retries one that fails for a minute and a half.
    """
    if uri.startswith(("http://", "https://")):
        yield
        return
    url = make_url(uri)
    patience = {"connect_timeout": 5} if url.get_backend_name() == "postgresql" else {}
    with _locked(url.database) if url.get_backend_name() == "sqlite" else nullcontext():
        engine = create_engine(url, poolclass=NullPool, connect_args=patience)
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
    """At step 0 and one time, so that the same number written again is the same."""
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


def _is_sound(folder: Path, digest: str) -> bool:
    try:
        packaging.verify(folder, digest)
    except ModelError:
        return False
    return True
