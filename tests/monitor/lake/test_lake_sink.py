"""What is sent to the lake and when, on both databases; and what happens where it cannot be written."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fork_kit import ended, forked
from lake_kit import LATER, START, TABLES, compare, fill, in_child, plant_at, rows_of, send
from waits import until

from monitor.errors import LakeError
from monitor.lake.schemas import SCHEMAS
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.lake import made
from monitor.store.lake.progress import progress_of
from monitor.store.lake.windows import note_windows

pytestmark = pytest.mark.process


@pytest.fixture
def plant(store_url: str, tmp_path: Path) -> Plant:
    """A plant with a lake."""
    return plant_at(tmp_path, f"store.url={store_url}", "lake.rows=1000")


def sent(plant: Plant, minutes: float = 0) -> str:
    """One run of the job in a process of its own; the sentence with which it failed, '' if it did not."""

    def work() -> str:
        own = Store(plant.store.url)
        try:
            send(own, plant, LATER + timedelta(minutes=minutes))
        except LakeError as exc:
            return str(exc)
        finally:
            own.close()
        return ""

    assert plant.lake is not None
    return str(in_child(work, Path(plant.lake.location).parent))


def tallies(store: Store) -> dict[str, float]:
    """The metrics of the lake, those of a table by its name."""
    with store.read() as connection:
        rows = connection.execute(sa.select(t.tally).where(t.tally.c.name.like("gatewatch_lake_%"))).all()
    return {f"{row.name.removeprefix('gatewatch_lake_')} {row.labels['table']}": row.value for row in rows}


def lost_or_doubled(store: Store, folder: Path) -> dict[str, list[str]]:
    return {table: [*one.lost, *one.doubled] for table, one in compare(store, folder).items()}


WHOLE: dict[str, list[str]] = {table: [] for table in TABLES}


def test_everything_is_sent_once_also_what_was_there_before_the_lake(
    store: Store, plant: Plant, tmp_path: Path
) -> None:
    fill(store, 7)
    with store.write() as connection:
        connection.execute(t.lake_window.delete())  # as without a lake nothing is noted
    assert [sent(plant), sent(plant, 1)] == ["", ""]
    assert lost_or_doubled(store, tmp_path) == WHOLE
    fill(store, 5)
    assert sent(plant, 2) == ""
    found = compare(store, tmp_path)
    assert {table: [*one.lost, *one.doubled] for table, one in found.items()} == WHOLE
    told = tallies(store)
    assert {table: told[f"rows_total {table}"] for table in TABLES} == {table: found[table].rows for table in TABLES}
    assert [told[f"rows_waiting {table}"] for table in TABLES] == [0, 0, 0, 0]
    at = (LATER + timedelta(minutes=2)).timestamp()
    assert [told[f"last_success_timestamp_seconds {table}"] for table in TABLES] == [at] * 4


def test_what_was_made_while_the_section_was_taken_out_is_sent_when_it_is_back(
    store: Store, plant: Plant, tmp_path: Path
) -> None:
    fill(store, 12)
    assert sent(plant) == ""
    fill(store, 12)  # all of it of a later window
    with store.write() as connection:
        connection.execute(t.lake_window.delete())
    assert sent(plant, 1) == ""
    assert lost_or_doubled(store, tmp_path) == WHOLE


def test_a_window_is_sent_when_it_is_over_and_again_when_it_changed(store: Store, plant: Plant, tmp_path: Path) -> None:
    fill(store, 1)
    with store.write() as connection:
        connection.execute(t.machine_window.update().values(start=LATER))
        connection.execute(t.lake_window.update().values(start=LATER))
    windows = tmp_path / "lake" / "machine_windows"
    assert (sent(plant, 5), rows_of(windows)) == ("", [])
    assert tallies(store)["rows_waiting machine_windows"] == 1
    # An hour after its end it is over, whether or not its machine says more.
    assert sent(plant, 66) == ""
    assert [row["total"] for row in rows_of(windows)] == [0.0, 0.0]
    with store.write() as connection:
        connection.execute(t.machine_window.update().where(t.machine_window.c.sensor == "a").values(total=9.0))
        note_windows(connection, {("m0", LATER)})
    assert sent(plant, 67) == ""
    assert sorted((row["batch"], row["sensor"], row["total"]) for row in rows_of(windows)) == [
        (1, "a", 0.0), (1, "b", 0.0), (2, "a", 9.0), (2, "b", 0.0),
    ]  # fmt: skip


def test_a_note_of_a_window_that_retention_deleted_is_dropped(store: Store, plant: Plant, tmp_path: Path) -> None:
    fill(store, 3)
    with store.write() as connection:
        connection.execute(t.machine_window.delete())
    assert sent(plant) == ""
    assert tallies(store)["rows_waiting machine_windows"] == 0
    assert rows_of(tmp_path / "lake" / "machine_windows") == []


def test_a_passport_says_the_newest_of_all_that_is_known_of_a_part(store: Store, plant: Plant, tmp_path: Path) -> None:
    fill(store, 3)  # two batches of parts, the second of which was disposed of
    assert sent(plant) == ""
    rows = {row["serial"]: row for row in rows_of(tmp_path / "lake" / "part_passports")}
    assert len(rows) == 24
    part = rows["P1-3"]
    assert (part["site"], part["day"], part["first_at"]) == ("demo", "2026-03-02", "2026-03-02T06:20:00+00:00")
    assert part["changed_at"] == "2026-03-02T06:40:00+00:00"
    assert [(one["step"], one["machine"], one["lot"]) for one in part["passages"]] == [("forging", "m1", "L1")]
    assert [(one["gate"], one["verdict"], one["predicted"]) for one in part["decisions"]] == [("g1", "hold", 1 / 3)]
    assert [one["disposition"] for one in part["dispositions"]] == ["used"]
    assert (part["outcomes"], rows["P0-3"]["dispositions"]) == ([], [])


def test_another_folder_is_sent_everything_from_the_beginning(
    store: Store, store_url: str, plant: Plant, tmp_path: Path
) -> None:
    fill(store, 4)
    assert sent(plant) == ""
    other = plant_at(tmp_path / "other", f"store.url={store_url}")
    assert sent(other, 1) == ""
    assert lost_or_doubled(store, tmp_path / "other") == WHOLE


@pytest.mark.postgres
def test_a_finding_that_is_committed_late_under_an_earlier_number_is_not_passed_by(
    postgres_store_url: str,
) -> None:
    """On PostgreSQL the order of a sequence is not that of the commits."""
    store = Store(postgres_store_url)
    settled: list[int] = []

    def settle() -> None:
        with store.read() as connection:
            settled.append(made.settled_finding(connection))

    def insert(connection: sa.Connection, subject: str) -> int:
        row = {
            "arrival": 0, "detector": "d", "method": "m", "subject": subject, "feature": "", "at": START,
            "status": "ok", "causes": [],
        }  # fmt: skip
        return int(connection.execute(t.finding.insert().values(row).returning(t.finding.c.id)).scalar_one())

    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareLock'")

    def waits() -> bool:
        with store.read() as connection:
            return bool(connection.scalar(waiting))

    thread = threading.Thread(target=settle)
    with store.write() as slow:
        first = insert(slow, "slow")
        with store.write() as quick:
            second = insert(quick, "quick")
        thread.start()
        until(waits, "the lock that settles findings")
        assert settled == []
    thread.join()
    assert (first < second, settled) == (True, [second])
    with store.read() as connection:
        taken = made.take_findings(connection, {}, settled[0], 10)
    assert list(taken.columns["subject"]) == ["slow", "quick"]
    store.close()


def test_a_table_that_cannot_be_written_waits_and_holds_up_no_other(store: Store, plant: Plant, tmp_path: Path) -> None:
    fill(store, 4)
    lake = tmp_path / "lake"
    lake.mkdir()
    (lake / "decisions").write_text("no table")
    sentence = sent(plant)
    assert sentence.startswith(f"lake table {lake}/decisions: ")
    assert sentence.endswith("nothing is lost, the next slot tries again")
    assert "\n" not in sentence
    assert len(rows_of(lake / "findings")) == 4
    told = tallies(store)
    assert (told["failures_total decisions"], told["rows_waiting decisions"]) == (1, 36)
    assert told["rows_waiting findings"] == 0
    # In between it waits, and says why; the wait doubles.
    assert sent(plant, 0.1) == sentence
    assert tallies(store)["failures_total decisions"] == 1
    assert sent(plant, 0.2) == sentence
    at = progress(store, plant)
    assert (at.attempts, at.next_at) == (2, LATER + timedelta(seconds=12 + 20))
    (lake / "decisions").unlink()
    assert sent(plant, 1) == ""
    assert lost_or_doubled(store, tmp_path) == WHOLE
    assert (progress(store, plant).attempts, progress(store, plant).error) == (0, None)


def progress(store: Store, plant: Plant) -> Any:
    assert plant.lake is not None
    with store.read() as connection:
        return progress_of(connection, plant.lake.url, "decisions")


def made_there(work: Callable[[Path], object], lake: Path) -> None:
    """Something done to the lake's table of decisions by somebody else."""
    assert ended(forked(lambda: work(lake / "decisions"))) == 0


