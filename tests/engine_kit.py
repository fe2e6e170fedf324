"""A plant's sources as tables of a lake, and what its store says beside what an engine found."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from plant_kit import START

from monitor.clock import SimulatedClock
from monitor.engine.lake import open_table
from monitor.engine.pieces.results import TABLES
from monitor.engine.simulated import write_site
from monitor.plant.file.load import load
from monitor.plant.plant import Plant
from monitor.runtime.app import make_app
from monitor.runtime.replay import replay
from monitor.simulator.history import simulate
from monitor.store.database import tables as t
from monitor.store.database.schema import open_existing
from monitor.store.rows.decisions import StoredDecision, all_decisions
from monitor.store.watching.findings import all_findings

HAS_SPARK = importlib.util.find_spec("py4j") is not None and shutil.which("java") is not None
"""Whether plain Spark can run here, not only its client: see `make engine`."""
FINDING = ("detector", "method", "subject", "feature", "at", "status", "value", "limit", "causes", "step")
WINDOW = ("machine", "sensor", "start", "rows", "missing", "minimum", "maximum", "total", "square_total")
STATE = ("detector", "subject", "state")
REJECT = ("source", "reason", "key", "at", "column")
ENGINE_WRITES = {"findings": FINDING, "board": FINDING, "machine_windows": WINDOW, "detector_states": STATE}
_STORED = {
    "findings": t.finding, "board": t.board, "machine_windows": t.machine_window, "detector_states": t.detector_state,
    "rejects": t.quarantine,
}  # fmt: skip
_BY_MACHINE = ("limits", "anomaly", "worst_machine")


def replay_jobs(plant: Path, overrides: Sequence[str], start: datetime, end: datetime, jobs: Sequence[str]) -> None:
    """Replay the jobs whose names begin so, and no others; every slot must succeed."""
    clock = SimulatedClock(start)
    app = make_app(load(plant, overrides), clock, simulated=True)
    app.jobs = [job for job in app.jobs if job.name.startswith(tuple(jobs))]
    try:
        failed = [slot.error for _, _, slot in replay(app, clock, start, end) if slot.error]
    finally:
        app.close()
    assert not failed, failed


def raw_table(plant: Plant, source: str, site: str) -> pa.Table:
    """All rows of a source's SQLite table, with the column `site`."""
    config = plant.sources[source]
    database = sa.make_url(config.url).database or ""
    with closing(sqlite3.connect(database)) as connection:
        cursor = connection.execute(f'SELECT * FROM "{config.table}"')
        names = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
    columns = {name: _of_one_type([row[i] for row in rows]) for i, name in enumerate(names)}
    return pa.table({**columns, "site": pa.array([site] * len(rows), pa.string())})


def _of_one_type(values: list[Any]) -> list[Any]:
    """A column as a table of a lake can hold it: where SQLite has numbers and text in one, all is text."""
    mixed = len({str if isinstance(v, str) else float for v in values if v is not None}) > 1
    return [None if v is None else str(v) for v in values] if mixed else values


def write_lake(plant: Plant, folder: Path, sites: Iterable[str], sources: Iterable[str] | None = None) -> Path:
    """The sources of a plant as Parquet files, a folder a source and a file a site; all sites have the same rows."""
    for source in plant.sources if sources is None else sources:
        for site in sites:
            place = folder / source
            place.mkdir(parents=True, exist_ok=True)
            pq.write_table(raw_table(plant, source, site), place / f"{site}.parquet")
    return folder


def lines(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> list[str]:
    """Rows as sorted JSON lines of these columns; saved states with their keys in order."""
    return sorted(json.dumps([_plain(name, row[name]) for name in columns], default=str) for row in rows)


def stored(plant: Plant, table: str, columns: Sequence[str]) -> list[str]:
    """What the single process stored of machines, as the same lines."""
    source = _STORED[table]
    query = sa.select(*(source.c[name] for name in columns))
    if table in ("findings", "board"):
        query = query.where(source.c.detector.in_(_BY_MACHINE), source.c.subject.in_(list(plant.machines)))
    store = open_existing(plant.store.url)
    try:
        with store.read() as connection:
            return lines((row._asdict() for row in connection.execute(query)), columns)
    finally:
        store.close()


def _plain(name: str, value: Any) -> Any:
    if name != "state":
        return value
    return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True)


def stored_rows(plant: Plant) -> tuple[list[StoredDecision], list[dict[str, Any]]]:
    """The decisions and findings in a plant's store."""
    store = open_existing(plant.store.url)
    try:
        with store.read() as connection:
            return all_decisions(connection), [row._asdict() for row in all_findings(connection)]
    finally:
        store.close()


def simulated_lake(folder: Path, sites: int, hours: float) -> Path:
    """The demo's plant file beside `raw`, the tables of simulated plants, each of another seed; the plant file."""
    file = folder / "plant.yaml"
    file.write_text(files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    tables = {name: config.table for name, config in load(file, ()).plant.sources.items()}
    for site in range(sites):
        history = simulate(site + 3, START, hours / 24, commissioning_parts=60)
        write_site(history, folder / "raw", f"site-{site}", tables)
    return file


def results_of(folder: Path) -> dict[str, list[str]]:
    """Every table of results in a folder, as sorted lines."""
    return {
        name: lines(open_table(str(folder), name).to_table().to_pylist(), schema.names)
        for name, schema in TABLES.items()
    }
