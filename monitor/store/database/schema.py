"""Making the store's tables and bringing them up to date, with Alembic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from monitor.errors import StoreError, StoreReason
from monitor.store.database.database import Store, shown

_HERE = Path(__file__).parent


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """The revision this version of the program works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return str(head)


def current(store: Store) -> str | None:
    """The store's revision; None where Gatewatch has made no tables yet."""
    with store.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(store: Store) -> tuple[str | None, str]:
    """Bring the store to the newest revision in one transaction: (before, after)."""
    with store.write() as connection:
        if not store.is_sqlite:
            # Two processes on a new database: the second waits here and then finds nothing to do.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(727271)")
        before = MigrationContext.configure(connection).get_current_revision()
        if before is None:
            _not_foreign(store, sa.inspect(connection).get_table_names())
        _not_newer(store, before)
        command.upgrade(_config(connection), "head")
    return before, newest()


def open_store(url: str, durable: bool = True) -> Store:
    """The store, ready for use: a new one gets its tables, an older one is refused until it is upgraded."""
    store = Store(url, durable)
    try:
        if not usable(store):
            upgrade(store)
    except BaseException:
        store.close()
        raise
    return store


def usable(store: Store) -> bool:
    """Whether the store's tables are there, of this version; False where it is empty, StoreError for anything else."""
    with store.read() as connection:
        # Names first: tables that another process makes between the two questions must not look like a stranger's.
        names = sa.inspect(connection).get_table_names()
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        _not_foreign(store, names)
        return False
    if revision != newest():
        _not_newer(store, revision)
        raise StoreError(
            f"store {shown(store.url)}: it is of revision {revision}, this version of Gatewatch needs {newest()}; "
            "run 'gatewatch store backup' and then 'gatewatch store upgrade'",
            StoreReason.NOT_UPGRADED,
        )
    return True


def open_existing(url: str) -> Store:
    """The store for a command that only reads: StoreError where there is none, instead of making one."""
    store = Store(url)
    file = store.file()
    try:
        missing = (file is not None and not file.exists()) or current(store) is None
    finally:
        store.close()
    if missing:
        raise StoreError(
            f"store {shown(url)}: there is none yet; 'gatewatch run', 'once' or 'replay' makes it",
            StoreReason.UNREACHABLE,
        )
    return open_store(url)


def _not_newer(store: Store, revision: str | None) -> None:
    known = {r.revision for r in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"store {shown(store.url)}: its revision {revision} is of a newer Gatewatch; use that version",
            StoreReason.NOT_UPGRADED,
        )


def _not_foreign(store: Store, names: Sequence[str]) -> None:
    strangers = sorted(names)
    if strangers:
        raise StoreError(
            f"store {shown(store.url)}: it holds tables of something else ({', '.join(strangers[:5])}); "
            "give Gatewatch an empty database of its own in store.url",
            StoreReason.REFUSED,
        )
