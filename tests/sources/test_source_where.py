"""The condition of a source: it holds for every query, and its values are parameters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from source_databases import Database
from sources_plant import counted, make_plant

from monitor.errors import SourceError, SourceReason, UsageError
from monitor.model import RejectReason
from monitor.sources.sql.source import SqlSource
from monitor.sources.transports import TRANSPORTS, Transport, open_source

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
END = NOON + timedelta(days=30)
Open = Callable[..., SqlSource]
READINGS = {"kind": "readings", "machine": "m", "values": {"temp": "a"}}
CONDITIONS: dict[str, tuple[dict[str, Any] | str, list[float]]] = {
    "text": ({"sql": "line = :l", "params": {"l": "A"}}, [0.0, 2.0, 4.0]),
    "one of two": ({"sql": "line IN (:l, :k) AND NOT n = :n", "params": {"l": "A", "k": "B", "n": 3}},
                   [0.0, 1.0, 2.0, 4.0, 5.0]),
    "a number": ({"sql": "n > :n", "params": {"n": 3}}, [4.0, 5.0]),
    "a number as text": ({"sql": "n = :n", "params": {"n": "3"}}, [3.0]),
    "a number for text": ({"sql": "code = :c", "params": {"c": 7}}, [1.0, 3.0]),
    "a broken number": ({"sql": "a < :x", "params": {"x": 1.5}}, [0.0, 1.0]),
    "a pattern": ({"sql": "code LIKE :p", "params": {"p": "8%"}}, [0.0, 2.0, 4.0]),
    "no value": ("code IS NULL", [5.0]),
    "arithmetic with a percent sign": ({"sql": "n % :two = :none", "params": {"two": 2, "none": 0}}, [0.0, 2.0, 4.0]),
    "a word of sql as a column": ({"sql": "user = :u", "params": {"u": "x'; DROP TABLE t; --"}}, [3.0]),
    "a column with capitals": ({"sql": "Kind = :k", "params": {"k": "x"}}, [1.0, 2.0]),
}  # fmt: skip


def fill(database: Database) -> None:
    kind = "timestamptz" if database.postgres else "text"
    database.run(
        f'CREATE TABLE t (ts {kind}, m text, a double precision, line text, n integer, code text, "user" text, '
        '"Kind" text)'
    )
    rows = [
        ((NOON + timedelta(minutes=i)).isoformat(), "m1", float(i), "AB"[i % 2], i,
         ["80", "7", "81", "7", "82", None][i], "x'; DROP TABLE t; --" if i == 3 else "y", "x" if i in (1, 2) else None)
        for i in range(6)
    ]  # fmt: skip
    database.insert("t", rows)


@pytest.mark.parametrize(("where", "expected"), CONDITIONS.values(), ids=CONDITIONS)
def test_only_rows_of_the_condition_are_read(
    database: Database, opened: Open, where: dict[str, Any] | str, expected: list[float]
) -> None:
    fill(database)
    source = opened(database, where=where, **READINGS)
    source.verify()
    assert source.read(None, END, 100).values[:, 0].tolist() == expected
    after, seen = None, []
    while True:
        page = source.read(after, END, 1)
        seen += page.values[:, 0].tolist()
        if not page.more:
            break
        after = page.position
    assert seen == expected
    assert counted(source, NOON, NOON + timedelta(hours=1), END) == {NOON: len(expected)}
    assert source.read_hour(NOON, NOON + timedelta(hours=1), END).values[:, 0].tolist() == expected


@pytest.mark.slow
def test_rows_outside_the_condition_are_no_strays_and_no_samples(database: Database, opened: Open) -> None:
    database.run("CREATE TABLE t (ts text, m text, a double precision, line text)")
    mine = [(f"{day:02d}.03.2026 08:00", "m1", float(day), "A") for day in range(1, 20)]
    others = [(f"2026-03-{day:02d} 08:00:00", "m7", float(day), "B") for day in range(1, 20)]
    database.insert("t", [*mine, *others, ("soon", "m1", 50.0, "A"), (None, "m9", 51.0, "B"), ("now", "m9", 52.0, "B")])
    where = {"sql": "line = :line", "params": {"line": "A"}}
    with pytest.raises(UsageError, match=r"holds times as DD.MM.YYYY hh:mm, such as '0\d.03.2026 08:00'"):
        opened(database, at={"column": "ts", "zone": "UTC"}, where=where, **READINGS).verify()
    way = {"column": "ts", "zone": "UTC", "format": "%d.%m.%Y %H:%M"}
    source = opened(database, at=way, where=where, partitions={"p": ["m1"]}, **READINGS)
    until = datetime(2026, 3, 31, tzinfo=UTC)
    assert source.read(None, until, 100, ["m1"]).values[:, 0].tolist() == [float(day) for day in range(1, 20)]
    assert [(r.reason, r.row["a"]) for r in source.strays(until, 100).rejects] == [
        (RejectReason.IMPOSSIBLE_TIME, "50.0")
    ]
    only_others = opened(database, at={"column": "ts", "zone": "UTC"}, where="line IS NULL", **READINGS)
    only_others.verify()
    assert only_others.read(None, until, 10).read == 0, "a condition that no row fulfils is an empty source"


def test_a_column_that_is_not_there_is_named(database: Database, opened: Open) -> None:
    fill(database)
    with pytest.raises(SourceError, match="table 't' has no column 'LINE'; existing: ts, m, a, line") as caught:
        opened(database, where={"sql": "LINE = :l", "params": {"l": "A"}}, **READINGS).verify()
    assert caught.value.reason is SourceReason.MISSING_COLUMN


@pytest.mark.parametrize("sql", ["line =", "line = = n", "line IN"])
def test_a_condition_that_the_database_does_not_understand_is_told_so(
    database: Database, opened: Open, sql: str
) -> None:
    fill(database)
    with pytest.raises(SourceError, match="; correct `where`: its words, and its params"):
        opened(database, where=sql, **READINGS).read(None, END, 10)


@pytest.mark.postgres
def test_a_parameter_of_another_type_than_its_column_is_told_so(postgres: Database, opened: Open) -> None:
    fill(postgres)
    with pytest.raises(SourceError, match="; correct `where`: its words, and its params"):
        opened(postgres, where={"sql": "n = :n", "params": {"n": "three"}}, **READINGS).read(None, END, 10)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("kind", "value"),
    [("uuid", "0189e7c2-0000-7000-8000-000000000001"), ("mood", "glad"), ("date", "2026-03-01"), ("bigint", 7),
     ("numeric", 2.5), ("char(8)", "x"), ("boolean", "true")],
)  # fmt: skip
def test_a_parameter_takes_the_type_of_its_column(postgres: Database, opened: Open, kind: str, value: Any) -> None:
    postgres.run("CREATE TYPE mood AS ENUM ('glad', 'sad')")
    postgres.run(f"CREATE TABLE t (ts timestamptz, m text, a double precision, k {kind})")
    postgres.insert("t", [(NOON.isoformat(), "m1", 1.0, str(value)), (NOON.isoformat(), "m2", 2.0, None)])
    source = opened(postgres, where={"sql": "k = :v", "params": {"v": value}}, **READINGS)
    assert source.read(None, END, 10).values[:, 0].tolist() == [1.0]


def test_an_index_is_still_used(database: Database, opened: Open) -> None:
    fill(database)
    database.run("CREATE INDEX by_time ON t (ts)")
    source = opened(database, where={"sql": "line = :line", "params": {"line": "A"}}, **READINGS)
    source.verify()
    seen: list[tuple[str, Any]] = []
    sa.event.listen(source._engine, "before_cursor_execute", lambda *args: seen.append((args[2], args[3])))
    source.read(NOON, END, 10)
    statement, values = seen[-1]
    with database.engine.connect() as connection:
        if database.postgres:
            connection.exec_driver_sql("SET enable_seqscan = off")
        explain = "EXPLAIN " if database.postgres else "EXPLAIN QUERY PLAN "
        plan = " ".join(str(row) for row in connection.exec_driver_sql(explain + statement, values))
    assert "by_time" in plan
    assert "Subquery Scan" not in plan
    assert "CO-ROUTINE" not in plan


NO_FILTERS: dict[str, tuple[Any, str]] = {
    "a literal": ("line = 'A'", "no text in quotes"),
    "a parameter without a value": ("line = :l", "parameter :l has no value in params"),
    "a value without a parameter": ({"sql": "line IS NULL", "params": {"l": "A"}}, "params.l is not in the condition"),
    "nothing": ("", "not empty"),
}


@pytest.mark.parametrize(("where", "problem"), NO_FILTERS.values(), ids=NO_FILTERS)
def test_what_is_no_condition_is_refused(where: Any, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        make_plant(where=where, **READINGS)


def test_a_transport_that_cannot_filter_refuses_the_source() -> None:
    plant = make_plant(url="csv:///t.csv", where="line IS NULL", **READINGS)
    with pytest.raises(UsageError, match=r"rows of csv://\.\.\. cannot be filtered; remove `where`"):
        open_source("it", plant.sources["it"], plant, {**TRANSPORTS, "csv": Transport("csv:///FILE", SqlSource)})
