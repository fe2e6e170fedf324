"""The model that each gate uses in a backfill: an explicit input, with the files of its package."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from inference import packaging
from inference.registry import Registry
from monitor.errors import UsageError
from monitor.store.database.database import Store
from monitor.store.models import versions
from monitor.store.models.versions import Version


@dataclass(frozen=True, slots=True)
class GivenModel:
    """A version with its package, by file name, and since when it is in force."""

    version: Version
    since: datetime
    files: tuple[tuple[str, bytes], ...]


def models_in_force(store: Store, registry: Registry) -> tuple[GivenModel, ...]:
    """The models that a plant's store names, with their packages from its cache; UsageError if one is not there."""
    with store.read() as connection:
        found = [
            (versions.version_of(connection, row.model, row.version), row.since)
            for row in versions.models_in_force(connection).values()
        ]
    return tuple(GivenModel(version, since, _package(registry, version)) for version, since in found)


def _package(registry: Registry, version: Version) -> tuple[tuple[str, bytes], ...]:
    folder = registry.cache_path(version.model, version.digest)
    if not folder.is_dir():
        raise UsageError(
            f"gate {version.gate!r}: version {version.version} of {version.model!r} is not in the cache {folder}; "
            "run `gatewatch once`, which fetches it"
        )
    packaging.verify(folder, version.digest)
    return tuple((file.name, file.read_bytes()) for file in sorted(folder.iterdir()) if file.is_file())


def install(models: Iterable[GivenModel], store: Store, registry: Registry) -> None:
    """Put models in force in an empty store, their packages into the registry's cache; ModelError if one is damaged."""
    for given in models:
        version = given.version
        with tempfile.TemporaryDirectory() as draft:
            for name, content in given.files:
                (Path(draft) / name).write_bytes(content)
            registry.put_in_cache(Path(draft), version.model, version.digest)
        versions.record_version(store, None, version)
        versions.put_in_force(store, None, version.gate, version, 0, given.since)
