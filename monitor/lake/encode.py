"""From columns of the store to an Arrow table of a batch, and to the bytes that the store keeps of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from monitor.lake.schemas import SCHEMAS
from monitor.plant.running import LakeTable

_JSON = "_json"


def encode(table: LakeTable, site: str, number: int, columns: Mapping[str, Sequence[object]]) -> pa.Table:
    """The rows of a batch, of the table's schema; `columns` are those of the store, of equal lengths."""
    schema, at = SCHEMAS[table]
    times = _array(columns[at], schema.field(at).type)
    rows = len(times)
    made = {
        "site": pa.repeat(pa.scalar(site, pa.string()), rows),
        "day": times.cast(pa.timestamp("us")).cast(pa.date32(), safe=False),
        "batch": pa.repeat(pa.scalar(number, pa.int64()), rows),
        at: times,
    }
    arrays = [
        made[field.name] if field.name in made else _array(columns[field.name.removesuffix(_JSON)], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    """The values of a column; times may be text without an offset, which is UTC."""
    if pa.types.is_timestamp(kind) and values and isinstance(values[0], str):
        return pa.array(values, pa.string()).cast(pa.timestamp("us")).cast(kind)
    return pa.array(values, kind)


def to_bytes(rows: pa.Table) -> bytes:
    """The rows as Arrow's stream format has them, with their schema."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue().to_pybytes())


def from_bytes(content: bytes) -> pa.Table:
    """The rows again."""
    with pa.ipc.open_stream(content, options=pa.ipc.IpcReadOptions(use_threads=False)) as reader:
        return reader.read_all()
