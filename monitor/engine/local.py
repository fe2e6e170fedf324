"""A backfill without an engine: the partition functions on one plant after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.dataset as ds

from monitor.engine.lake import rows_of, sites_of
from monitor.engine.machines import judge_machines
from monitor.engine.packing import Parcel, by_source
from monitor.engine.timing import Span
from monitor.engine.units import machine_parcels, machine_units
from monitor.plant.plant import Plant


def backfill_machines(
    plant: Plant, history: Mapping[str, ds.Dataset], span: Span
) -> Iterator[tuple[str, dict[str, pa.Table]]]:
    """Of each plant in the history, by source, the tables of results about its machines; a plant at a time."""
    for site in sites_of(history.values()):
        tables = {source: rows_of(table, site) for source, table in history.items()}
        yield from ((site, found) for found in site_machines(plant, tables, span))


def site_machines(plant: Plant, tables: Mapping[str, pa.Table], span: Span) -> Iterator[dict[str, pa.Table]]:
    """The tables of results of one plant's machines, a unit at a time. `tables`: by source the raw rows, with `site`."""
    units = machine_units(plant)
    pieces: dict[tuple[str, str], list[Parcel]] = {}
    for source, table in tables.items():
        for parcel in machine_parcels(plant, source, table, units, span):
            pieces.setdefault((parcel.site, parcel.unit), []).append(parcel)
    for (site, unit), parcels in sorted(pieces.items()):
        yield judge_machines(plant, units, unit, by_source(parcels), span).tables(site)
