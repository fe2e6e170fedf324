"""The plants and servers that the measurements run on."""

from __future__ import annotations

import argparse
import gc
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import psycopg

from monitor.clock import SimulatedClock
from monitor.plant.file.load import load
from monitor.processes import OBJECTS_BEFORE_COLLECTION
from monitor.runtime.app import App, make_app
from monitor.scheduling.runner import SlotOutcome, SlotResult
from monitor.simulator.feed import Feed
from monitor.simulator.history import simulate
from monitor.simulator.machines import SENSORS

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
SHAPES = ("forging", "coating")
"""The gates of kind shape, which the benchmarks measure."""
_NEVER = ("since=2100-01-01T00:00:00Z", "training.min_outcomes=1000000")
READINGS_PER_ROW = len(SENSORS)
_MACHINES = 6
ROWS_PER_DAY = _MACHINES * 24 * 60 * 2
"""A row for each machine every 30 seconds."""


@dataclass(frozen=True, slots=True)
class Databases:
    """Where the plant's databases and ours are: folders of SQLite files, or databases of one PostgreSQL server."""

    mes: str
    historian: str
    store: str

    def overrides(self) -> list[str]:
        """As `--set` takes them."""
        ours = [
            f"sources.{s}.url={self.mes}" for s in ("mes", "inspection", "visual_check", "final_test", "dispositions")
        ]
        ours += [f"sources.{s}.url={self.historian}" for s in ("historian", "machine_states")]
        return [*ours, f"write_back.url={self.mes}", f"store.url={self.store}"]


def sqlite_files(folder: Path) -> Databases:
    """SQLite files in a folder."""
    return Databases(*(f"sqlite:///{folder}/{name}.db" for name in ("mes", "historian", "gatewatch")))


def make_plant(folder: Path, where: Databases, days: float, commissioning: int = 0) -> Path:
    """The demo's plant file, with its two databases filled with a history from START on."""
    file = folder / "plant.yaml"
    file.write_text(files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    history = simulate(3, START, days, commissioning_parts=commissioning)
    with Feed(history, where.mes, where.historian) as feed:
        feed.create()
        feed.advance(history.end + timedelta(days=3))
    return file


def opened(plant: Path, where: Databases, at: datetime, *overrides: str) -> tuple[App, SimulatedClock]:
    """The plant ready to run, its clock at `at`. The gates of shapes are live from START on, no others."""
    clock = SimulatedClock(at)
    live = [f"gates.{gate}.since={START.isoformat()}" for gate in SHAPES]
    live += [f"gates.{gate}.{never}" for gate in ("machining", "inspection") for never in _NEVER]
    return make_app(load(plant, [*where.overrides(), *live, *overrides]), clock, simulated=True), clock


def served(app: App, name: str, at: datetime) -> SlotResult:
    """One slot of one job, which must succeed."""
    slot = app.runner.run(next(job for job in app.jobs if job.name == name), at)
    if slot.outcome is not SlotOutcome.SUCCESS:
        raise RuntimeError(f"{name}: {slot.outcome} {slot.error}")
    return slot


def postgres_binaries() -> Path | None:
    """The folder of initdb and pg_ctl; None where PostgreSQL is not installed."""
    found = [f for f in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True) if (f / "pg_ctl").exists()]
    on_path = shutil.which("pg_ctl")
    return found[0] if found else Path(on_path).resolve().parent if on_path else None


def backends() -> list[str]:
    """The kinds of database to measure on."""
    return ["sqlite", *(["postgresql"] if postgres_binaries() else [])]


@contextmanager
def fresh(backend: str) -> Iterator[tuple[Path, Databases]]:
    """A folder that is deleted afterwards, and empty databases of one of these kinds."""
    binaries = postgres_binaries()
    with tempfile.TemporaryDirectory(prefix="gatewatch-bench-") as place:
        folder = Path(place)
        if backend == "postgresql" and binaries is not None:
            with postgres(binaries) as where:
                yield folder, where
        else:
            yield folder, sqlite_files(folder)


def print_rounds(name: str, doc: str | None, measure: Callable[[str, float, int], dict[str, object]]) -> None:
    """The command line of a benchmark that measures so many days in so many rounds on each kind of database."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=3.0, help="Length of the history; 138,240 readings a day.")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    results = [measure(backend, arguments.days, arguments.rounds) for backend in backends()]
    sys.stdout.write(json.dumps({"benchmark": name, "results": results}, indent=2) + "\n")


@contextmanager
def postgres(binaries: Path) -> Iterator[Databases]:
    """A PostgreSQL server with its own defaults (durable commits) and three empty databases, while inside."""
    account = "postgres" if os.geteuid() == 0 and "postgres" in {p.pw_name for p in pwd.getpwall()} else None
    folder = Path(tempfile.mkdtemp(prefix="gatewatch-bench-"))
    password, secret = secrets.token_hex(8), folder / "password"
    secret.write_text(password)
    for path in (folder, secret) if account else ():
        shutil.chown(path, account)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*command: str | Path) -> None:
        with (folder / "log").open("ab") as log:  # a pipe would be held open by the server
            subprocess.run([str(c) for c in command], stdout=log, stderr=log, cwd=folder, user=account, check=True)

    data = folder / "data"
    try:
        run(binaries / "initdb", "-D", data, "-U", "bench", "--auth=scram-sha-256", f"--pwfile={secret}")
        run(binaries / "pg_ctl", "-D", data, "-o", f"-h 127.0.0.1 -p {port} -k ''", "-w", "start")
        server = f"bench:{password}@127.0.0.1:{port}"
        with psycopg.connect(f"postgresql://{server}/postgres", autocommit=True) as connection:
            for name in ("mes", "historian", "gatewatch"):
                connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        yield Databases(*(f"postgresql+psycopg://{server}/{name}" for name in ("mes", "historian", "gatewatch")))
        run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
