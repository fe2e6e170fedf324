"""Raw rows of a source cut into pieces, as bytes: what goes between the stages of an engine, whatever it is.

A piece is (site, unit): the rows that one partition function needs together. Arrow's stream format, so that columns
of any name and type pass through every engine unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

SITE = "site"
"""The column of every table by which plants are told apart."""


class Parcel(NamedTuple):
    """Rows of one source (or what was derived from it) for one piece, as an Arrow stream."""

    site: str
    unit: str
    source: str
    content: bytes


PARCELS = pa.schema([(name, pa.string()) for name in ("site", "unit", "source")] + [("content", pa.binary())])


def packed(table: pa.Table) -> bytes:
    """A table as bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def unpacked(contents: Iterable[bytes]) -> pa.Table | None:
    """The rows of several parcels of one source in one table; None where there are none."""
    tables = [pa.ipc.open_stream(content).read_all() for content in contents]
    return pa.concat_tables(tables, promote_options="permissive") if tables else None


def by_source(parcels: Iterable[Parcel]) -> dict[str, pa.Table]:
    """The tables of a piece, by source."""
    contents: dict[str, list[bytes]] = {}
    for parcel in parcels:
        contents.setdefault(parcel.source, []).append(parcel.content)
    return {source: table for source, of in contents.items() if (table := unpacked(of)) is not None}


def cut(table: pa.Table, keys: pa.Array) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each key (text, one per row), in order of first appearance; null: of none."""
    for key in pa.compute.unique(keys).to_pylist():
        if key is not None:
            yield key, table.filter(pa.compute.equal(keys, key))
