"""Backup and restore of the store, while others work and after the worst."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from spine_kit import T0

from monitor.errors import MonitorError, StoreError, StoreReason, UsageError
from monitor.store.database import tables as t
from monitor.store.database.backup import backup, restore
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire, release
from monitor.store.database.schema import open_store
from monitor.store.rows.pictures import picture_of


def _keep(store: Store, digest: str) -> None:
    with store.write() as connection:
        connection.execute(t.plant_file.insert().values(digest=digest, content="é", since=T0))


def _kept(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(sa.select(t.plant_file.c.digest).order_by(t.plant_file.c.digest)).scalars())


@pytest.fixture(autouse=True)
def _tools(store_url: str) -> None:
    if store_url.startswith("postgresql") and not (shutil.which("pg_dump") and shutil.which("pg_restore")):
        pytest.skip("pg_dump and pg_restore are not on PATH")


def test_a_restore_brings_back_what_the_backup_saw(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "monday.backup"
    _keep(store, "before")
    backup(store, file)
    _keep(store, "after")
    assert _kept(store) == ["after", "before"]
    restore(store, file, 60.0)
    store.engine.dispose()
    assert _kept(store) == ["before"]
    _keep(store, "again")
    assert _kept(store) == ["again", "before"]
    again = open_store(store.url)
    again.close()


def test_pictures_come_back_byte_for_byte(store: Store, tmp_path: Path) -> None:
    every_byte = bytes(range(256)) * 40
    with store.write() as connection:
        connection.execute(t.picture.insert(), [{"arrival": 3, "name": "photo", "png": every_byte}])
    backup(store, tmp_path / "copy.backup")
    with store.write() as connection:
        connection.execute(t.picture.delete())
    restore(store, tmp_path / "copy.backup", 60.0)
    store.engine.dispose()
    with store.read() as connection:
        assert picture_of(connection, 3, "photo") == every_byte


def test_a_backup_waits_for_no_writer_and_sees_none_of_its_work(store: Store, tmp_path: Path) -> None:
    _keep(store, "before")
    with store.write() as connection:
        connection.execute(t.plant_file.insert().values(digest="open", content="", since=T0))
        backup(store, tmp_path / "copy.backup")
    restore(store, tmp_path / "copy.backup", 60.0)
    store.engine.dispose()
    assert _kept(store) == ["before"]


def test_a_backup_can_be_restored_into_an_empty_database(store: Store, tmp_path: Path) -> None:
    if not store.is_sqlite:
        pytest.skip("the other database of this test is a file")
    _keep(store, "before")
    backup(store, tmp_path / "copy.backup")
    other = Store(f"sqlite:///{tmp_path}/other.db")
    restore(other, tmp_path / "copy.backup", 60.0)
    assert _kept(other) == ["before"]
    other.close()


def test_a_file_that_is_there_is_not_overwritten(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("mine")
    with pytest.raises(UsageError, match="the file exists"):
        backup(store, file)
    assert file.read_text() == "mine"


def test_a_restore_waits_until_nobody_works(store: Store, tmp_path: Path) -> None:
    backup(store, tmp_path / "copy.backup")
    lease = acquire(store, "job", "process 7", 60)
    assert lease is not None
    with pytest.raises(StoreError, match="process 7 is using it") as caught:
        restore(store, tmp_path / "copy.backup", 60.0)
    assert caught.value.reason is StoreReason.LOCKED
    release(store, [lease])
    restore(store, tmp_path / "copy.backup", 60.0)


def _nothing(file: Path) -> None:
    """There is no file."""


def _garbage(file: Path) -> None:
    file.write_bytes(b"no backup at all" * 1000)


def _another_program(file: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE invoices (id INTEGER)")
    engine.dispose()


BAD: dict[str, tuple[Callable[[Path], Any], type[MonitorError]]] = {
    "no file": (_nothing, UsageError),
    "no backup": (_garbage, StoreError),
    "a database of another program": (_another_program, StoreError),
}


@pytest.mark.parametrize(("make", "error"), BAD.values(), ids=BAD)
def test_a_bad_backup_leaves_the_store_as_it_is(
    make: Callable[[Path], Any], error: type[MonitorError], store: Store, tmp_path: Path
) -> None:
    _keep(store, "before")
    make(tmp_path / "bad")
    with pytest.raises(error) as caught:
        restore(store, tmp_path / "bad", 60.0)
    assert "\n" not in str(caught.value)
    store.engine.dispose()
    assert _kept(store) == ["before"]


def test_a_backup_that_fails_leaves_no_file(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        backup(store, tmp_path / "missing" / "copy.backup")
    assert not list(tmp_path.glob("**/copy.backup*"))
