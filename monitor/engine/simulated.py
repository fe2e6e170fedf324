"""A simulated history as tables of a lake: a folder a source, a file a plant, with the column `site`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.simulator.history import History


def write_site(history: History, folder: Path, site: str, tables: Mapping[str, str]) -> int:
    """Write the rows of a plant's day as Parquet; how many they are. `tables`: by source the table of the history."""
    written = 0
    for source, name in tables.items():
        rows = history.rows_of(name)
        columns = zip(rows.table.columns.keys(), zip(*rows.rows, strict=True), strict=True)
        place = folder / source
        place.mkdir(parents=True, exist_ok=True)
        table = pa.table({**dict(columns), "site": pa.array([site] * len(rows), pa.string())})
        pq.write_table(table, place / f"{site}.parquet")
        written += len(rows)
    return written
