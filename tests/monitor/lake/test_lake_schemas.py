"""The columns of the lake's tables, and the bytes that the store keeps of a batch."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from monitor.lake.encode import encode, from_bytes, to_bytes
from monitor.lake.schemas import SCHEMAS
from monitor.plant.running import LakeTable
from monitor.store.database import tables as t

GOLDEN = Path(__file__).parents[2] / "golden" / "lake" / "schemas.txt"
OF_STORE: dict[LakeTable, sa.Table] = {
    "decisions": t.decision, "findings": t.finding, "machine_windows": t.machine_window,
}  # fmt: skip


def test_the_columns_are_those_that_readers_know() -> None:
    lines = [f"{table}.{field.name}: {field.type}" for table, schema in SCHEMAS.items() for field in schema.columns]
    text = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "if meant: UPDATE_GOLDEN=1 pytest, then look at the difference"


@pytest.mark.parametrize("table", OF_STORE)
def test_nothing_that_the_store_keeps_of_a_row_is_left_out(table: LakeTable) -> None:
    def name(column: sa.Column[object]) -> str:
        return f"{column.name}_json" if isinstance(column.type, t.JsonText) else column.name

    told = set(SCHEMAS[table].columns.names) - {"site", "day", "batch"}
    assert told == {name(column) for column in OF_STORE[table].columns}


def test_times_are_microseconds_in_utc_and_the_day_is_that_of_the_event() -> None:
    kinds = {str(f.type) for s in SCHEMAS.values() for f in s.columns if pa.types.is_timestamp(f.type)}
    assert kinds == {"timestamp[us, tz=UTC]"}
    late = datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC)
    columns = {name: [None, None] for name in OF_STORE["findings"].columns.keys()}  # noqa: SIM118
    made = encode("findings", "north", 7, {**columns, "at": [late, datetime(1969, 12, 31, 1, tzinfo=UTC)]})
    assert made["day"].to_pylist() == [date(2026, 3, 2), date(1969, 12, 31)]
    assert made["at"][0].as_py() == late
    assert (made["site"].to_pylist(), made["batch"].to_pylist()) == (["north"] * 2, [7] * 2)
    assert from_bytes(to_bytes(made)).equals(made)
