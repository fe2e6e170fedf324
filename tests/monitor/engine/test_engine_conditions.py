"""The condition of a source on a raw table: the rows that a source in SQLite has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from engine_kit import raw_table
from plant_kit import QUICK, make_plant

from monitor.engine.local import run_site
from monitor.engine.pieces.backfill import Backfill, Part
from monitor.engine.pieces.conditions import fulfilling
from monitor.engine.pieces.timing import Span
from monitor.errors import UsageError
from monitor.plant.file.load import load
from monitor.plant.sources import Where
from monitor.sources.sql.filtered import rows_of

CELLS: dict[str, list[Any]] = {
    "ROW": list(range(6)),
    "LINE": ["A", "B", None, "a", "A%", "10"],
    "N": [1, 2, 3, None, 10, -1],
    "X": [0.5, float("inf"), None, 2.0, -1.0, 10.0],
    'of "x"': [True, False, None, True, False, True],
}
CONDITIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("LINE = :line", {"line": "A"}),
    "no text": ("LINE IS NULL OR NOT LINE IN (:a, :b)", {"a": "A", "b": "B"}),
    "like": ("LINE LIKE :p", {"p": "a%"}),
    "numbers": ("N BETWEEN :low AND :high", {"low": 2, "high": 10}),
    "a number as text": ("N > :n", {"n": "2"}),
    "text that looks like a number": ("LINE = :n", {"n": 10}),
    "arithmetic": ("N + X > :n", {"n": 1.5}),
    "two columns": ("(N > :n AND X < :x) OR LINE = :line", {"n": 0, "x": 3, "line": "10"}),
    "none": ("N > :n", {"n": 1000}),
}


@pytest.mark.parametrize(("sql", "params"), CONDITIONS.values(), ids=CONDITIONS)
@pytest.mark.slow
def test_the_rows_are_those_of_a_source_in_sqlite(sql: str, params: dict[str, Any], tmp_path: Path) -> None:
    where = Where(sql=sql, params=params)
    table = pa.table(CELLS)
    found = fulfilling(table, where, "s")
    assert found.schema == table.schema
    config = replace_where(tmp_path, where)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/s.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE WIP (ROW INTEGER, LINE TEXT, N INTEGER, X REAL)")
        for row in zip(*(CELLS[name] for name in ("ROW", "LINE", "N", "X")), strict=True):
            connection.exec_driver_sql("INSERT INTO WIP VALUES (?, ?, ?, ?)", row)
        expected = connection.execute(sa.select(rows_of(config, ("ROW",), connection.dialect))).scalars().all()
    engine.dispose()
    assert found.column("ROW").to_pylist() == list(expected)


def replace_where(folder: Path, where: Where) -> Any:
    """The configuration of a source in SQL with the condition."""
    config = load(make_plant(folder / "plant", 0.1), QUICK).plant.sources["historian"]
    return config.model_copy(update={"table": "WIP", "table_schema": None, "where": where})


def test_times_are_text_and_numbers_of_any_size_are_numbers() -> None:
    at = [datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in (6, 7)]
    table = pa.table({
        "AT": pa.array(at), "D": pa.array([Decimal("1.50"), Decimal("2.50")]),
        "U": pa.array([1, 2**64 - 1], pa.uint64()),
        "B": pa.array([b"x", b"y"]),
    })  # fmt: skip
    for sql, value in (("AT >= :v", "2026-03-02 07"), ("D > :v", 2), ("U > :v", 2**62)):
        assert fulfilling(table, Where(sql=sql, params={"v": value}), "s").column("B").to_pylist() == [b"y"]


def test_a_column_that_is_not_there_and_words_that_are_no_condition_are_refused() -> None:
    table = pa.table({"A": [1]})
    with pytest.raises(UsageError, match="the table of source 's' has no column 'B'; it has A"):
        fulfilling(table, Where(sql="B = :b", params={"b": 1}), "s")
    with pytest.raises(UsageError, match=r"sources\.s\.where: 'A = = :b' cannot be applied to its table: .*; expected"):
        fulfilling(table, Where(sql="A = = :b", params={"b": 1}), "s")


@pytest.mark.process
@pytest.mark.own_process
def test_a_backfill_judges_only_the_rows_that_the_condition_lets_through(tmp_path: Path) -> None:
    plant = load(make_plant(tmp_path, 0.5), QUICK).plant
    where = Where(sql="EQUIP <> :left_out", params={"left_out": "MC-01"})
    sources = {**plant.sources, "historian": plant.sources["historian"].model_copy(update={"where": where})}
    table = raw_table(plant, "historian", "demo")
    named = pa.compute.not_equal(table.column("EQUIP"), "MC-01")
    only = frozenset({Part.MACHINES})

    def judged(work: Backfill, rows: pa.Table) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for name, results in run_site(work, {"historian": rows}):
            found[name] = found.get(name, []) + results.to_pylist()
        return found

    whole = Backfill.of(plant, "", Span(), only)
    with_condition = replace(whole, plant=whole.plant.model_copy(update={"sources": {
        name: config.model_copy(update={"where": sources[name].where}) for name, config in whole.plant.sources.items()
    }}))  # fmt: skip
    expected = judged(whole, table.filter(named))
    assert expected["machine_windows"]
    assert judged(with_condition, table) == expected
    assert judged(whole, table) != expected
