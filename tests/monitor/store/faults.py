"""Real ways in which a store cannot be written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from monitor.store.database.database import Store


@contextmanager
def full(store: Store) -> Iterator[None]:
    """The file may not grow by a single page."""

    def no_more(connection: Any, _: object) -> None:
        connection.execute("PRAGMA max_page_count=1")  # as few as it has

    with _at_each_connection(store, no_more):
        yield


@contextmanager
def read_only(store: Store) -> Iterator[None]:
    """The file, or the server, takes no writes."""
    if store.is_sqlite:
        with _at_each_connection(store, lambda connection, _: connection.execute("PRAGMA query_only=ON")):
            yield
        return
    database = sa.make_url(store.url).database
    other = sa.create_engine(store.url, isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
    store.engine.dispose()
    yield
    with other.connect() as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = off")
        connection.exec_driver_sql(f'ALTER DATABASE "{database}" RESET default_transaction_read_only')
    other.dispose()
    store.engine.dispose()


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """Another program holds the write lock."""
    if store.is_sqlite:
        with closing(sqlite3.connect(str(store.file()), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    engine = sa.create_engine(store.url)
    with engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE sequence IN EXCLUSIVE MODE")
        yield
    engine.dispose()


@contextmanager
def _at_each_connection(store: Store, do: Any) -> Iterator[None]:
    event.listen(store.engine, "connect", do)
    store.engine.dispose()
    yield
    event.remove(store.engine, "connect", do)
    store.engine.dispose()


FAULTS = {"full": full, "read-only": read_only, "locked": locked}
WORDS = {"full": "full", "read-only": "read", "locked": "lock"}
