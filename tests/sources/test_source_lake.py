"""Sources made of files: what is known with its commit or file, corrections, deletions, time travel, damage."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from readings_plant import readings_plant

from monitor.errors import SourceError, SourceReason, UsageError
from monitor.model import Page, RejectReason
from monitor.ports import Source
from monitor.sources.lake.delta_commits import Commit, Commits, parse_commit
from monitor.sources.transports import open_source

pytestmark = pytest.mark.own_process
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)
FEED = {"delta.enableChangeDataFeed": "true"}


def opened(url: str, table: str, **keys: object) -> Source:
    plant = readings_plant(url, table, **keys)
    return open_source("it", plant.sources["it"], plant)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def rows(minutes: Sequence[float], unit: str = "m1") -> pa.Table:
    return pa.table({
        "happened": pa.array([at(m) for m in minutes], pa.timestamp("us", "UTC")),
        "unit": pa.array([unit] * len(minutes), pa.string()),
        "force": pa.array(minutes, pa.float64()),
    })  # fmt: skip


def forces(page: Page) -> list[float]:
    return page.values[:, 0].tolist()


class Lake:
    """A Delta table of readings and the source that reads it."""

    def __init__(self, folder: Path, **configuration: str) -> None:
        self.path = folder / "lake" / "t"
        write_deltalake(self.path, rows([]), configuration=configuration)

    def source(self) -> Source:
        return opened(f"delta://{self.path.parent}", "t")

    def add(self, minutes: Sequence[float]) -> None:
        write_deltalake(self.path, rows(minutes), mode="append")

    @property
    def table(self) -> DeltaTable:
        return DeltaTable(self.path)


@pytest.fixture(params=[{}, FEED], ids=["files", "feed"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return Lake(tmp_path, **request.param)


def test_each_commit_is_met_once_however_old_its_rows_are(lake: Lake) -> None:
    source = lake.source()
    lake.add([10, 11])
    first = source.read(None, FAR, 100)
    assert forces(first) == [10, 11]
    assert first.position is not None
    assert first.frame["available_at"].nunique() == 1
    lake.add([1, 2])
    lake.add([12])
    later = source.read(first.position, FAR, 100)
    assert forces(later) == [1, 2, 12]
    assert source.read(later.position, FAR, 100).read == 0


def test_a_commit_is_never_split_and_pages_say_where_to_go_on(lake: Lake) -> None:
    for start in (0, 10, 20):
        lake.add([start + i for i in range(3)])
    source, after, pages = lake.source(), None, []
    while True:
        page = source.read(after, FAR, 2)
        pages.append(forces(page))
        after = page.position
        if not page.more:
            break
    assert pages == [[0, 1, 2], [10, 11, 12], [20, 21, 22]]


def test_what_was_updated_comes_again_and_what_was_not_does_not(lake: Lake) -> None:
    lake.add([1, 2, 3])
    source = lake.source()
    page = source.read(None, FAR, 100)
    lake.table.update(predicate="force = 2.0", updates={"force": "9.0"})
    corrected = source.read(page.position, FAR, 100)
    assert forces(corrected) == [9.0]
    assert corrected.frame["at"].tolist() == [pd.Timestamp(at(2))]


def test_what_was_deleted_is_not_met_and_is_gone_from_its_hour(lake: Lake) -> None:
    lake.add([1, 2, 3])
    source = lake.source()
    page = source.read(None, FAR, 100)
    before = datetime.now(UTC)
    time.sleep(0.002)  # commits have milliseconds
    lake.table.delete("force = 2.0")
    assert source.read(page.position, FAR, 100).read == 0
    hour = (NOON, NOON + timedelta(hours=1))
    assert len(source.hour_keys(*hour, FAR)) == 2
    assert forces(source.read_hour(*hour, FAR)) == [1, 3]
    assert len(source.hour_keys(*hour, before)) == 3, "time travel: as it was then"


@pytest.mark.slow
def test_compaction_is_no_news(lake: Lake) -> None:
    for minute in range(4):
        lake.add([minute])
    source = lake.source()
    page = source.read(None, FAR, 100)
    assert forces(page) == [0, 1, 2, 3]
    lake.table.optimize.compact()
    assert source.read(page.position, FAR, 100).read == 0
    assert len(source.hour_keys(NOON, NOON + timedelta(hours=1), FAR)) == 4
    lake.add([9])
    assert forces(source.read(page.position, FAR, 100)) == [9]
    assert forces(lake.source().read(None, FAR, 100)) == [0, 1, 2, 3, 9]


@pytest.mark.slow
def test_a_table_without_its_old_files_begins_with_the_oldest_whole_version(lake: Lake) -> None:
    for minute in range(4):
        lake.add([minute])
    source = lake.source()
    page = source.read(None, FAR, 2)
    lake.table.optimize.compact()
    lake.table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    lake.add([9])
    fresh = lake.source()
    everything = fresh.read(None, FAR, 100)
    assert sorted(forces(everything)) == [0, 1, 2, 3, 9]
    # One that had begun before meets what it lacks, though at later places: nothing is lost.
    rest = lake.source().read(page.position, FAR, 100)
    assert {2, 3, 9} <= set(forces(rest))


def test_a_log_that_was_cleaned_is_read_from_its_checkpoint(tmp_path: Path) -> None:
    lake = Lake(tmp_path, **{"delta.logRetentionDuration": "interval 0 seconds"})
    for minute in range(5):
        lake.add([minute])
    lake.table.create_checkpoint()
    lake.add([7])
    for version in range(4):
        (lake.path / "_delta_log" / f"{version:020d}.json").unlink(missing_ok=True)
    assert sorted(forces(lake.source().read(None, FAR, 100))) == [0, 1, 2, 3, 4, 7]


def test_partition_columns_and_missing_cells(tmp_path: Path) -> None:
    path = tmp_path / "lake" / "t"
    table = pa.concat_tables([rows([1, 2]), rows([3], unit="m2")])
    write_deltalake(path, table, partition_by=["unit"])
    write_deltalake(path, rows([4]).drop_columns(["force"]), mode="append", schema_mode="merge")
    source = opened(f"delta://{path.parent}", "t")
    page = source.read(None, FAR, 100)
    assert page.frame["machine"].tolist() == ["m1", "m1", "m2", "m1"]
    assert np.array_equal(page.values[:, 0], [1, 2, 3, np.nan], equal_nan=True)
    assert forces(source.read(None, FAR, 100, ["m2"])) == [3]


def test_local_times_need_a_zone_and_are_read_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lake" / "t"
    local = rows([*range(30)]).set_column(
        0, "happened", pa.array([at(m).replace(tzinfo=None) for m in range(30)], pa.timestamp("us"))
    )
    write_deltalake(path, local)
    with pytest.raises(UsageError, match="set `zone` to their IANA zone"):
        opened(f"delta://{path.parent}", "t").read(None, FAR, 100)
    page = opened(f"delta://{path.parent}", "t", at={"column": "happened", "zone": "Europe/Berlin"}).read(None, FAR, 9)
    assert page.frame["at"].iloc[0] == pd.Timestamp(NOON - timedelta(hours=1))


def test_a_delay_is_refused_where_commits_say_when(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="remove `delay`"):
        opened(f"delta://{tmp_path}", "t", delay="1m")


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected a Delta table there; correct `url` or `table`") as raised:
        opened(f"delta://{tmp_path}", "nothing").verify()
    assert raised.value.reason is SourceReason.MISSING_TABLE
    with pytest.raises(SourceError, match="expected a folder; create it, or correct `url`") as raised:
        opened(f"csv://{tmp_path}/nothing", "*.csv").verify()
    assert raised.value.reason is SourceReason.MISSING_TABLE


def commits_of(stamps: Sequence[int]) -> Commits:
    return Commits(lambda v: Commit(v, stamps[v]) if 0 <= v < len(stamps) else None)


def test_commits_of_clocks_that_differ_keep_their_order() -> None:
    ms = 1000
    stamps = [s * ms for s in (100, 200, 150, 150, 300)]
    commits = commits_of(stamps)
    found = commits.between(None, 2**62, 4)
    assert [commits.known(c.version) for c in found] == [s * ms for s in (100, 200, 201, 202, 300)]
    # One that begins later, at a cursor, sees the same instants.
    again = commits_of(stamps)
    assert [c.version for c in again.between(200 * ms, 2**62, 4)] == [2, 3, 4]
    assert again.version(201 * ms, 4) == 2


def test_a_commit_without_a_time_has_that_of_its_file() -> None:
    assert parse_commit(3, '{"add": {"path": "a%20b", "dataChange": true}}', 77).stamp == 77
    assert parse_commit(3, '{"add": {"path": "a%20b", "dataChange": true}}', 77).added[0].path == "a b"
    assert parse_commit(3, '{"commitInfo": {"timestamp": 5, "inCommitTimestamp": 6}}', 77).stamp == 6000


# Drop folders


class Drop:
    """A folder that CSV files are dropped into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def source(self, pattern: str = "*.csv", **keys: object) -> Source:
        return opened(f"csv://{self.folder}", pattern, **keys)

    def put(self, name: str, text: str, rename: bool = True) -> Path:
        target = self.folder / name
        written = self.folder / f".{name}" if rename else target
        written.write_text(text, encoding="utf-8")
        if rename:
            written.rename(target)
        return target


