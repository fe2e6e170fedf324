"""Fixtures for every test: a real PostgreSQL server from the machine's own binaries, a fresh database a test."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import settings

# For `make mutate`, which runs the tests of a function once for each small change of it.
settings.register_profile("mutate", max_examples=20, derandomize=True, deadline=None)

_USER = "gatewatch"


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(account: str | None, folder: Path, *command: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command of PostgreSQL; its output goes to a file, because the server would hold a pipe open."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    with (folder / "log").open("ab") as log:
        return subprocess.run(
            [str(c) for c in command], stdout=log, stderr=log, cwd=folder, env=environment, user=account,
            extra_groups=[] if account else None, timeout=60, check=False,
        )  # fmt: skip


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[sa.URL]:
    """A PostgreSQL server on a random loopback port, ended with the session; skips where no binaries are."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL binaries (looked in /usr/lib/postgresql/*/bin and on PATH)")
    account = _account()
    if account is None and os.geteuid() == 0:
        pytest.skip("PostgreSQL does not run as root and there is no account to run it as")
    folder = Path(tempfile.mkdtemp(prefix="gatewatch-pg-"))
    try:
        password = secrets.token_hex(8)
        (folder / "password").write_text(password)
        if account:
            for path in (folder, folder / "password"):
                shutil.chown(path, account)
        data = folder / "data"
        initdb = (
            binaries / "initdb", "-D", data, "-U", _USER, "--auth=scram-sha-256", f"--pwfile={folder / 'password'}",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        assert _run(account, folder, *initdb).returncode == 0, (folder / "log").read_text()
        port = _start(account, folder, binaries, data)
        yield sa.URL.create("postgresql+psycopg", _USER, password, "127.0.0.1", port, "postgres")
        _run(account, folder, binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(account: str | None, folder: Path, binaries: Path, data: Path) -> int:
    """Start the server and wait until it answers; another process may take the port first, so try three."""
    for _ in range(3):
        port = _free_port()
        options = f"-h 127.0.0.1 -p {port} -k '' -F -c max_connections=40 -c shared_buffers=16MB"
        started = _run(account, folder, binaries / "pg_ctl", "-D", data, "-o", options, "-w", "start")
        if started.returncode == 0:
            return port
    raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()}")


def _admin(server: sa.URL, statement: str) -> None:
    with psycopg.connect(
        host=server.host, port=server.port, user=server.username, password=server.password, dbname="postgres",
        autocommit=True,
    ) as connection:  # fmt: skip
        connection.execute(statement)  # type: ignore[call-overload]


@pytest.fixture
def postgres_url(postgres_server: sa.URL) -> Iterator[str]:
    """The URL, password included, of an empty database that is this test's alone."""
    name = f"test_{secrets.token_hex(6)}"
    _admin(postgres_server, f"CREATE DATABASE {name}")
    yield postgres_server.set(database=name).render_as_string(hide_password=False)
    _admin(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")
