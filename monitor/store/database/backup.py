"""Backup and restore of the store: SQLite's online backup, or PostgreSQL's own tools."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import sqlalchemy as sa

from monitor.errors import StoreError, StoreReason, UsageError
from monitor.files import create_private
from monitor.store.database import tables as t
from monitor.store.database.database import Store, redacted
from monitor.store.database.leases import shorten
from monitor.store.database.schema import newest_revision


def backup(store: Store, target: Path) -> None:
    """Write a consistent copy without stopping other processes. The file must not exist."""
    if target.exists():
        raise UsageError(f"backup {target}: the file exists; name another or remove it")
    file = store.file()
    if file is None:
        _postgres(store, "pg_dump", "--format=custom", f"--file={target}")
        return
    part = target.with_name(target.name + ".part")
    create_private(part)
    try:
        read_only = f"{file.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(read_only, uri=True)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
            _check_complete(copy, part)
        part.rename(target)
    except sqlite3.Error as exc:
        raise StoreError(f"backup {target}: {exc}; check the disk and the folder", StoreReason.REFUSED) from exc
    finally:
        part.unlink(missing_ok=True)


def restore(store: Store, source: Path, lease: float) -> None:
    """Replace the whole store by a backup. Refused while a process holds a lease on it, which lasts `lease` seconds.

    An unreadable SQLite file is kept as `.corrupt`.
    """
    if not source.is_file():
        raise UsageError(f"restore {source}: no such file")
    readable = _refuse_if_in_use(store, lease)
    file = store.file()
    if file is None:
        _postgres(store, "pg_restore", "--clean", "--if-exists", "--single-transaction", str(source), dbname="--dbname")
        return
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as copy:
            _check_complete(copy, source)
            if not readable:
                _rename_corrupt(file)
            create_private(file)
            with closing(sqlite3.connect(file, timeout=10)) as target:
                copy.backup(target)
    except sqlite3.Error as exc:
        raise StoreError(
            f"restore {source}: {exc}; name a file made by 'gatewatch store backup'", StoreReason.CORRUPT
        ) from exc


def _check_complete(connection: sqlite3.Connection, file: Path) -> None:
    verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    revision = connection.execute("SELECT version_num FROM alembic_version").fetchone() if "lease" in tables else None
    if verdict != "ok" or revision is None:
        raise StoreError(f"{file}: not a complete Gatewatch store ({verdict})", StoreReason.CORRUPT)
    if revision[0] > newest_revision():
        raise StoreError(f"{file}: its revision {revision[0]} is from a newer Gatewatch", StoreReason.NOT_UPGRADED)


def _refuse_if_in_use(store: Store, lease: float) -> bool:
    """StoreError while a process holds a lease; else whether the present store can be read."""
    file = store.file()
    if file is not None and not file.exists():
        return True
    try:
        holder = _holder(store)
    except StoreError as exc:
        if exc.reason is not StoreReason.CORRUPT:
            raise
        return False
    if holder is not None:
        with store.write() as connection:
            shorten(store, connection, lease)
        raise StoreError(
            f"store {redacted(store.url)}: process {holder} is using it; stop it, or wait until its lease expires",
            StoreReason.LOCKED,
        )
    return True


def _holder(store: Store) -> str | None:
    with store.read() as connection:
        if not sa.inspect(connection).has_table(t.lease.name):
            return None
        now = store.wall_seconds(connection)
        holders = sa.select(t.lease.c.holder).where(t.lease.c.expires_at > now).limit(1)
        return connection.execute(holders).scalar()


def _rename_corrupt(file: Path) -> None:
    """Rename an unreadable store file, with its journal, so that it can be examined."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            file.with_name(file.name + suffix).rename(file.with_name(f"{file.name}.corrupt{suffix}"))


def _postgres(store: Store, tool: str, *options: str, dbname: str = "--dbname") -> None:
    program = shutil.which(tool)
    if program is None:
        raise StoreError(f"{tool} is not on PATH; install PostgreSQL's client programs", StoreReason.REFUSED)
    url = sa.make_url(store.url)
    plain = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    env = dict(os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {}))
    result = subprocess.run(  # noqa: S603 - PostgreSQL's own tool with our arguments
        [program, *options, f"{dbname}={plain}"], env=env, capture_output=True, text=True, check=False, umask=0o077
    )
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise StoreError(f"store {redacted(store.url)}: {tool} failed: {last}", StoreReason.REFUSED)