HEADER = "happened,unit,force\n"


def line(minute: float, force: object = None, unit: str = "m1") -> str:
    return f"{at(minute).isoformat()},{unit},{minute if force is None else force}\n"


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    return Drop(tmp_path / "drop")


def test_a_file_is_known_when_it_was_handed_over_not_when_it_was_written(drop: Drop) -> None:
    old = drop.put("old.csv", HEADER + line(1))
    source = drop.source()
    page = source.read(None, FAR, 100)
    assert forces(page) == [1]
    waiting = drop.folder.parent / "elsewhere.csv"
    waiting.write_text(HEADER + line(2))
    os.utime(waiting, (1, 1))
    while True:  # the clock of the file system ticks in milliseconds
        waiting.rename(drop.folder / "second.csv")
        if (drop.folder / "second.csv").stat().st_ctime_ns // 1000 > old.stat().st_ctime_ns // 1000:
            break
        (drop.folder / "second.csv").rename(waiting)
    assert forces(source.read(page.position, FAR, 100)) == [2]


@pytest.mark.parametrize("name", [".rows.csv", "_rows.csv", "rows.csv.part", "rows.csv.tmp", "rows.txt"])
def test_unfinished_and_other_files_are_left_alone(name: str, drop: Drop) -> None:
    drop.put(name, HEADER + line(1), rename=False)
    assert drop.source("*").read(None, FAR, 100).read == (1 if name == "rows.txt" else 0)
    assert drop.source().read(None, FAR, 100).read == 0


