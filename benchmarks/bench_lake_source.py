"""Rows a unit of work that a Delta source reads and types, by commit: `python -m benchmarks.bench_lake_source`.

A table of readings of 10 machines, three sensors a row, in commits of 10,000 rows each, with the machine as a partition
column and without. Beside it: what the library takes to give the same columns as an Arrow table.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from benchmarks.unit import unit
from monitor.plant.plant import Plant
from monitor.sources.transports import open_source

SENSORS = ("force", "temperature", "vibration")
MACHINES = 10
_COMMIT = 10_000
_BAR = 100_000
_START = 1_767_614_400_000_000
_EVER = datetime(2100, 1, 1, tzinfo=UTC)


def make_table(path: Path, rows: int, partitioned: bool) -> None:
    """A table of that many rows, one every tenth of a second."""
    rng = np.random.default_rng(1)
    for first in range(0, rows, _COMMIT):
        n = np.arange(first, first + _COMMIT)
        table = pa.table({
            "at": pa.array(_START + n // MACHINES * 1_000_000, pa.timestamp("us", "UTC")),
            "unit": pa.array([f"m{i}" for i in (n % MACHINES).tolist()]),
            **{sensor: rng.normal(size=_COMMIT) for sensor in SENSORS},
        })  # fmt: skip
        write_deltalake(path, table, mode="append", partition_by=["unit"] if partitioned else None)


def plant_of(folder: Path) -> Plant:
    """A plant that reads the table."""
    return Plant.model_validate(
        {
            "version": 1, "site": "here", "steps": {"step": {"line": "l"}},
            "machines": {f"m{i}": {"step": "step", "sensors": {s: {} for s in SENSORS}} for i in range(MACHINES)},
            "sources": {
                "it": {
                    "kind": "readings", "url": f"delta://{folder}", "table": "t", "at": "at", "machine": "unit",
                    "values": {sensor: sensor for sensor in SENSORS},
                }
            },
        }
    )  # fmt: skip


def read_all(plant: Plant) -> int:
    """The rows of every page."""
    source, after, rows = open_source("it", plant.sources["it"], plant), None, 0
    while True:
        page = source.read(after, _EVER, plant.rows_at_once("it"))
        rows, after = rows + page.read, page.position
        if not page.more:
            source.close()
            return rows


def _timed(work: Callable[[], int], rows: int) -> float:
    began = time.perf_counter()
    if work() != rows:
        raise RuntimeError("rows are missing")
    return time.perf_counter() - began


def measure(rows: int, partitioned: bool) -> dict[str, object]:
    """Rows a unit of the source and of the library alone; the medians of three."""
    with tempfile.TemporaryDirectory(prefix="gatewatch-bench-") as place:
        folder = Path(place)
        make_table(folder / "t", rows, partitioned)
        plant, columns = plant_of(folder), ["at", "unit", *SENSORS]
        ours, bare, units = [], [], []
        for _ in range(3):
            units.append(unit())
            ours.append(_timed(lambda: read_all(plant), rows))
            bare.append(_timed(lambda: DeltaTable(folder / "t").to_pyarrow_table(columns=columns).num_rows, rows))
    per_unit = rows / float(np.median(ours)) * float(np.median(units))
    return {
        "partitioned": partitioned, "rows": rows, "commits": rows // _COMMIT, "rows_a_unit": round(per_unit),
        "bar": _BAR, "seconds": round(float(np.median(ours)), 2), "library_seconds": round(float(np.median(bare)), 2),
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows // _COMMIT * _COMMIT
    results = [measure(rows, partitioned) for partitioned in (False, True)]
    sys.stdout.write(json.dumps({"benchmark": "lake_source", "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
