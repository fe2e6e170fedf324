"""Every way in which the store cannot be used is one sentence with a closed reason, and nothing is lost."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.errors import StoreError, StoreReason
from monitor.store.database import database
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.schema import open_store

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
ROW = {"digest": "d", "content": "x" * 200_000, "since": NOW}


def _write(url: str) -> None:
    store = Store(url)
    try:
        with store.write() as connection:
            connection.execute(t.plant_file.insert().values(**ROW))
    finally:
        store.close()


def _no_database(file: Path) -> None:
    file.write_text("this is a letter, not a database\n" * 200)
    open_store(f"sqlite:///{file}")


def _no_folder(file: Path) -> None:
    open_store(f"sqlite:///{file.parent}/missing/store.db")


def _a_folder(file: Path) -> None:
    file.mkdir()
    open_store(f"sqlite:///{file}")


def _damaged(file: Path) -> None:
    open_store(f"sqlite:///{file}").close()
    with file.open("r+b") as raw:
        raw.seek(4096)
        raw.write(os.urandom(200_000))
    _write(f"sqlite:///{file}")


def _locked(file: Path) -> None:
    open_store(f"sqlite:///{file}").close()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        _write(f"sqlite:///{file}")


def _full(file: Path) -> None:
    store = open_store(f"sqlite:///{file}")
    try:
        with store.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
            connection.execute(t.plant_file.insert().values(**ROW))
    finally:
        store.close()


def _read_only(file: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write any file")
    open_store(f"sqlite:///{file}").close()
    file.chmod(0o444)
    _write(f"sqlite:///{file}")


def _no_tables(file: Path) -> None:
    sqlite3.connect(file).close()
    _write(f"sqlite:///{file}")


SQLITE: dict[str, tuple[Callable[[Path], None], StoreReason, str]] = {
    "the file is no database": (_no_database, StoreReason.CORRUPT, "restore a backup"),
    "the folder is missing": (_no_folder, StoreReason.UNREACHABLE, "check that the folder exists"),
    "the file is a folder": (_a_folder, StoreReason.UNREACHABLE, "check that the folder exists"),
    "the file is damaged": (_damaged, StoreReason.CORRUPT, "restore a backup"),
    "another process writes for too long": (_locked, StoreReason.LOCKED, "wait for the other process"),
    "the disk is full": (_full, StoreReason.FULL, "free space"),
    "the file is read-only": (_read_only, StoreReason.REFUSED, "the right to write"),
    "a table is missing": (_no_tables, StoreReason.NOT_UPGRADED, "gatewatch store upgrade"),
}


@pytest.mark.parametrize(("fail", "reason", "advice"), SQLITE.values(), ids=SQLITE)
@pytest.mark.slow
def test_sqlite_fails_with_one_sentence(
    fail: Callable[[Path], None], reason: StoreReason, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.2)
    with pytest.raises(StoreError, match=advice) as caught:
        fail(tmp_path / "store.db")
    assert caught.value.reason is reason
    assert str(caught.value).startswith("store sqlite:///")
    assert str(caught.value).count("\n") == 0


@pytest.mark.slow
def test_after_a_full_disk_the_next_write_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    with pytest.raises(StoreError):
        _full(file)
    _write(f"sqlite:///{file}")
    store = open_store(f"sqlite:///{file}")
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(t.plant_file)).scalar_one() == 1
    store.close()


def _wrong_password(url: str) -> None:
    open_store(sa.make_url(url).set(password="not-it").render_as_string(hide_password=False))


def _no_such_database(url: str) -> None:
    open_store(sa.make_url(url).set(database="nowhere").render_as_string(hide_password=False))


def _no_server(url: str) -> None:
    open_store(sa.make_url(url).set(port=1).render_as_string(hide_password=False))


def _no_rights(url: str) -> None:
    store = open_store(url)
    name = f"reader_{sa.make_url(url).database}"
    with store.write() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD 'p'")
    store.close()
    _write(sa.make_url(url).set(username=name, password="p").render_as_string(hide_password=False))


def _table_gone(url: str) -> None:
    store = open_store(url)
    with store.write() as connection:
        connection.exec_driver_sql("DROP TABLE plant_file")
    store.close()
    _write(url)


def _blocked(url: str) -> None:
    store, other = open_store(url), Store(url)
    try:
        with other.write() as blocker:
            blocker.exec_driver_sql("LOCK TABLE plant_file")
            with store.write() as connection:
                connection.exec_driver_sql("SET LOCAL lock_timeout = 200")
                connection.execute(t.plant_file.insert().values(**ROW))
    finally:
        store.close()
        other.close()


def _disconnected(url: str) -> None:
    store = open_store(url)
    try:
        with store.write() as connection:
            mine = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            engine = sa.create_engine(url)
            with engine.connect() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({mine})")
            engine.dispose()
            connection.execute(t.plant_file.insert().values(**ROW))
    finally:
        store.close()


POSTGRES: dict[str, tuple[Callable[[str], None], StoreReason, str]] = {
    "a wrong password": (_wrong_password, StoreReason.REFUSED, "check user, password"),
    "no such database": (_no_such_database, StoreReason.UNREACHABLE, "create the database"),
    "no server": (_no_server, StoreReason.UNREACHABLE, "check that it runs"),
    "no right to write": (_no_rights, StoreReason.REFUSED, "the rights it needs"),
    "a table is missing": (_table_gone, StoreReason.NOT_UPGRADED, "gatewatch store upgrade"),
    "another session locks the table": (_blocked, StoreReason.LOCKED, "wait for the other session"),
    "the server ends the connection": (_disconnected, StoreReason.UNREACHABLE, "check that it runs"),
}


@pytest.mark.postgres
@pytest.mark.parametrize(("fail", "reason", "advice"), POSTGRES.values(), ids=POSTGRES)
def test_postgresql_fails_with_one_sentence(
    fail: Callable[[str], None], reason: StoreReason, advice: str, postgres_url: str
) -> None:
    with pytest.raises(StoreError, match=advice) as caught:
        fail(postgres_url)
    message, password = str(caught.value), sa.make_url(postgres_url).password
    assert caught.value.reason is reason
    assert message.count("\n") == 0
    assert str(password) not in message


def test_a_failed_transaction_keeps_nothing(store: Store) -> None:
    def fails() -> None:
        with store.write() as connection:
            connection.execute(t.plant_file.insert().values(**ROW))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    with store.read() as connection:
        assert connection.execute(sa.select(t.plant_file)).all() == []
