"""Opens MLflow: the only module that imports mlflow.

mlflow takes seconds to import, so it is imported by the first call that needs it, under settings by which a server
that is down costs seconds, not minutes.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from inference.tracking.addresses import is_remote

_SETTINGS = {
    # by default, calls to a server that is down block for minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_DATABRICKS_ENDPOINT_HTTP_RETRY_TIMEOUT": "15",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # packages go through the workspace's Files API, which needs no library of a cloud
    "MLFLOW_USE_DATABRICKS_SDK_MODEL_ARTIFACTS_REPO_FOR_UC": "true",
}
_TRACKING = "MLFLOW_TRACKING_URI"
_FORCED = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}


def mlflow_library() -> Any:
    """The mlflow package, imported with our settings; the environment can override all but those forced."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    os.environ.update(_FORCED)
    import mlflow
    import mlflow.artifacts
    import mlflow.entities

    return mlflow


def open_client(tracking_uri: str, registry_uri: str) -> Any:
    """A client of MLflow whose databases have their tables; exceptions are MLflow's and SQLAlchemy's."""
    mlflow = mlflow_library()
    with ExitStack() as opening:
        for uri in dict.fromkeys((tracking_uri, registry_uri)):
            opening.enter_context(_exclusive_opening(uri))
        client = mlflow.MlflowClient(tracking_uri=tracking_uri, registry_uri=registry_uri)
        # both stores are created at first use
        client.search_experiments(max_results=1)
        client.search_registered_models(max_results=1)
    return client


def download(source: str, folder: str, tracking_uri: str, registry_uri: str) -> Path:
    """The files at an address of MLflow in a local folder; exceptions are MLflow's and those of where the files are."""
    library = mlflow_library()
    with _tracking_at(tracking_uri):
        found = library.artifacts.download_artifacts(
            artifact_uri=source, dst_path=folder, tracking_uri=tracking_uri, registry_uri=registry_uri
        )
    return Path(found)


@contextmanager
def _tracking_at(uri: str) -> Iterator[None]:
    """Where MLflow looks that was told no address: of Unity Catalog it would create a database in this folder."""
    before = os.environ.get(_TRACKING)
    os.environ[_TRACKING] = uri
    try:
        yield
    finally:
        if before is None:
            del os.environ[_TRACKING]
        else:
            os.environ[_TRACKING] = before


@contextmanager
def _exclusive_opening(uri: str) -> Iterator[None]:
    """Let one process at a time open a tracking database: MLflow creates its tables at first use, without a lock.

    A plain connection is tried first, because MLflow retries a failing one for a minute and a half.
    """
    if is_remote(uri):
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