def test_a_table_of_another_schema_is_left_alone(store: Store, plant: Plant, tmp_path: Path) -> None:
    def other(table: Path) -> None:
        import pyarrow as pa
        from deltalake import DeltaTable

        columns = [("site", pa.string()), ("day", pa.date32()), ("serial", pa.int64()), ("mine", pa.string())]
        DeltaTable.create(str(table), pa.schema(columns), partition_by=["site", "day"])

    fill(store, 3)
    made_there(other, tmp_path / "lake")
    assert "it is not one of Gatewatch's: it has another type of serial; set lake.url to another folder" in sent(plant)
    assert rows_of(tmp_path / "lake" / "decisions") == []
    assert len(rows_of(tmp_path / "lake" / "findings")) == 3


def older(table: Path) -> None:
    """A row of another site, of the first day, in a table that lacks two columns."""
    from deltalake import DeltaTable, write_deltalake

    from monitor.lake.encode import encode

    columns = SCHEMAS["decisions"].columns
    row = {name.removesuffix("_json"): [None] for name in columns.names} | {"at": [START]}
    old = encode("decisions", "older", 1, row).drop_columns(["coordinates_json", "lower"])
    DeltaTable.create(str(table), old.schema, partition_by=["site", "day"])
    write_deltalake(str(table), old, mode="append")


