"""Making, opening and upgrading the store; its column types."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fork_kit import ended, forked
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import StoreError, StoreReason
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.schema import _config, current_revision, newest_revision, open_existing, open_store, upgrade

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


@pytest.mark.slow
def test_the_migrations_make_what_the_tables_say(store: Store) -> None:
    with store.read() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), t.metadata) == []


def test_the_comparison_notices_a_column_that_no_migration_makes(store: Store) -> None:
    other = sa.MetaData()
    for table in t.metadata.tables.values():
        table.to_metadata(other)
    other.tables["alert"].append_column(sa.Column("colour", sa.Text))
    with store.read() as connection:
        assert len(compare_metadata(MigrationContext.configure(connection), other)) == 1


def test_a_new_store_is_made_and_opens_again(empty_url: str) -> None:
    for _ in range(2):
        store = open_store(empty_url)
        assert current_revision(store) == newest_revision()
        store.close()


def test_upgrading_makes_a_new_store_and_then_nothing(empty_url: str) -> None:
    store = Store(empty_url)
    assert upgrade(store) == (None, newest_revision())
    assert upgrade(store) == (newest_revision(), newest_revision())
    store.close()


@pytest.mark.slow
def test_a_reason_that_has_a_new_name_has_it_in_decisions_of_before(empty_url: str) -> None:
    store = Store(empty_url)
    with store.write() as connection:
        command.upgrade(_config(connection), "0011")
        later = ("probabilities", "adapted", "costs", "signals", "adjustment", "coordinates")
        kept = [column for column in t.decision.columns if column.name not in later]
        older = sa.Table("decision", sa.MetaData(), *(sa.Column(column.name, column.type) for column in kept))
        row: dict[str, Any] = {c.name: "" if isinstance(c.type, sa.Text) else 0 for c in kept}
        row |= {"decided_at": NOW, "at": NOW, "inputs": {}, "reason": "no_coverage", "withheld": "no_coverage"}
        recorded = {"instead_of": "no_coverage", "value": 1.5}
        connection.execute(older.insert(), [{**row, "forecast": None}, {**row, "serial": "B", "forecast": recorded}])
    upgrade(store)
    d = t.decision.c
    with store.read() as connection:
        found = connection.execute(sa.select(d.reason, d.withheld, d.forecast).order_by(d.serial)).all()
    assert [tuple(one) for one in found] == [
        ("not_calibrated", "not_calibrated", None),
        ("not_calibrated", "not_calibrated", {"instead_of": "not_calibrated", "value": 1.5}),
    ]
    store.close()


def _execute(url: str, statement: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def _older(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # There is one migration so far: an older store is one that this program, made younger, finds too old.
    open_store(url).close()
    monkeypatch.setattr("monitor.store.database.schema.newest_revision", lambda: "9999")


def _newer(url: str, _: pytest.MonkeyPatch) -> None:
    open_store(url).close()
    _execute(url, "UPDATE alembic_version SET version_num = '9999'")


def _foreign(url: str, _: pytest.MonkeyPatch) -> None:
    _execute(url, "CREATE TABLE invoices (id INTEGER)")


REFUSED = {
    "an older store": (_older, StoreReason.NOT_UPGRADED, "gatewatch store upgrade"),
    "a newer store": (_newer, StoreReason.NOT_UPGRADED, "revision 9999 is from a newer Gatewatch"),
    "a database of something else": (_foreign, StoreReason.REFUSED, "invoices"),
}


@pytest.mark.parametrize(("prepare", "reason", "words"), REFUSED.values(), ids=REFUSED)
@pytest.mark.slow
def test_opening_refuses_with_one_sentence(
    prepare: Callable[..., None], reason: StoreReason, words: str, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(empty_url, monkeypatch)
    with pytest.raises(StoreError, match=words) as caught:
        open_store(empty_url)
    assert caught.value.reason is reason
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("prepare", [_newer, _foreign], ids=["a newer store", "a database of something else"])
@pytest.mark.slow
def test_an_upgrade_leaves_alone_what_is_not_its_own(
    prepare: Callable[..., None], empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(empty_url, monkeypatch)
    store = Store(empty_url)
    before = sa.inspect(store.engine).get_table_names()
    with pytest.raises(StoreError):
        upgrade(store)
    assert sa.inspect(store.engine).get_table_names() == before
    store.close()


def test_a_command_that_reads_makes_no_store(empty_url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is none yet"):
        open_existing(empty_url)
    assert not list(tmp_path.glob("*.db"))
    open_store(empty_url).close()
    open_existing(empty_url).close()


@pytest.mark.process
def test_processes_that_start_at_once_make_one_store(empty_url: str) -> None:
    children = [forked(lambda: open_store(empty_url).close()) for _ in range(4)]
    assert [ended(pid) for pid in children] == [0] * 4
    store = open_store(empty_url)
    assert current_revision(store) == newest_revision()
    store.close()


@given(microseconds=st.integers(0, 110 * 365 * 86400 * 10**6), hours=st.integers(-12, 12))
def test_times_come_back_as_the_same_instant_in_utc(microseconds: int, hours: int) -> None:
    at = datetime(1990, 1, 1, tzinfo=timezone(timedelta(hours=hours)))
    kind, aware = t.UtcDateTime(), at + timedelta(microseconds=microseconds)
    for dialect in (sa.dialects.sqlite.dialect(), sa.dialects.postgresql.dialect()):
        back = kind.result_processor(dialect, None)(kind.bind_processor(dialect)(aware))
        assert back == aware
        assert back is not None
        assert back.tzinfo is UTC


def test_a_stored_time_is_the_same_instant(store: Store) -> None:
    berlin = NOW.astimezone(timezone(timedelta(hours=1))) + timedelta(microseconds=123457)
    with store.write() as connection:
        connection.execute(t.plant_file.insert().values(digest="d", content="", since=berlin))
        assert connection.execute(sa.select(t.plant_file.c.since)).scalar_one() == berlin
        assert connection.execute(sa.select(t.plant_file).where(t.plant_file.c.since >= berlin)).one()


REFUSED_VALUES = {
    "a naive time": (t.plant_file, {"digest": "d", "content": "", "since": NOW.replace(tzinfo=None)}, "naive"),
    "NaN in JSON": (t.tally, {"name": "n", "labels": {"x": float("nan")}, "value": 1.0}, "JSON compliant"),
    "infinity in JSON": (t.tally, {"name": "n", "labels": {"x": float("inf")}, "value": 1.0}, "JSON compliant"),
}  # fmt: skip


@pytest.mark.parametrize(("table", "row", "words"), REFUSED_VALUES.values(), ids=REFUSED_VALUES)
def test_what_a_database_would_keep_wrongly_is_refused(
    table: sa.Table, row: dict[str, Any], words: str, store: Store
) -> None:
    with pytest.raises((sa.exc.StatementError, ValueError), match=words), store.write() as connection:
        connection.execute(table.insert(), [row])
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0


def test_equal_json_is_equal_text(store: Store) -> None:
    kind = t.JsonText()
    written = kind.bind_processor(store.engine.dialect)
    assert written({"b": 1, "a": [1.5, None]}) == '{"a":[1.5,null],"b":1}'


def test_sqlite_writes_ahead_and_syncs(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    with store.read() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("journal_mode", "synchronous")]
    store.close()
    assert found == ["wal", 2]
    with closing(sqlite3.connect(tmp_path / "store.db")) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
