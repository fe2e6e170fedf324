"""Parquet files, by column and by row group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitor.sources.lake.fragments import Bounds, Cells
from monitor.sources.typed.arrays import UNREADABLE, Instants, Numbers

Open = Callable[[], Any]
"""Opens a file for reading, as pyarrow takes it."""


def row_groups(open_file: Open) -> int:
    """How many row groups a file has."""
    with open_file() as file:
        return int(pq.ParquetFile(file).metadata.num_row_groups)


def read_columns(open_file: Open, names: Sequence[str], groups: Sequence[int] | None = None) -> pa.Table:
    """The columns of a file that it has, of all row groups or of some."""
    with open_file() as file:
        parquet = pq.ParquetFile(file)
        present = [name for name in names if name in parquet.schema_arrow.names]
        chosen = range(parquet.num_row_groups) if groups is None else groups
        return _plain(parquet.read_row_groups(list(chosen), columns=present, use_threads=False))


def _plain(table: pa.Table) -> pa.Table:
    """The table without columns of views, which few functions take."""
    kinds = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
    schema = pa.schema([field.with_type(kinds.get(field.type, field.type)) for field in table.schema])
    return table if schema == table.schema else table.cast(schema)


def names_of(open_file: Open) -> list[str]:
    """The names of the columns of a file."""
    with open_file() as file:
        return list(pq.ParquetFile(file).schema_arrow.names)


def bounds_of(open_file: Open, column: str, groups: Sequence[int] | None) -> Bounds | None:
    """The lowest and highest time (us) of a column of UTC timestamps, from the file's own statistics; None without."""
    with open_file() as file:
        parquet = pq.ParquetFile(file)
        schema, meta = parquet.schema_arrow, parquet.metadata
    if column not in schema.names:
        return None
    kind = schema.field(column).type
    if not pa.types.is_timestamp(kind) or kind.tz is None:
        return None
    place = [meta.schema.column(i).path for i in range(meta.num_columns)].index(column)
    low, high = [], []
    for group in range(meta.num_row_groups) if groups is None else groups:
        statistics = meta.row_group(group).column(place).statistics
        if statistics is None or not statistics.has_min_max or statistics.null_count != 0:
            return None
        low.append(statistics.min)
        high.append(statistics.max)
    if not low:
        return None
    micros = pa.timestamp("us", kind.tz)
    first, last = (pa.scalar(end, kind).cast(micros, safe=False).value for end in (min(low), max(high)))
    return first, last


def cells(column: pa.ChunkedArray, number: bool) -> Cells:
    """A column of a table as cells; with `number`, numbers as an array."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_timestamp(kind):
        return _instants(column, kind)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        if number:
            filled = pc.cast(column, pa.float64(), safe=False)
            return Numbers(np.asarray(filled.to_numpy(), dtype=np.float64))
        if column.null_count == 0:
            return list(column.to_numpy().tolist())
    return list(column.to_pylist())


def _instants(column: pa.ChunkedArray, kind: pa.DataType) -> Instants:
    micros = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
    filled = np.asarray(pc.fill_null(micros, UNREADABLE).to_numpy(), dtype=np.int64)
    return Instants(np.array(filled), kind.tz is not None)


def columns_of(table: pa.Table, names: Sequence[str], numbers: Sequence[str]) -> Mapping[str, Cells]:
    """Columns as cells, empty where the table has none of that name."""
    empty = [None] * table.num_rows
    return {name: cells(table.column(name), name in numbers) if name in table.column_names else empty for name in names}
