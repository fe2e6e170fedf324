"""The source contract on every transport: SQL on both databases, and one that the tests add by a line of the roster."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from csv_transport import CsvSource
from source import COLUMNS, CONTRACT, Make, Row, Table, a_missing_column_is_named

from monitor.errors import UsageError
from monitor.plant.plant import Plant
from monitor.ports import Source
from monitor.sources.transports import TRANSPORTS, Transport, open_source

WITH_CSV = {**TRANSPORTS, "csv": Transport("csv:///FILE", CsvSource)}
"""A transport more: its file and this line."""


def plant_of(url: str) -> Plant:
    return Plant.model_validate(
        {
            "version": 1, "site": "here", "steps": {"forging": {"line": "l"}},
            "machines": {name: {"step": "forging", "sensors": {"force": {}}} for name in ("m1", "m2")},
            "sources": {
                "it": {
                    "kind": "readings", "url": url, "table": "t", "at": "happened", "available_at": "posted",
                    "machine": "unit", "values": {"force": "force"},
                }
            },
        }
    )  # fmt: skip


def opened(url: str) -> Source:
    plant = plant_of(url)
    return open_source("it", plant.sources["it"], plant, WITH_CSV)


class SqlTables:
    """Tables of text in a database, as a MES without types would have them."""

    def __init__(self, url: str) -> None:
        self.url, self.engine = url, sa.create_engine(url)

    def make(self, rows: Sequence[Row]) -> Table:
        self.create(COLUMNS)
        self.add(rows)
        return Table(opened(self.url), self.add)

    def create(self, columns: Sequence[str]) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE IF EXISTS t")
            connection.exec_driver_sql(f"CREATE TABLE t ({', '.join(f'{name} TEXT' for name in columns)})")

    def add(self, rows: Sequence[Row]) -> None:
        table = sa.table("t", *map(sa.column, COLUMNS))
        text = [[None if cell is None else str(cell) for cell in row] for row in rows]
        with self.engine.begin() as connection:
            for cells in text:
                connection.execute(table.insert().values(dict(zip(COLUMNS, cells, strict=True))))

    def without(self, column: str) -> Source:
        self.create([name for name in COLUMNS if name != column])
        return opened(self.url)


class CsvFiles:
    """CSV files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "t.csv"

    def make(self, rows: Sequence[Row]) -> Table:
        self._write([COLUMNS])
        self.add(rows)
        return Table(opened(f"csv://{self.file}"), self.add)

    def add(self, rows: Sequence[Row]) -> None:
        self._write([["" if cell is None else str(cell) for cell in row] for row in rows], "a")

    def without(self, column: str) -> Source:
        self._write([[name for name in COLUMNS if name != column]])
        return opened(f"csv://{self.file}")

    def _write(self, rows: Sequence[Sequence[str]], mode: str = "w") -> None:
        with self.file.open(mode, newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres), "csv"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlTables | CsvFiles]:
    if request.param == "csv":
        yield CsvFiles(tmp_path)
        return
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else f"sqlite:///{tmp_path / 't.db'}"
    made = SqlTables(url)
    yield made
    made.engine.dispose()


@pytest.mark.parametrize("check", CONTRACT.values(), ids=CONTRACT)
def test_the_contract_holds(check: Callable[[Make], None], tables: SqlTables | CsvFiles) -> None:
    check(tables.make)


def test_a_missing_column_is_named(tables: SqlTables | CsvFiles) -> None:
    a_missing_column_is_named(tables.without)


def test_an_unknown_scheme_is_refused_with_those_there_are() -> None:
    plant = plant_of("parquet:///rows.parquet")
    with pytest.raises(
        UsageError, match=r"reads parquet://...; expected sqlite:///FILE or postgresql://USER@HOST/DATABASE"
    ):
        open_source("it", plant.sources["it"], plant)
