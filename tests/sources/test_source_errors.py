"""What goes wrong with a source: one clear error with a closed reason, never a password, and no moved cursor."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from source_databases import Database

from monitor.errors import SourceError, SourceReason, UsageError
from monitor.sources.sql.engine import Deadline
from monitor.sources.sql.source import SqlSource

END = datetime(2027, 1, 1, tzinfo=UTC)
Open = Callable[..., SqlSource]
READINGS = {"kind": "readings", "machine": "m", "values": {"temp": "Temp"}}


def filled(database: Database, kind: str = "timestamptz") -> None:
    kind = kind if database.postgres else "text"
    database.run(f'CREATE TABLE t (ts {kind}, m text, "Temp" double precision)')
    database.insert("t", [("2026-01-05T12:00:00+00:00", "m1", 1.0)])


def test_a_missing_file_is_an_error_and_is_not_made(tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "mes.db"
    with pytest.raises(SourceError, match=r"source 'it'.*mes.db.*unreachable") as caught:
        opened(f"sqlite:///{path}", **READINGS).verify()
    assert caught.value.reason is SourceReason.UNREACHABLE
    assert not path.exists()


def test_a_file_that_vanishes_is_noticed_at_the_next_read(sqlite: Database, opened: Open) -> None:
    filled(sqlite)
    source = opened(sqlite, **READINGS)
    assert source.read(None, END, 10).read == 1
    sqlite.engine.dispose()
    Path(sqlite.url.removeprefix("sqlite:///")).unlink()
    with pytest.raises(SourceError) as caught:
        source.read(None, END, 10)
    assert caught.value.reason is SourceReason.UNREACHABLE


def test_a_file_that_is_no_database_is_refused(tmp_path: Path, opened: Open) -> None:
    (tmp_path / "mes.db").write_text("no database at all, only a text of some length " * 40)
    with pytest.raises(SourceError) as caught:
        opened(f"sqlite:///{tmp_path / 'mes.db'}", **READINGS).verify()
    assert caught.value.reason is SourceReason.REFUSED


def test_a_missing_table_is_named_beside_what_is_there(database: Database, opened: Open) -> None:
    database.run("CREATE TABLE other (x integer)", "CREATE VIEW seen AS SELECT x FROM other")
    with pytest.raises(SourceError, match="no table or view 't'; existing: other, seen;") as caught:
        opened(database, **READINGS).verify()
    assert caught.value.reason is SourceReason.MISSING_TABLE


def test_a_renamed_column_stops_the_source_with_its_name(database: Database, opened: Open) -> None:
    filled(database)
    source = opened(database, **READINGS)
    assert source.read(None, END, 10).read == 1
    database.run('ALTER TABLE t RENAME COLUMN "Temp" TO celsius')
    for _ in range(2):
        with pytest.raises(SourceError, match="has no column 'Temp'; existing: ts, m, celsius") as caught:
            source.read(None, END, 10)
        assert caught.value.reason is SourceReason.MISSING_COLUMN
        assert not caught.value.retryable
    database.run('ALTER TABLE t RENAME COLUMN celsius TO "Temp"')
    assert source.read(None, END, 10).read == 1


def test_a_table_dropped_after_it_was_verified(database: Database, opened: Open) -> None:
    filled(database)
    source = opened(database, **READINGS)
    source.verify()
    database.run("DROP TABLE t")
    with pytest.raises(SourceError, match="no table or view 't'; existing: none"):
        source.read(None, END, 10)


def test_a_locked_file_is_locked(sqlite: Database, opened: Open) -> None:
    filled(sqlite)
    source = opened(sqlite, timeout="0.05s", **READINGS)
    writer = sqlite3.connect(sqlite.url.removeprefix("sqlite:///"), isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(SourceError) as caught:
        source.read(None, END, 10)
    assert caught.value.reason is SourceReason.LOCKED
    assert caught.value.retryable
    writer.execute("ROLLBACK")
    writer.close()
    assert source.read(None, END, 10).read == 1


@pytest.mark.process
def test_a_locked_table_is_locked(postgres: Database, opened: Open) -> None:
    filled(postgres)
    source = opened(postgres, timeout="0.2s", **READINGS)
    source.verify()
    with postgres.engine.begin() as writer:
        writer.exec_driver_sql("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SourceError) as caught:
            source.read(None, END, 10)
    assert caught.value.reason is SourceReason.LOCKED
    assert source.read(None, END, 10).read == 1


@pytest.mark.process
def test_a_slow_view_times_out(postgres: Database, opened: Open) -> None:
    filled(postgres)
    postgres.run('CREATE VIEW slow AS SELECT ts, m, "Temp" + length(pg_sleep(30)::text) AS "Temp" FROM t')
    with pytest.raises(SourceError, match=r"within timeout 0\.2 s") as caught:
        opened(postgres, table="slow", timeout="0.2s", **READINGS).read(None, END, 10)
    assert caught.value.reason is SourceReason.TIMEOUT
    assert caught.value.retryable


def test_a_slow_view_of_a_file_times_out(sqlite: Database, opened: Open) -> None:
    filled(sqlite)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    sqlite.run(f'CREATE VIEW slow AS SELECT ts, m, ({endless}) AS "Temp" FROM t')
    with pytest.raises(SourceError) as caught:
        opened(sqlite, table="slow", timeout="0.1s", **READINGS).read(None, END, 10)
    assert caught.value.reason is SourceReason.TIMEOUT


def test_a_deadline_passes_when_its_time_is_up() -> None:
    now = [10.0]
    deadline = Deadline(timedelta(seconds=5), lambda: now[0])
    assert not deadline.passed()
    deadline.restart()
    now[0] = 15.0
    assert not deadline.passed()
    now[0] = 15.1
    assert deadline.passed()


@pytest.mark.process
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"password": "wrong-secret"}, SourceReason.REFUSED, id="a wrong password"),
        pytest.param({"username": "nobody-known"}, SourceReason.REFUSED, id="an unknown account"),
        pytest.param({"database": "nowhere"}, SourceReason.REFUSED, id="a database that is not there"),
        pytest.param({"port": 1}, SourceReason.UNREACHABLE, id="a port nobody listens on"),
        pytest.param({"host": "no-such-host.invalid"}, SourceReason.UNREACHABLE, id="a host that is not there"),
    ],
)
def test_what_can_be_wrong_with_a_server(
    postgres_url: str, opened: Open, change: dict[str, Any], reason: SourceReason
) -> None:
    url = sa.make_url(postgres_url).set(**change)
    source = opened(url.render_as_string(hide_password=False), **READINGS)
    with pytest.raises(SourceError, match="source 'it'") as caught:
        source.verify()
    assert caught.value.reason is reason
    assert str(url.password) not in str(caught.value)


@pytest.mark.process
def test_an_account_with_no_right_but_to_read_is_enough(postgres: Database, opened: Open) -> None:
    filled(postgres)
    role = f"reader_{sa.make_url(postgres.url).database}"
    postgres.run(f"CREATE ROLE {role} LOGIN PASSWORD 'read-me'")
    url = sa.make_url(postgres.url).set(username=role, password="read-me").render_as_string(hide_password=False)
    try:
        with pytest.raises(SourceError, match="permission denied") as caught:
            opened(url, **READINGS).read(None, END, 10)
        assert caught.value.reason is SourceReason.REFUSED
        postgres.run(f"GRANT SELECT ON t TO {role}")
        source = opened(url, **READINGS)
        source.verify()
        assert source.read(None, END, 10).read == 1
        assert not source.strays(END, 10).rejects
    finally:
        postgres.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_file_without_write_right_is_enough(sqlite: Database, opened: Open) -> None:
    filled(sqlite)
    sqlite.engine.dispose()
    Path(sqlite.url.removeprefix("sqlite:///")).chmod(0o400)
    assert opened(sqlite, **READINGS).read(None, END, 10).read == 1


def test_a_source_reads_only(database: Database, opened: Open) -> None:
    filled(database)
    source = opened(database, **READINGS)
    with pytest.raises(sa.exc.DBAPIError, match=r"readonly|read-only"), source._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM t")


@pytest.mark.parametrize(
    ("postgres_type", "value", "at", "message"),
    [
        pytest.param("timestamp", "2026-01-05 12:00:00", {}, "set `zone`", id="naive times without a zone"),
        pytest.param("text", "2026-01-05 12:00:00", {}, "set `zone`", id="naive text without a zone"),
        pytest.param("bigint", 1767614400, {}, "set `epoch`", id="numbers without an epoch"),
        pytest.param("text", "2026-01-05 12:00:00Z", {"epoch": "s"}, "remove `epoch`", id="text with an epoch"),
    ],
)
def test_times_the_plant_file_says_too_little_of(
    database: Database, opened: Open, postgres_type: str, value: object, at: dict[str, str], message: str
) -> None:
    kind = "text" if postgres_type == "timestamp" and not database.postgres else postgres_type
    database.run(f'CREATE TABLE t (ts {kind}, m text, "Temp" double precision)')
    database.insert("t", [(value, "m1", 1.0)])
    with pytest.raises(UsageError, match=f"column 'ts' of table 't'.*{message}"):
        opened(database, at={"column": "ts", **at}, **READINGS).verify()


def test_times_written_in_ways_that_do_not_sort_are_refused(sqlite: Database, opened: Open) -> None:
    filled(sqlite)
    sqlite.insert("t", [("2026-01-05 13:00:00+00:00", "m1", 2.0)])
    with pytest.raises(UsageError, match="do not sort together"):
        opened(sqlite, **READINGS).verify()


@pytest.mark.parametrize("url", ["mysql://u:secret-word@h/d", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_cannot_work_is_a_usage_error(opened: Open, url: str) -> None:
    with pytest.raises(UsageError, match="expected sqlite:///FILE or postgresql") as caught:
        opened(url, **READINGS)
    assert "secret-word" not in str(caught.value)
