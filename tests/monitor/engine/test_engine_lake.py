"""Tables of many plants: Delta or Parquet, whatever the files are cut by; results are whole tables or none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from monitor.engine.lake import SiteRows, has_table, open_table, write_tables
from monitor.errors import UsageError

pytestmark = pytest.mark.own_process

ROWS = pa.table({"a.b": [1, 2, 3, 4], "site": ["7", "berlin", "7", "x y"]})


def one_file(folder: Path) -> None:
    folder.mkdir()
    pq.write_table(ROWS, folder / "all.parquet")


def a_folder_a_site(folder: Path) -> None:
    ds.write_dataset(ROWS, folder, format="parquet", partitioning=["site"], partitioning_flavor="hive")


def delta(folder: Path) -> None:
    pytest.importorskip("deltalake", reason="deltalake is not installed").write_deltalake(str(folder), ROWS)


def delta_by_site(folder: Path) -> None:
    library = pytest.importorskip("deltalake", reason="deltalake is not installed")
    library.write_deltalake(str(folder), ROWS, partition_by=["site"])


@pytest.mark.parametrize("write", [one_file, a_folder_a_site, delta, delta_by_site], ids=lambda w: w.__name__)
def test_each_plant_has_its_rows(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path / "readings")
    assert has_table(str(tmp_path), "readings")
    rows = SiteRows(open_table(str(tmp_path), "readings"))
    assert sorted(rows.sites) == ["7", "berlin", "x y"]
    assert {site: sorted(rows.of(site)["a.b"].to_pylist()) for site in rows.sites} == {
        "7": [1, 3],
        "berlin": [2],
        "x y": [4],
    }
    assert rows.of("nowhere").num_rows == 0


def test_a_table_that_is_not_there_or_names_no_plant_is_refused(tmp_path: Path) -> None:
    assert not has_table(str(tmp_path), "readings")
    with pytest.raises(UsageError, match=r"readings: no table there; expected a Delta table or a folder of Parquet"):
        open_table(str(tmp_path), "readings")
    (tmp_path / "readings").mkdir()
    pq.write_table(ROWS.drop_columns(["site"]), tmp_path / "readings" / "rows.parquet")
    with pytest.raises(UsageError, match=r"no column 'site', by which plants are told apart; it has a\.b"):
        open_table(str(tmp_path), "readings")


@pytest.mark.parametrize("form", ["parquet", "delta"])
def test_tables_are_replaced_whole_and_a_failure_leaves_the_old_ones(form: str, tmp_path: Path) -> None:
    if form == "delta":
        pytest.importorskip("deltalake", reason="deltalake is not installed")
    url, schemas = str(tmp_path / "out"), {"found": ROWS.schema, "none": ROWS.schema}
    assert write_tables(url, [("found", ROWS), ("found", ROWS)], schemas, form) == {"found": 8, "none": 0}  # type: ignore[arg-type]
    assert open_table(url, "none").to_table().num_rows == 0

    def broken() -> object:
        yield "found", ROWS
        raise UsageError("broken")

    with pytest.raises(UsageError, match="broken"):
        write_tables(url, broken(), schemas, form)  # type: ignore[arg-type]
    assert open_table(url, "found").to_table().num_rows == 8
    write_tables(url, [("found", ROWS)], schemas, form)  # type: ignore[arg-type]
    assert sorted(open_table(url, "found").to_table()["a.b"].to_pylist()) == [1, 2, 3, 4]
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")] == []
