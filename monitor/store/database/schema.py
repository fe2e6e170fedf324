"""Creating and migrating the store's tables, with Alembic."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from monitor.errors import StoreError, StoreReason
from monitor.files import create_private
from monitor.store.database.database import Store, redacted

_HERE = Path(__file__).parent


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@cache
def newest_revision() -> str:
    """The revision that this version of Gatewatch uses."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return str(head)


def current_revision(store: Store) -> str | None:
    """The store's revision; None if it has no tables of Gatewatch yet."""
    with store.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(store: Store) -> tuple[str | None, str]:
    """Bring the store to the newest revision in one transaction: (before, after)."""
    with store.write() as connection:
        if not store.is_sqlite:
            # If two processes start on a new database, the second waits here and then has nothing to do.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(727271)")
        before = MigrationContext.configure(connection).get_current_revision()
        if before is None:
            _refuse_foreign(store, sa.inspect(connection).get_table_names())
        _refuse_newer(store, before)
        command.upgrade(_config(connection), "head")
    return before, newest_revision()


def open_store(url: str, durable: bool = True) -> Store:
    """The store, ready for use: a new one gets its tables; an older one is refused until upgraded."""
    store = Store(url, durable)
    file = store.file()
    if file is not None:
        create_private(file)  # before SQLite does, which lets everybody read it; its log takes the same mode
    try:
        if not usable(store):
            upgrade(store)
    except BaseException:
        store.close()
        raise
    return store


def usable(store: Store) -> bool:
    """Whether the store has the tables of this version; False if it is empty, StoreError for anything else."""
    with store.read() as connection:
        # Names first: tables that another process creates in between must not look foreign.
        names = sa.inspect(connection).get_table_names()
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        _refuse_foreign(store, names)
        return False
    if revision != newest_revision():
        _refuse_newer(store, revision)
        raise StoreError(
            f"store {redacted(store.url)}: it is of revision {revision}, "
            f"this version of Gatewatch needs {newest_revision()}; "
            "run 'gatewatch store backup' and then 'gatewatch store upgrade'",
            StoreReason.NOT_UPGRADED,
        )
    return True


def open_existing(url: str) -> Store:
    """The store for a command that only reads: StoreError instead of creating a new one."""
    store = Store(url)
    file = store.file()
    try:
        missing = (file is not None and not file.exists()) or current_revision(store) is None
    finally:
        store.close()
    if missing:
        raise StoreError(
            f"store {redacted(url)}: there is none yet; 'gatewatch run', 'once' or 'replay' creates it",
            StoreReason.UNREACHABLE,
        )
    return open_store(url)


def _refuse_newer(store: Store, revision: str | None) -> None:
    revisions = {r.revision for r in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in revisions:
        raise StoreError(
            f"store {redacted(store.url)}: its revision {revision} is from a newer Gatewatch; use that version",
            StoreReason.NOT_UPGRADED,
        )


def _refuse_foreign(store: Store, names: Sequence[str]) -> None:
    if names:
        raise StoreError(
            f"store {redacted(store.url)}: it holds tables of another program ({', '.join(sorted(names)[:5])}); "
            "give Gatewatch an empty database of its own in store.url",
            StoreReason.REFUSED,
        )
