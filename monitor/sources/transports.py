"""The transports: the scheme of a source's `url` selects the code that reads it; its `kind` says what rows hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitor.errors import UsageError
from monitor.plant.plant import Plant
from monitor.plant.sources import SourceBase
from monitor.ports import Source
from monitor.sources.lake.opening import csv_source, delta_source, parquet_source
from monitor.sources.sql.source import SqlSource


@dataclass(frozen=True, slots=True)
class Transport:
    """How URLs of a scheme are read: an example URL, and a function that creates the source without connecting.

    `filters`: whether it applies the source's `where`; where it does not, such a source is refused.
    """

    example: str
    open: Callable[[str, SourceBase, Plant], Source]
    filters: bool = False


TRANSPORTS: Mapping[str, Transport] = {
    "sqlite": Transport("sqlite:///FILE", SqlSource, filters=True),
    "postgresql": Transport("postgresql://USER@HOST/DATABASE", SqlSource, filters=True),
    "delta": Transport("delta:///FOLDER", delta_source),
    "csv": Transport("csv:///FOLDER", csv_source),
    "parquet": Transport("parquet:///FOLDER", parquet_source),
}


def open_source(
    name: str, config: SourceBase, plant: Plant, transports: Mapping[str, Transport] = TRANSPORTS
) -> Source:
    """A source of the plant; it connects when it is verified or read. UsageError for an unknown scheme."""
    scheme = config.url.partition(":")[0].partition("+")[0]
    transport = transports.get(scheme)
    if transport is None:
        examples = " or ".join(transport.example for transport in transports.values())
        raise UsageError(f"source {name!r}: no transport reads {scheme}://...; expected {examples}")
    if config.where is not None and not transport.filters:
        raise UsageError(f"source {name!r}: rows of {scheme}://... cannot be filtered; remove `where`")
    return transport.open(name, config, plant)
