"""Relative paths in a plant file: relative to the folder of the file, not to the working directory."""

from __future__ import annotations

import re
from pathlib import Path

from monitor.plant.plant import Plant
from monitor.plant.running import LakeConfig, MlflowConfig, ServerConfig, StoreConfig
from monitor.plant.sources import SourceBase, WriteBack
from monitor.plant.types import Strict
from monitor.plant.watching import NotifyConfig

_SQLITE = re.compile(r"(?P<head>sqlite(?:\+\w+)?:///(?:file:)?)(?P<path>[^?]*)(?P<query>(?:\?.*)?)", re.DOTALL)
_FOLDER = re.compile(r"(?P<head>(?:delta|csv|parquet)://)(?P<path>.+)", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def resolve_url(url: str, folder: Path) -> str:
    """The URL of a file or folder with its path made absolute; other URLs are returned unchanged.

    >>> resolve_url("sqlite:///mes.db?timeout=5", Path("/plants/a"))
    'sqlite:////plants/a/mes.db?timeout=5'
    >>> resolve_url("delta://./lake", Path("/plants/a"))
    'delta:///plants/a/lake'
    """
    of_folder = _FOLDER.fullmatch(url)
    if of_folder:
        return f"{of_folder['head']}{folder.absolute() / of_folder['path']}"
    match = _SQLITE.fullmatch(url)
    if not match or not match["path"] or match["path"].startswith((":memory:", "/")):
        return url
    return f"{match['head']}{folder.absolute() / match['path']}{match['query']}"


def resolve_path(path: str, folder: Path) -> str:
    """A path made absolute; a URI such as s3://bucket/models is returned unchanged."""
    return path if _SCHEME.match(path) else str(folder.absolute() / path)


def resolve(plant: Plant, folder: Path) -> Plant:
    """The plant with all relative paths made absolute."""
    return plant.model_copy(
        update={
            "store": _with_absolute_url(plant.store, folder),
            "mlflow": _mlflow(plant.mlflow, folder),
            "sources": {name: _with_absolute_url(source, folder) for name, source in plant.sources.items()},
            "notify": _notify(plant.notify, folder),
            "server": _server(plant.server, folder),
            "write_back": _with_absolute_url(plant.write_back, folder) if plant.write_back else None,
            "lake": _with_absolute_url(plant.lake, folder) if plant.lake else None,
        }
    )


def _with_absolute_url(part: SourceBase | StoreConfig | WriteBack | LakeConfig, folder: Path) -> Strict:
    return part.model_copy(update={"url": resolve_url(part.url, folder)})


def _notify(notify: NotifyConfig, folder: Path) -> NotifyConfig:
    urls = notify.urls_file and str(folder.absolute() / notify.urls_file)
    # A language of two letters is one that is shipped.
    language = {
        team: name if len(name) == 2 else str(folder.absolute() / name) for team, name in notify.language.items()
    }
    log = str(folder.absolute() / notify.log)
    return notify.model_copy(update={"urls_file": urls, "log": log, "language": language})


def _server(server: ServerConfig, folder: Path) -> ServerConfig:
    people = server.people_file and str(folder.absolute() / server.people_file)
    return server.model_copy(update={"people_file": people})


def _mlflow(mlflow: MlflowConfig, folder: Path) -> MlflowConfig:
    return mlflow.model_copy(
        update={
            "tracking_uri": resolve_url(mlflow.tracking_uri, folder),
            "registry_uri": mlflow.registry_uri and resolve_url(mlflow.registry_uri, folder),
            "artifacts": mlflow.artifacts and resolve_path(mlflow.artifacts, folder),
            "cache": str(folder.absolute() / mlflow.cache),
        }
    )
