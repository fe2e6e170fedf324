"""A backfill without an engine: the partition functions on one plant after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.dataset as ds

from monitor.engine.lake import SiteRows
from monitor.engine.pieces.backfill import Backfill
from monitor.engine.pieces.packing import Parcel, by_source


def run(work: Backfill, history: Mapping[str, ds.Dataset]) -> Iterator[tuple[str, pa.Table]]:
    """The tables of results with their names, piece by piece. `history`: by source the rows of all plants.

    Memory holds one plant at a time.
    """
    tables = {source: SiteRows(table) for source, table in history.items()}
    for site in sorted(set().union(*(table.sites for table in tables.values()))):
        yield from run_site(work, {source: table.of(site) for source, table in tables.items()})


def run_site(work: Backfill, tables: Mapping[str, pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """The tables of results of rows that are in memory, with `site`."""
    pieces: dict[tuple[str, str], list[Parcel]] = {}
    for source, table in tables.items():
        for parcel in work.parcels(source, table):
            pieces.setdefault((parcel.site, parcel.unit), []).append(parcel)
    for (site, unit), parcels in sorted(pieces.items()):
        yield from work.judge(site, unit, by_source(parcels)).items()