def test_the_last_line_of_a_file_being_written_waits(drop: Drop) -> None:
    target = drop.put("rows.csv", HEADER + line(1) + line(2)[:-4], rename=False)
    source = drop.source()
    assert forces(source.read(None, FAR, 100)) == [1]
    with target.open("a") as file:
        file.write(line(2)[-4:] + line(3))
    assert forces(source.read(None, FAR, 100)) == [1, 2, 3]


def test_a_half_written_parquet_file_waits_and_an_old_one_is_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "drop"
    folder.mkdir()
    pq.write_table(rows([1, 2]), whole)
    (folder / "a.parquet").write_bytes(whole.read_bytes()[:-20])
    pq.write_table(rows([3]), folder / "b.parquet")
    source = opened(f"parquet://{folder}", "*.parquet")
    page = source.read(None, FAR, 100)
    assert (forces(page), page.rejects) == ([3], ())
    monkeypatch.setattr("monitor.sources.lake.folder._QUIET", -1)
    page = source.read(None, FAR, 100)
    assert forces(page) == [3]
    assert [(r.reason, r.row["file"]) for r in page.rejects] == [(RejectReason.DAMAGED, "a.parquet")]
    (folder / "a.parquet").write_bytes(whole.read_bytes())
    assert sorted(forces(source.read(None, FAR, 100))) == [1, 2, 3]


def test_a_line_with_other_cells_than_the_header_is_refused_alone(drop: Drop) -> None:
    drop.put("rows.csv", HEADER + line(1) + line(2, "12,5") + "half\n" + line(3))
    page = drop.source().read(None, FAR, 100)
    assert forces(page) == [1, 3]
    assert [(r.reason, r.row["line"]) for r in page.rejects] == [
        (RejectReason.DAMAGED, "3"), (RejectReason.DAMAGED, "4")
    ]  # fmt: skip
    assert page.read == 4


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_the_separator_is_that_of_the_header(mark: str, drop: Drop) -> None:
    text = (HEADER + line(1)).replace(",", mark).replace("\n", "\r\n")
    drop.put("rows.csv", "\ufeff" + text)
    assert forces(drop.source().read(None, FAR, 100)) == [1]


def test_a_file_that_is_not_text_is_damage_and_the_others_are_read(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.sources.lake.folder._QUIET", -1)
    (drop.folder / "a.csv").write_bytes(b"\xff\xfe\x00\x01" * 10)
    drop.put("b.csv", HEADER + line(1))
    page = drop.source().read(None, FAR, 100)
    assert forces(page) == [1]
    assert [r.reason for r in page.rejects] == [RejectReason.DAMAGED]


def test_pages_of_a_large_parquet_file_are_bounded(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    pq.write_table(rows([i / 60 for i in range(5000)]), folder / "rows.parquet", row_group_size=500)
    source = opened(f"parquet://{folder}", "*.parquet", available_at="happened")
    after, seen, sizes = None, [], []
    while True:
        page = source.read(after, FAR, 700)
        sizes.append(page.read)
        seen += forces(page)
        after = page.position
        if not page.more:
            break
    assert seen == [i / 60 for i in range(5000)]
    assert max(sizes) == 700


def quoted(path: Path, cells: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(cells)


def test_quotes_and_line_ends_inside_a_cell_are_kept(drop: Drop) -> None:
    quoted(
        drop.folder / "rows.csv", [["happened", "unit", "force", "note"], [at(1).isoformat(), "m1", "1", 'a,"b"\nc']]
    )
    assert forces(drop.source().read(None, FAR, 100)) == [1]


@pytest.mark.slow
def test_threads_may_ask_the_same_source(lake: Lake) -> None:
    for minute in range(30):
        lake.add([minute])
    source = lake.source()
    hour = NOON, NOON + timedelta(hours=1)
    with ThreadPoolExecutor(6) as pool:
        pages = [pool.submit(source.read, None, FAR, 7) for _ in range(12)]
        keys = [pool.submit(source.hour_keys, *hour, FAR) for _ in range(12)]
        assert {tuple(forces(page.result())) for page in pages} == {tuple(map(float, range(7)))}
        assert {len(found.result()) for found in keys} == {30}
