"""A PostgreSQL server from the machine's own binaries, one for a whole test run."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from run_kit import once, run_folder

from monitor.store.database.schema import open_store

_USER = "gatewatch"
_TEMPLATE = "made_store"
_TWO_WAYS = 150_000
"""The version of PostgreSQL that has two ways to copy a database."""
_OPTIONS = (
    "fsync=off", "full_page_writes=off", "max_connections=80", "shared_buffers=32MB", "max_wal_size=128MB",
    "unix_socket_directories=", "listen_addresses=127.0.0.1", "autovacuum=off",
)  # fmt: skip


def why_not() -> str | None:
    """Why no server can run here; None where one can."""
    if _binaries() is None:
        return "no PostgreSQL binaries (looked in /usr/lib/postgresql/*/bin and on PATH)"
    if _account() is None and os.geteuid() == 0:
        return "PostgreSQL does not run as root and there is no account to run it as"
    return None


def server() -> sa.URL:
    """The run's server, on a random loopback port; started by the first process that asks."""
    return sa.make_url((once("postgres", _make) / "url").read_text())


def stop() -> None:
    """End the run's server, if one was started."""
    folder, binaries = run_folder() / "postgres", _binaries()
    if binaries is not None and (folder / "data" / "postmaster.pid").exists():
        _run(folder, binaries / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")


def make_database(url: sa.URL, name: str, template: str = "template1") -> str:
    """Make a database; its URL, password included."""
    # The files as they are, where a version can also copy by way of the log, which takes twice as long.
    version = _administrator(url, os.getpid()).info.server_version
    _admin(url, f"CREATE DATABASE {name} TEMPLATE {template}" + " STRATEGY FILE_COPY" * (version >= _TWO_WAYS))
    return url.set(database=name).render_as_string(hide_password=False)


def make_store(url: sa.URL, name: str) -> str:
    """Make a database with the tables of a new store in it; its URL, password included."""
    once("postgres-store", lambda _: open_store(make_database(url, _TEMPLATE)).close())
    return make_database(url, name, _TEMPLATE)


def drop_database(url: sa.URL, name: str) -> None:
    """Drop a database, whoever is connected."""
    _admin(url, f"DROP DATABASE {name} WITH (FORCE)")


def _binaries() -> Path | None:
    """The folder of initdb and pg_ctl: Debian's newest version, else the one on PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: float(f.parent.name), reverse=True)
    found = [f for f in folders if (f / "pg_ctl").exists()]
    if found:
        return found[0]
    on_path = shutil.which("pg_ctl")
    return Path(on_path).resolve().parent if on_path else None


def _account() -> str | None:
    """PostgreSQL refuses to run as root: the account to run it as, None for our own."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def _make(folder: Path) -> None:
    binaries, account = _binaries(), _account()
    assert binaries is not None
    password = secrets.token_hex(8)
    (folder / "password").write_text(password)
    if account:
        for path in (folder, folder / "password"):
            shutil.chown(path, account)
    initdb = (
        binaries / "initdb", "-D", folder / "data", "-U", _USER, "--auth=md5",
        f"--pwfile={folder / 'password'}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
    )  # fmt: skip
    assert _run(folder, *initdb).returncode == 0, (folder / "log").read_text()
    url = sa.URL.create("postgresql+psycopg", _USER, password, "127.0.0.1", _start(folder, binaries), "postgres")
    (folder / "url").write_text(url.render_as_string(hide_password=False))


def _start(folder: Path, binaries: Path) -> int:
    """Start the server and wait until it answers; another process may take the port first, so try three."""
    for _ in range(3):
        port = _free_port()
        options = " ".join(f"-c {option}" for option in (*_OPTIONS, f"port={port}"))
        started = _run(folder, binaries / "pg_ctl", "-D", folder / "data", "-o", options, "-w", "start")
        if started.returncode == 0:
            return port
    raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command of PostgreSQL; its output goes to a file, because the server would hold a pipe open."""
    environment, account = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, _account()
    with (folder / "log").open("ab") as log:
        return subprocess.run(
            [str(c) for c in command], stdout=log, stderr=log, cwd=folder, env=environment, user=account,
            extra_groups=[] if account else None, check=False,
        )  # fmt: skip


@cache
def _administrator(server: sa.URL, _process: int) -> psycopg.Connection[Any]:
    """A process's own connection to the server, kept until the run ends."""
    return psycopg.connect(
        host=server.host, port=server.port, user=server.username, password=server.password, dbname="postgres",
        autocommit=True,
    )  # fmt: skip


def _admin(server: sa.URL, statement: str) -> None:
    _administrator(server, os.getpid()).execute(statement)  # type: ignore[call-overload]