def test_a_column_that_came_later_is_added_to_an_older_table(store: Store, plant: Plant, tmp_path: Path) -> None:
    fill(store, 3)
    made_there(older, tmp_path / "lake")
    assert sent(plant) == ""
    rows = rows_of(tmp_path / "lake" / "decisions")
    assert [row["lower"] for row in rows if row["site"] == "older"] == [None]
    assert sum(row["lower"] is not None for row in rows) > 10


def test_a_lake_that_is_not_what_was_sent_is_not_written_to(
    store_url: str, store: Store, plant: Plant, tmp_path: Path
) -> None:
    fill(store, 3)
    assert sent(plant) == ""
    fill(store, 1)
    shutil.rmtree(tmp_path / "lake" / "decisions")
    sentence = sent(plant, 1)
    assert "it has 0 batches of this store, which sent 1: it was deleted, replaced or restored" in sentence
    assert sentence.count("; set lake.url to a new folder, which is sent everything") == 1
    assert not (tmp_path / "lake" / "decisions").exists()
    assert progress(store, plant).number == 1


def test_a_store_from_an_older_backup_does_not_take_what_is_there_for_its_own(
    store: Store, plant: Plant, tmp_path: Path
) -> None:
    """Its next batch has the number of one that is there, with other rows: taking it for sent would lose them."""
    fill(store, 3)
    assert sent(plant) == ""
    with store.write() as connection:
        connection.execute(t.lake_table.update().values(number=0, marks={}))
    assert "it has 1 batches of this store, which sent 0: the store was restored from an older backup" in sent(plant, 1)
    assert len(rows_of(tmp_path / "lake" / "decisions")) == 24


def files_of(folder: Path) -> dict[str, int]:
    """How many files each day of the decisions has, as the newest version has them."""

    def work() -> dict[str, int]:
        from deltalake import DeltaTable

        found: dict[str, int] = {}
        for file in DeltaTable(str(folder / "lake" / "decisions")).file_uris():
            day = file.split("day=")[1][:10]
            found[day] = found.get(day, 0) + 1
        return found

    return dict(in_child(work, folder))


def test_days_that_are_over_become_few_files_and_old_ones_go(store: Store, store_url: str, tmp_path: Path) -> None:
    keep = "lake.keep=59d"  # of 60 since the first row, which is in the morning
    plant = plant_at(tmp_path, f"store.url={store_url}", "lake.rows=100", keep)
    made_there(older, tmp_path / "lake")
    fill(store, 150)  # 50 hours from 2026-03-02 06:00 on
    assert sent(plant) == ""
    # That of the first day is of another site.
    assert files_of(tmp_path) == {"2026-03-02": 1, "2026-03-03": 1, "2026-03-04": 1}
    rows = [row for row in rows_of(tmp_path / "lake" / "decisions") if row["site"] == "demo"]
    with store.read() as connection:
        d = t.decision.c
        stored = set(connection.scalars(sa.select(d.serial).where(d.at >= START.replace(day=3, hour=0))))
    assert (len(rows), {row["serial"] for row in rows}) == (len(stored), stored)
    # What was deleted of the lake is not sent again.
    assert sent(plant, 1) == ""
    assert len(rows_of(tmp_path / "lake" / "decisions")) == len(stored) + 1
