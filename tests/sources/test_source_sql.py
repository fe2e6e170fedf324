"""Reading real tables on SQLite and PostgreSQL: pages, hours, counts and strays."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from source_databases import Database
from sources_plant import counted, everything, make_plant, numbers_of

from monitor.model import RejectReason
from monitor.sources.sql.source import SqlSource
from monitor.sources.transports import open_source

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
END = NOON + timedelta(days=365)
Open = Callable[..., SqlSource]
READINGS = {"kind": "readings", "machine": "m", "values": {"temp": "a"}}


WAYS = [
    pytest.param("timestamptz", {}, lambda t: t.isoformat(), "postgresql", id="timestamptz"),
    pytest.param("timestamp", {"zone": "Europe/Berlin"}, lambda t: local(t), "postgresql", id="naive timestamp"),
    pytest.param("text", {"zone": "Europe/Berlin"}, lambda t: str(local(t)), None, id="naive text with a blank"),
    pytest.param("text", {"zone": "UTC"}, lambda t: t.replace(tzinfo=None).isoformat(), None, id="naive text with a T"),
    pytest.param("text", {}, lambda t: t.isoformat().replace("+00:00", "Z"), None, id="text in utc"),
    pytest.param("text", {}, lambda t: t.astimezone(BERLIN).isoformat(), None, id="text with changing offsets"),
    pytest.param("bigint", {"epoch": "ms"}, lambda t: int(t.timestamp() * 1000), None, id="epoch milliseconds"),
    pytest.param("double precision", {"epoch": "s"}, lambda t: t.timestamp(), None, id="epoch seconds as floats"),
]
BERLIN = ZoneInfo("Europe/Berlin")


def local(at: datetime) -> datetime:
    return at.astimezone(BERLIN).replace(tzinfo=None, fold=0)


@pytest.mark.parametrize(("kind", "config", "write", "only"), WAYS)
def test_every_way_to_write_times_pages_and_counts_alike(
    database: Database,
    opened: Open,
    kind: str,
    config: dict[str, Any],
    write: Callable[[datetime], Any],
    only: str | None,
) -> None:
    if only and not database.postgres:
        pytest.skip("a type of PostgreSQL only")
    database.run(f"CREATE TABLE t (ts {kind}, m text, a double precision)")
    times = [NOON + timedelta(minutes=10 * i, milliseconds=500 * (i % 2)) for i in range(20)]
    database.insert("t", [(write(t), f"m{1 + i % 2}", float(i)) for i, t in enumerate(times)])
    source = opened(database, at={"column": "ts", **config}, **READINGS)
    source.verify()
    pages = everything(source)
    assert numbers_of(pages) == [float(i) for i in range(20)]
    assert [t.to_pydatetime() for p in pages for t in p.frame["at"]] == times
    middle = source.read(times[4], times[9], 100)
    assert numbers_of([middle]) == [5.0, 6.0, 7.0, 8.0, 9.0]
    assert middle.position == times[9]
    assert (middle.more, middle.read) == (False, 5)
    counts = counted(source, NOON, NOON + timedelta(hours=4), END)
    assert counts == {NOON + timedelta(hours=i): n for i, n in enumerate((6, 6, 6, 2))}
    hour = source.read_hour(NOON + timedelta(hours=1), NOON + timedelta(hours=2), times[8])
    assert numbers_of([hour]) == [6.0, 7.0, 8.0]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Los_Angeles"])
@pytest.mark.slow
def test_both_changes_of_the_clocks_lose_no_row(database: Database, opened: Open, zone: str) -> None:
    kind = "timestamp" if database.postgres else "text"
    database.run(f"CREATE TABLE t (ts {kind}, m text, a double precision)")
    days = {"Europe/Berlin": ((3, 29, 1), (10, 25, 1)), "America/Los_Angeles": ((3, 8, 10), (11, 1, 9))}[zone]
    changes = [datetime(2026, month, day, hour, tzinfo=UTC) for month, day, hour in days]
    times = [c + timedelta(minutes=20 * i) for c in changes for i in range(-9, 9)]
    walls = [t.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) for t in times]
    database.insert("t", [(str(w), "m1", float(i)) for i, w in enumerate(walls)])
    source = opened(database, at={"column": "ts", "zone": zone}, **READINGS)
    for limit in (1, 4, 100):
        pages = everything(source, limit=limit)
        rejects = [r for p in pages for r in p.rejects]
        assert {r.reason for r in rejects} == {RejectReason.AMBIGUOUS_TIME}
        assert len(rejects) == 6, "three rows of each pass through the double hour"
        found = [t.to_pydatetime() for p in pages for t in p.frame["at"]]
        assert found == [t for t in times if not changes[1] - timedelta(hours=1) <= t < changes[1] + timedelta(hours=1)]
    # However far the clock had come when the rows were read, none is missed.
    position, seen = None, 0
    for minute in range(-200, 200, 10):
        page = source.read(position, changes[1] + timedelta(minutes=minute), 100)
        position, seen = page.position, seen + page.read
    assert seen == len(times)
    for change in changes:
        counts = counted(source, change - timedelta(hours=3), change + timedelta(hours=3), END)
        twice = [change + timedelta(hours=h) for h in (-1, 0)] if change is changes[1] else []
        hours = [change + timedelta(hours=h) for h in range(-3, 3)]
        assert counts == {hour: 0 if hour in twice else 3 for hour in hours}


@settings(max_examples=25, deadline=None)
@given(
    known=st.lists(st.integers(0, 12), min_size=1, max_size=40),
    limit=st.integers(1, 8),
    fraction=st.booleans(),
    separator=st.sampled_from(" T"),
    suffix=st.sampled_from(["", "Z"]),  # a Z sorts behind the point of a fraction
)
@example(known=[0, 1, 2, 3], limit=1, fraction=True, separator="T", suffix="Z")
@pytest.mark.slow
def test_any_page_limit_gives_the_same_rows_in_the_same_order(
    known: list[int], limit: int, fraction: bool, separator: str, suffix: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mes.db"
        times = [NOON + timedelta(seconds=k / 3 if fraction else k) for k in known]
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE t (ts TEXT, sn TEXT, op TEXT, x REAL)")
            texts = [str(t.replace(tzinfo=None)).replace(" ", separator) + suffix for t in times]
            rows = [(text, f"S{i}", "forging", i) for i, text in enumerate(texts)]
            connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
        connection.close()
        plant = make_plant(
            url=f"sqlite:///{path}", kind="part_steps", serial="sn", step="op", values={"x": "x"},
            at={"column": "ts", "zone": "UTC"},
        )  # fmt: skip
        source = open_source("it", plant.sources["it"], plant)
        whole, pages = source.read(None, END, 1000), everything(source, limit=limit)
        assert numbers_of(pages) == numbers_of([whole])
        assert sorted(numbers_of(pages)) == list(range(len(known)))
        assert whole.frame["at"].is_monotonic_increasing
        ends = [p.frame["at"].iloc[-1] for p in pages if len(p.frame)]
        starts = [p.frame["at"].iloc[0] for p in pages if len(p.frame)]
        assert all(end < start for end, start in zip(ends, starts[1:], strict=False)), "an instant is never split"
        source.close()


@pytest.mark.parametrize("suffix", ["Z", "+00:00", "+0000", "", "-05:00"])
@pytest.mark.parametrize("separator", [" ", "T"])
@pytest.mark.slow
def test_whole_minutes_without_seconds_are_read_among_seconds(
    database: Database, opened: Open, suffix: str, separator: str
) -> None:
    database.run("CREATE TABLE t (ts text, m text, a double precision)")
    clocks = ["12:00", "12:00:29.5", "12:00:30", "12:00:59", "12:01", "12:01:00.25", "12:01:59", "12:02", "12:03:07"]
    database.insert("t", [(f"2026-01-05{separator}{c}{suffix}", "m1", float(i)) for i, c in enumerate(clocks)])
    source = opened(database, at={"column": "ts", "zone": "UTC"}, **READINGS)
    for limit in (1, 2, 3, 5, 100):
        assert numbers_of(everything(source, limit=limit)) == [float(i) for i in range(len(clocks))]
    start = NOON + timedelta(hours=5 if suffix == "-05:00" else 0)
    position, seen = None, []
    for half_minute in range(9):
        page = source.read(position, start + timedelta(seconds=30 * half_minute), 100)
        position, seen = page.position, [*seen, *numbers_of([page])]
    assert seen == [float(i) for i in range(len(clocks))], "as the clock goes on, each row once"
    hour = source.read_hour(start, start + timedelta(hours=1), start + timedelta(seconds=60))
    assert numbers_of([hour]) == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_local_times_that_the_clocks_skip_are_refused_and_counted_in_no_hour(database: Database, opened: Open) -> None:
    kind = "timestamp" if database.postgres else "text"
    database.run(f"CREATE TABLE t (ts {kind}, m text, a double precision)")
    walls = ["2026-03-29 01:30:00", "2026-03-29 02:30:00", "2026-03-29 03:30:00"]
    database.insert("t", [(wall, "m1", float(i)) for i, wall in enumerate(walls)])
    source = opened(database, at={"column": "ts", "zone": "Europe/Berlin"}, **READINGS)
    change = datetime(2026, 3, 29, 1, tzinfo=UTC)
    counts = counted(source, change - timedelta(hours=1), change + timedelta(hours=1), END)
    assert list(counts.values()) == [1, 1]
    pages = everything(source, limit=1)
    assert numbers_of(pages) == [0.0, 2.0]
    assert [r.reason for p in pages for r in p.rejects] == [RejectReason.IMPOSSIBLE_TIME]


def test_rows_come_when_they_could_be_known(database: Database, opened: Open) -> None:
    kind = "timestamptz" if database.postgres else "text"
    database.run(f"CREATE TABLE t (ts {kind}, known {kind}, m text, a double precision)")
    rows = [(0, 60, 1.0), (5, 5, 2.0), (10, 60, 3.0), (20, None, 4.0)]
    database.insert("t", [(at(m), None if k is None else at(k), "m1", v) for m, k, v in rows])
    source = opened(database, available_at="known", **READINGS)
    assert numbers_of([source.read(None, NOON + timedelta(minutes=59), 10)]) == [2.0]
    assert numbers_of(everything(source, limit=1)) == [2.0, 1.0, 3.0], "of one instant, by event time"
    stray = source.strays(NOON + timedelta(hours=2), 10)
    assert [(r.reason, r.row["a"]) for r in stray.rejects] == [(RejectReason.NO_TIME, "4.0")]
    assert counted(source, NOON, NOON + timedelta(hours=1), NOON + timedelta(minutes=30)) == {NOON: 1}
    assert counted(source, NOON, NOON + timedelta(hours=1), END) == {NOON: 3}


def at(minutes: int) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat()


def test_a_declared_delay_holds_rows_back_and_moves_the_position(database: Database, opened: Open) -> None:
    kind = "timestamptz" if database.postgres else "text"
    database.run(f"CREATE TABLE t (ts {kind}, m text, a double precision)")
    database.insert("t", [(at(m), "m1", float(m)) for m in range(5)])
    source = opened(database, delay="10m", **READINGS)
    page = source.read(None, NOON + timedelta(minutes=12), 10)
    assert numbers_of([page]) == [0.0, 1.0, 2.0]
    assert page.position == NOON + timedelta(minutes=12), "the position is the time a row could be known"
    assert numbers_of([source.read(page.position, END, 10)]) == [3.0, 4.0]
    assert numbers_of(everything(source, limit=1)) == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("machine", ["text", "integer"])
def test_members_select_by_the_sources_codes(database: Database, opened: Open, machine: str) -> None:
    kind = "timestamptz" if database.postgres else "text"
    database.run(f"CREATE TABLE t (ts {kind}, m {machine}, a double precision)")
    database.insert("t", [(at(i), [7, 8, 9, None][i % 4], float(i)) for i in range(8)])
    config = READINGS | {"machine": {"column": "m", "codes": {"7": "m1", "8": "m2"}}}
    source = opened(database, partitions={"one": ["m1"], "two": ["m2"]}, **config)
    assert numbers_of([source.read(None, END, 10, ["m1"])]) == [0.0, 4.0]
    assert numbers_of([source.read(None, END, 10, ["m1", "m2"])]) == [0.0, 1.0, 4.0, 5.0]
    stray = source.strays(END, 10)
    assert {r.reason for r in stray.rejects} == {RejectReason.UNKNOWN_MACHINE}
    assert len(stray.rejects) == 4, "the rows that no partition can name"


def test_strays_are_found_named_and_bounded(database: Database, opened: Open) -> None:
    kind = "timestamptz" if database.postgres else "text"
    database.run(f"CREATE TABLE t (ts {kind}, m text, a double precision)")
    database.insert("t", [(at(0), "m1", 1.0), (at(6), "m1", 2.0), (None, "m1", 3.0), (at(4), "m1", 4.0)])
    expected = {"2.0": RejectReason.AHEAD_OF_CLOCK, "3.0": RejectReason.NO_TIME}
    if database.postgres:
        database.insert("t", [("infinity", "m1", 5.0)])
        expected["5.0"] = RejectReason.IMPOSSIBLE_TIME
    else:
        odd = ["soon", "", "2026-01-05T11:00:00+00:00".replace("T", "_"), 12, "2026-01-05 11:00:00+00:00"]
        database.insert("t", [(text, "m1", 10.0 + i) for i, text in enumerate(odd)])
        found = [RejectReason.NO_TIME if text == "" else RejectReason.IMPOSSIBLE_TIME for text in odd]
        expected |= {f"{10.0 + i}": reason for i, reason in enumerate(found)}
        database.run("DELETE FROM t WHERE a = 14.0")  # seen by the sample, it would be a contradiction of forms
        del expected["14.0"]
    source = opened(database, **READINGS)
    source.verify()
    if not database.postgres:
        database.insert("t", [("2026-01-05 11:00:00+00:00", "m1", 15.0)])
        expected["15.0"] = RejectReason.IMPOSSIBLE_TIME
    page = source.strays(NOON, 100)
    assert {r.row["a"]: r.reason for r in page.rejects} == expected
    assert page.frame.empty
    assert len(source.strays(NOON, 1).rejects) == 1


@pytest.mark.postgres
def test_a_number_that_is_none_is_a_stray(postgres: Database, opened: Open) -> None:
    postgres.run("CREATE TABLE t (ts numeric, m text, a double precision)")
    at_noon = int(NOON.timestamp())
    postgres.insert("t", [(at_noon - 60, "m1", 1.0), ("NaN", "m1", 2.0)])
    source = opened(postgres, **READINGS | {"at": {"column": "ts", "epoch": "s"}})
    assert numbers_of([source.read(None, END, 10)]) == [1.0]
    assert [(r.row["a"], r.reason) for r in source.strays(END, 10).rejects] == [("2.0", RejectReason.IMPOSSIBLE_TIME)]


def test_garbage_in_any_column_costs_its_row_only(sqlite: Database, opened: Open) -> None:
    sqlite.run("CREATE TABLE t (ts TIMESTAMP, m TEXT, a REAL)")
    sqlite.insert(
        "t", [(at(0), "m1", 1.0), (at(1), "m1", "hot"), ("2026-01-05T99:99:99", "m1", 3.0), (at(2), "m2", 4.0)]
    )
    sqlite.run("INSERT INTO t VALUES ('2026-01-05T12:01:30+00:00', CAST(x'ff00fe' AS TEXT), 5.0)")
    for limit in (1, 2, 100):
        pages = everything(opened(sqlite, **READINGS), limit=limit)
        assert numbers_of(pages) == [1.0, 4.0]
        reasons = {r.reason for p in pages for r in p.rejects}
        assert {RejectReason.NOT_A_NUMBER, RejectReason.UNKNOWN_MACHINE} <= reasons


def test_an_empty_table_is_an_empty_page_until_rows_come(database: Database, opened: Open) -> None:
    database.run("CREATE TABLE t (ts text, m text, a double precision)")
    source = opened(database, **READINGS)
    source.verify()
    page = source.read(NOON, END, 10)
    assert (len(page.frame), page.position, page.more, page.read) == (0, NOON, False, 0)
    assert counted(source, NOON, NOON + timedelta(hours=1), END) == {NOON: 0}
    assert not source.strays(END, 10).rejects
    database.insert("t", [(at(1), "m1", 1.0)])
    assert numbers_of([source.read(NOON, END, 10)]) == [1.0]


@pytest.mark.slow
def test_different_keys_are_counted_also_those_that_every_read_refuses(database: Database, opened: Open) -> None:
    kind = "timestamptz" if database.postgres else "text"
    database.run(f"CREATE TABLE t (ts {kind}, sn text, op text, n integer, s text, v double precision)")
    rows = [(0, "S1", 1), (5, "S1", 1), (10, "S1", 2), (15, None, 1), (70, "S2", 1)]
    database.insert("t", [(at(m), sn, "forging", n, "temp", 1.0) for m, sn, n in rows])
    until = NOON + timedelta(hours=2)
    by_visit = opened(database, kind="part_steps", serial="sn", step="op", visit="n")
    assert list(counted(by_visit, NOON, until, END).values()) == [3, 1]
    by_time = opened(database, kind="part_steps", serial="sn", step="op")
    assert list(counted(by_time, NOON, until, END).values()) == [4, 1]
    said = opened(database, kind="dispositions", serial="sn", disposition="s")
    assert list(counted(said, NOON, until, END).values()) == [4, 1]
    long = opened(database, kind="readings", machine="op", sensor="s", value="v")
    assert list(counted(long, NOON, until, END).values()) == [4, 1]


@pytest.mark.process
def test_a_schema_and_names_that_need_quotes(postgres: Database, opened: Open) -> None:
    postgres.run(
        'CREATE SCHEMA "Plant"', 'CREATE TABLE "Plant"."Temp Log" ("When" timestamptz, "user" text, "T (C)" numeric)'
    )
    postgres.insert('"Plant"."Temp Log"', [(at(0), "m1", 1.5), (at(1), "m1", "NaN")])
    source = opened(postgres, table="Temp Log", table_schema="Plant", at="When", kind="readings", machine="user",
                    values={"temp": "T (C)"})  # fmt: skip
    source.verify()
    page = source.read(None, END, 10)
    assert page.values[0, 0] == 1.5
    assert page.values[1, 0] != page.values[1, 0]


def test_rows_whose_code_the_database_does_not_find_in_any_partition_are_strays(
    database: Database, opened: Open
) -> None:
    """Blanks around a code are removed after reading, but partitions are read by the code as it is."""
    database.run("CREATE TABLE t (ts TEXT, m TEXT, a FLOAT)")
    stamp = "2026-01-05T12:00:00Z"
    database.insert("t", [(stamp, "m1", 1.0), (stamp, " m1", 2.0), (stamp, "m1\t", 3.0), (stamp, "m2", 4.0)])
    source = opened(database, **READINGS, partitions={"x": ["m1"], "y": ["m2"]})
    read = [source.read(None, END, 10, members).read for members in (["m1"], ["m2"])]
    assert read == [1, 1]
    strays = source.strays(END, 10).rejects
    assert sorted(str(r.row["a"]) for r in strays) == ["2.0", "3.0"]
    assert {r.reason for r in strays} == {RejectReason.UNKNOWN_MACHINE}


def test_rows_of_a_table_without_any_time_of_the_event_are_strays(database: Database, opened: Open) -> None:
    database.run("CREATE TABLE t (ts TEXT, known TEXT, m TEXT, a FLOAT)")
    database.insert("t", [(None, "2026-01-05T12:00:00Z", "m1", 1.0)])
    source = opened(database, **READINGS, available_at="known")
    assert source.read(None, END, 10).read == 0
    assert [r.reason for r in source.strays(END, 10).rejects] == [RejectReason.NO_TIME]
