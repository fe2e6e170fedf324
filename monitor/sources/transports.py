"""The transports: which code reads a source, by the scheme of its `url`. What the rows hold is the source's `kind`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitor.errors import UsageError
from monitor.plant.plant import Plant
from monitor.plant.sources import SourceBase
from monitor.ports import Source
from monitor.sources.sql.source import SqlSource


@dataclass(frozen=True, slots=True)
class Transport:
    """How a `url` of a scheme is read: an example of one, and what makes the source; nothing is connected yet."""

    example: str
    open: Callable[[str, SourceBase, Plant], Source]


TRANSPORTS: Mapping[str, Transport] = {
    "sqlite": Transport("sqlite:///FILE", SqlSource),
    "postgresql": Transport("postgresql://USER@HOST/DATABASE", SqlSource),
}


def open_source(
    name: str, config: SourceBase, plant: Plant, transports: Mapping[str, Transport] = TRANSPORTS
) -> Source:
    """A source of the plant; nothing is connected until it is verified or read. UsageError for an unknown scheme."""
    scheme = config.url.partition(":")[0].partition("+")[0]
    transport = transports.get(scheme)
    if transport is None:
        examples = " or ".join(transport.example for transport in transports.values())
        raise UsageError(f"source {name!r}: no transport reads {scheme}://...; expected {examples}")
    return transport.open(name, config, plant)
