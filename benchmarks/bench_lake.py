"""Rows that the lake's sink takes from the store to Delta tables, with a commit a second.

`python -m benchmarks.bench_lake`. A store (SQLite in WAL mode, synchronous=FULL, or PostgreSQL with its defaults) is
filled with rows of each table; then the job of the lake sends them in one batch each second: taken from the store,
fixed there, written as one Delta commit with its transaction identifier, recorded. A batch has as many rows as the bar
asks for in a second: 20,000 a unit, the unit being the seconds of a fixed loop of plain Python. A tenth of that loop is
timed right before and after each batch, because other work comes and goes: `rows_a_unit` is the median over the batches
of rows by seconds, times the unit of that moment. The bar is for decisions, the widest rows; a row of `part_passports`
has four passages.

`noting` is what a plant with a lake pays elsewhere: the commit of windows of 6 machines with 8 sensors, with and
without the notes that the lake needs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.plants import START, Databases, backends, fresh, sqlite_files
from benchmarks.unit import unit
from monitor.lake.job import LakeJob
from monitor.plant.file.load import load
from monitor.plant.plant import Plant
from monitor.plant.running import LAKE_TABLES
from monitor.scheduling.job import Run
from monitor.store.commit import BatchWrite, commit
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire
from monitor.store.database.schema import open_store
from monitor.store.database.statements import take_arrivals
from monitor.store.rows.readings import MachineWindow

BAR = 20_000
"""Rows a unit."""
_MACHINES, _SENSORS = 6, 8
_PASSPORTS = 4
"""Parts in the store for each second: a part passes so many steps."""


def _at(index: int) -> Any:
    return START + timedelta(milliseconds=40 * index)


def decisions(first: int, rows: int, arrival: int) -> Iterator[dict[str, object]]:
    """Decisions of two gates as a model makes them."""
    for i in range(first, first + rows):
        yield {
            "serial": f"B{i:09d}", "step": "forging", "visit": 1, "revision": 0, "gate": ("forging", "coating")[i % 2],
            "arrival": arrival + i - first, "inputs": {"forging": arrival + i - first, "heating": i},
            "characteristic": "resonance", "model": "demo.forging", "version": "17", "model_digest": "a" * 64,
            "plant_digest": "b" * 64, "predicted": 1250.0 + i % 97 / 7, "lower": 1240.0 + i % 89 / 7,
            "upper": 1262.0 + i % 83 / 7, "distance": i % 79 / 17, "distance_limit": 9.5, "verdict": "continue",
            "reason": "inside", "on_hold": "", "decided_at": _at(i), "at": _at(i), "withheld": "",
            "adapted": {"scale": 1.02, "rows": 300, "at": _at(i).isoformat()},
        }  # fmt: skip


def parts(first: int, rows: int, arrival: int) -> Iterator[dict[str, object]]:
    """Passages of parts through four steps each."""
    for i in range(first, first + rows):
        part, step = divmod(i, _PASSPORTS)
        yield {
            "arrival": arrival + i - first, "source": "mes", "serial": f"Q{part:09d}", "step": f"s{step}", "visit": 1,
            "revision": 0, "at": _at(i), "available_at": _at(i), "machine": f"m{i % 6}", "recipe": "R", "lot": "L7",
            "values": {"x": i / 7}, "digest": f"{i}",
        }  # fmt: skip


def findings(first: int, rows: int) -> Iterator[dict[str, object]]:
    """Changes of status of sensors."""
    for i in range(first, first + rows):
        yield {
            "arrival": i, "detector": "limits", "method": "limit", "subject": f"m{i % 40}", "feature": f"s{i % 20}",
            "at": _at(i), "status": ("ok", "breach")[i % 2], "value": i / 13, "limit": 180.0,
            "causes": [f"s{i % 20}"], "step": "forging",
        }  # fmt: skip


def windows(first: int, rows: int) -> Iterator[dict[str, object]]:
    """Windows of twenty machines with forty sensors."""
    for i in range(first, first + rows):
        start, sensor = divmod(i, 800)
        yield {
            "machine": f"m{sensor // 40}", "sensor": f"s{sensor % 40}", "start": START + timedelta(minutes=5 * start),
            "rows": 10, "missing": 0, "minimum": 1.5, "maximum": 1.0 + i / 7, "total": i / 3, "square_total": i / 2,
        }  # fmt: skip


def fill(store: Store, table: str, first: int, rows: int) -> None:
    """The next rows of a table of the lake, in one transaction."""
    with store.write() as connection:
        if table == "decisions":
            insert(connection, t.decision, list(decisions(first, rows, take_arrivals(connection, rows))))
        elif table == "part_passports":
            insert(connection, t.part_step, list(parts(first, rows, take_arrivals(connection, rows))))
        elif table == "findings":
            insert(connection, t.finding, list(findings(first, rows)))
        else:
            insert(connection, t.machine_window, list(windows(first, rows)))


def one_batch() -> Callable[[], bool]:
    """A `stopping` that lets one batch pass."""
    asked = iter([False])
    return lambda: next(asked, True)


class Sent(NamedTuple):
    """A batch: its rows, its seconds, and the seconds of a unit around it."""

    rows: int
    seconds: float
    unit: float


def sent(store: Store, plant: Plant, commits: int) -> list[Sent]:
    """One batch each second."""
    assert plant.lake is not None
    job = LakeJob(store, plant, plant.lake)
    lease = acquire(store, "lake", "bench", 600.0)
    assert lease is not None
    batches, began = list[Sent](), time.perf_counter()
    for number in range(commits):
        time.sleep(max(0.0, began + number - time.perf_counter()))
        before = unit(0.1)
        now, started = START + timedelta(days=30, seconds=number), time.perf_counter()
        rows = job.run(Run(now, now, lease, lambda: None, one_batch())).rows
        seconds = time.perf_counter() - started
        batches.append(Sent(rows, seconds, 5 * (before + unit(0.1))))
    return batches[1:]  # the first makes the table and loads the library


def _plant(folder: Path, where: Databases, table: str, rows: int) -> Plant:
    file = folder / "plant.yaml"
    file.write_text(files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    lake = (f"lake.url=delta://{folder}/lake", f"lake.rows={rows}", f"lake.tables=[{table}]", "lake.every=1s")
    return load(file, (*where.overrides(), *lake)).plant


def _table(folder: Path, where: Databases, table: str, commits: int) -> dict[str, object]:
    rows = round(BAR / statistics.median(unit() for _ in range(3)))
    store = open_store(where.store)
    for number in range(commits):
        fill(store, table, number * rows, rows)
    batches = sent(store, _plant(folder, where, table, rows), commits)
    store.close()
    return {
        "table": table, "unit_seconds": round(statistics.median(b.unit for b in batches), 3), "commits": len(batches),
        "rows_a_commit": statistics.median(b.rows for b in batches),
        "seconds_a_commit": [round(find(b.seconds for b in batches), 3) for find in (statistics.median, max)],
        "within_a_second": sum(b.seconds <= 1 for b in batches),
        "rows_a_unit": round(statistics.median(b.rows / b.seconds * b.unit for b in batches)),
    }  # fmt: skip


def measure(backend: str, tables: Sequence[str], commits: int) -> Iterator[dict[str, object]]:
    """Each table on one kind of database."""
    for table in tables:
        with fresh(backend) as (folder, where):
            yield {"database": backend, **_table(folder, where, table, commits)}


def noting(commits: int) -> dict[str, object]:
    """Milliseconds of a commit of windows, without and with notes, by turns on one store."""
    took: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory(prefix="gatewatch-bench-") as place:
        store = open_store(sqlite_files(Path(place)).store)
        lease = acquire(store, "fill", "bench", 600.0)
        assert lease is not None
        for number in range(2 * commits):
            noted = bool(number % 2)
            write = BatchWrite("fill", "", "", START, marks={"fill": number})
            start = START + timedelta(minutes=5 * (number // 20))
            for machine in range(_MACHINES):
                name = f"m{machine}"
                write.windows += (
                    MachineWindow(name, f"s{s}", start, number, 0, 1.0, 2.0, 3.0, 4.0) for s in range(_SENSORS)
                )
                if noted:
                    write.noted_windows.add((name, start))
            began = time.perf_counter()
            commit(store, lease, write)
            took[noted].append(1000 * (time.perf_counter() - began))
        store.close()
    without, with_notes = (round(statistics.median(took[noted]), 3) for noted in (False, True))
    return {"commits": commits, "milliseconds_without": without, "milliseconds_with": with_notes}


def main() -> None:
    """Measure and print, each figure of decisions beside the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commits", type=int, default=15, help="Commits of each table, one a second.")
    parser.add_argument("--tables", nargs="+", choices=LAKE_TABLES, default=LAKE_TABLES, help="Only these.")
    arguments = parser.parse_args()
    results = [found for backend in backends() for found in measure(backend, arguments.tables, arguments.commits)]
    bars = [
        {"database": r["database"], "rows_a_unit": r["rows_a_unit"], "bar": BAR, "holds": r["rows_a_unit"] >= BAR}  # type: ignore[operator]
        for r in results
        if r["table"] == "decisions"
    ]
    found = {"benchmark": "lake", "bars": bars, "results": results, "noting": noting(200)}
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
