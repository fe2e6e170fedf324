"""Takes from other users what an older version let them read, and from the store what it should never have held."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from monitor.files import tighten
from monitor.plant.file.redaction import redacted
from monitor.plant.plant import Plant
from monitor.store.database.database import Store
from monitor.store.plant_files import redact_plant_files

log = logging.getLogger(__name__)


def keep_private(plant: Plant, reports: Path) -> None:
    """Let only the owner read the store, the notification log, MLflow's local files, the models and the reports."""
    changed = tighten([*_files(plant), *_folders(plant), reports])
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        log.warning("others could read %s%s; now only the owner can", changed[0], more)


def keep_secrets_out(store: Store) -> None:
    """Take passwords and tokens from the plant files that are stored."""
    number = redact_plant_files(store, redacted)
    if number:
        log.warning(
            "%d stored plant files held passwords or tokens, which are taken out; change them where backups were made",
            number,
        )


def _files(plant: Plant) -> list[Path]:
    urls = dict.fromkeys((plant.store.url, plant.mlflow.tracking_uri, plant.mlflow.registry))
    databases = [database for url in urls if (database := _sqlite(url))]
    journals = [Path(f"{database}{suffix}") for database in databases for suffix in ("", "-wal", "-shm", "-journal")]
    return [*journals, Path(plant.notify.log)]


def _sqlite(url: str) -> str | None:
    """The file of a SQLite URL; None for a server or another kind of address."""
    match = re.match(r"sqlite(?:\+\w+)?:///(?:file:)?([^?]+)", url)
    return None if match is None or match[1] == ":memory:" else match[1]


def _folders(plant: Plant) -> list[Path]:
    """The folders that Gatewatch fills; those at another address are not here."""
    return [Path(folder) for folder in (plant.mlflow.artifacts, plant.mlflow.cache) if folder and ":" not in folder]
