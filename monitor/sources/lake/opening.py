"""Opens lake sources by URL. What reads the formats is imported by the first source that needs it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import UsageError
from monitor.plant.plant import Plant
from monitor.plant.sources import SourceBase
from monitor.plant.types import delta_location
from monitor.ports import Source
from monitor.sources.lake.places import Place, in_catalog

if TYPE_CHECKING:
    from monitor.sources.lake.fragments import Log


def delta_source(name: str, config: SourceBase, plant: Plant) -> Source:
    """A Delta table: `table` below delta:///FOLDER, or below delta+s3://BUCKET/PATH and the like, or in Unity Catalog.

    Of delta+uc:// or delta+uc://PROFILE `table` is its name of three levels.
    """
    try:
        from monitor.sources.lake.delta import DeltaLog
    except ImportError:
        raise UsageError(
            f"source {name!r}: Delta tables are read with the package deltalake, which is not installed; "
            "pip install 'gatewatch[lake]'"
        ) from None
    from monitor.sources.lake.source import LakeSource

    if config.by_catalog:
        profile = config.url.partition("://")[2].strip("/")
        find = in_catalog(name, config.table, profile, config.timeout.total_seconds())
    else:
        find = partial(Place, delta_uri(config))
    return LakeSource(name, config, plant, lambda numbers: DeltaLog(name, find, numbers))


def csv_source(name: str, config: SourceBase, plant: Plant) -> Source:
    """CSV files that are dropped into csv:///FOLDER; `table` is their pattern, such as parts_*.csv."""
    return _folder(name, config, plant, tables=False)


def parquet_source(name: str, config: SourceBase, plant: Plant) -> Source:
    """Parquet files that are dropped into parquet:///FOLDER; `table` is their pattern."""
    return _folder(name, config, plant, tables=True)


def _folder(name: str, config: SourceBase, plant: Plant, tables: bool) -> Source:
    from monitor.sources.lake.folder import FolderLog
    from monitor.sources.lake.source import LakeSource

    def log(numbers: Sequence[str]) -> Log:
        return FolderLog(name, _folder_of(config.url), config.table, numbers, tables)

    return LakeSource(name, config, plant, log)


def delta_uri(config: SourceBase) -> str:
    """Where the table is, as deltalake takes it: a folder, or a URL of an object store."""
    return f"{delta_location(config.url).rstrip('/')}/{config.table.strip('/')}"


def _folder_of(url: str) -> Path:
    """The folder of a URL, absolute as in file URLs; a relative one, delta://./lake, is below the plant file."""
    return Path(url.partition("://")[2])
