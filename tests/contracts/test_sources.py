"""The source contract on every transport: SQL on both databases, and one that the tests add by a line of the roster."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from csv_transport import CsvSource
from databricks_kit.workspace import Workspace, running
from deltalake import write_deltalake
from readings_plant import readings_plant
from source import COLUMNS, CONTRACT, Make, Row, Table, a_missing_column_is_named

from monitor.errors import UsageError
from monitor.plant.plant import Plant
from monitor.ports import Source
from monitor.sources.transports import TRANSPORTS, Transport, open_source

WITH_CSV = {**TRANSPORTS, "whole": Transport("whole:///FILE", CsvSource)}
"""A transport more: its file and this line."""


def plant_of(url: str, table: str = "t") -> Plant:
    return readings_plant(url, table, available_at="posted")


def opened(url: str, table: str = "t") -> Source:
    plant = plant_of(url, table)
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
        return Table(opened(f"whole://{self.file}"), self.add)

    def add(self, rows: Sequence[Row]) -> None:
        self._write([["" if cell is None else str(cell) for cell in row] for row in rows], "a")

    def without(self, column: str) -> Source:
        self._write([[name for name in COLUMNS if name != column]])
        return opened(f"whole://{self.file}")

    def _write(self, rows: Sequence[Sequence[str]], mode: str = "w") -> None:
        with self.file.open(mode, newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)


class Dropped:
    """Files that are dropped into a folder, one for each addition."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind, self.dropped = folder / "drop", kind, 0
        self.folder.mkdir()

    def make(self, rows: Sequence[Row]) -> Table:
        for file in self.folder.iterdir():
            file.unlink()
        if rows:
            self.add(rows)
        return Table(opened(f"{self.kind}://{self.folder}", f"*.{self.kind}"), self.add)

    def add(self, rows: Sequence[Row]) -> None:
        self.dropped += 1
        self.write(COLUMNS, [[None if cell is None else str(cell) for cell in row] for row in rows])

    def write(self, names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> None:
        unfinished = self.folder / ".being-written"
        if self.kind == "csv":
            with unfinished.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([names, *rows])
        else:
            pq.write_table(text_table(names, rows), unfinished)
        unfinished.rename(self.folder / f"rows-{self.dropped}.{self.kind}")

    def without(self, column: str) -> Source:
        self.write([name for name in COLUMNS if name != column], [["x"] * (len(COLUMNS) - 1)])
        return opened(f"{self.kind}://{self.folder}", f"*.{self.kind}")


class DeltaTables:
    """Delta tables, a commit for each addition; with or without a change data feed."""

    def __init__(self, folder: Path, feed: bool) -> None:
        self.folder, self.configuration = folder / "lake", {"delta.enableChangeDataFeed": str(feed).lower()}

    def make(self, rows: Sequence[Row]) -> Table:
        write_deltalake(self.folder / "t", text_table(COLUMNS, []), mode="overwrite", configuration=self.configuration)
        if rows:
            self.add(rows)
        return Table(opened(f"delta://{self.folder}"), self.add)

    def add(self, rows: Sequence[Row]) -> None:
        texts = [[None if cell is None else str(cell) for cell in row] for row in rows]
        write_deltalake(self.folder / "t", text_table(COLUMNS, texts), mode="append")

    def without(self, column: str) -> Source:
        write_deltalake(self.folder / "t", text_table([name for name in COLUMNS if name != column], []))
        return opened(f"delta://{self.folder}")


class CatalogTables(DeltaTables):
    """Delta tables that are found in Unity Catalog, which is a stub."""

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        super().__init__(folder, feed=True)
        workspace.tables.add("main.mes.t", (self.folder / "t").as_uri())

    def make(self, rows: Sequence[Row]) -> Table:
        return Table(opened("delta+uc://", "main.mes.t"), super().make(rows).add)

    def without(self, column: str) -> Source:
        super().without(column)
        return opened("delta+uc://", "main.mes.t")


def text_table(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> pa.Table:
    return pa.table({name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)})


Tables = SqlTables | CsvFiles | Dropped | DeltaTables


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with pytest.MonkeyPatch.context() as environment, running(environment) as workspace:
        yield workspace


APART = ("csv", "parquet", "delta", "delta-feed", "unity-catalog")
"""Read with libraries that have threads."""


@pytest.fixture(
    params=[
        "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres), "whole",
        *(pytest.param(kind, marks=pytest.mark.own_process) for kind in APART),
    ]
)  # fmt: skip
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tables]:
    files: dict[str, Callable[[], Tables]] = {
        "whole": lambda: CsvFiles(tmp_path),
        "csv": lambda: Dropped(tmp_path, "csv"),
        "parquet": lambda: Dropped(tmp_path, "parquet"),
        "delta": lambda: DeltaTables(tmp_path, feed=False),
        "delta-feed": lambda: DeltaTables(tmp_path, feed=True),
    }
    if request.param in files:
        yield files[request.param]()
        return
    if request.param == "unity-catalog":
        yield CatalogTables(tmp_path, request.getfixturevalue("workspace"))
        return
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else f"sqlite:///{tmp_path / 't.db'}"
    made = SqlTables(url)
    yield made
    made.engine.dispose()


@pytest.mark.parametrize("check", CONTRACT.values(), ids=CONTRACT)
def test_the_contract_holds(check: Callable[[Make], None], tables: Tables) -> None:
    check(tables.make)


def test_a_missing_column_is_named(tables: Tables) -> None:
    a_missing_column_is_named(tables.without)


def test_an_unknown_scheme_is_refused_with_those_there_are() -> None:
    plant = plant_of("orc:///rows.orc")
    with pytest.raises(
        UsageError, match=r"reads orc://...; expected sqlite:///FILE or postgresql://USER@HOST/DATABASE or delta://"
    ):
        open_source("it", plant.sources["it"], plant)
