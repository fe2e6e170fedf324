"""Two workers of plain Spark against one on the same simulated plants: wall time, and CPU time beside it.

What the bars of running many plants ask for: at least 1.7 times as fast. Run it where plain Spark is (`make engine`),
with nothing else running: `setsid .venv-engine/bin/python -m benchmarks.bench_engine_workers`. The first run on a
session is left out: it starts the workers' Python processes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.bench_engine import START, WITHOUT_PICTURES
from monitor.engine import spark
from monitor.engine.pieces.backfill import Backfill, Part
from monitor.engine.pieces.timing import Span
from monitor.engine.simulated import write_site
from monitor.plant.file.load import load
from monitor.simulator.history import simulate

SITES = 24
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> float:
    """CPU time of this process's session: the driver, Java and the workers, those that have ended included."""
    used = 0.0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == os.getsid(0):
                used += sum(map(int, fields[11:15])) / _TICKS
    return used


def measure(folder: Path, workers: int) -> dict[str, Any]:
    """Backfill all plants on so many workers, each with one core."""
    loaded = load(folder / "plant.yaml", WITHOUT_PICTURES)
    work = Backfill.of(loaded.plant, loaded.digest, Span(START), frozenset({Part.MACHINES}))
    with spark.session(f"local-cluster[{workers},1,1024]", 24) as session:
        for name in ("first", "measured"):
            began, before = time.perf_counter(), cpu_seconds()
            staging = str(folder / f"{name}-{workers}")
            found = spark.run(session, work, str(folder / "raw"), work.sources(), staging)
            rows = sum(table.num_rows for _, table in found)
            wall, cpu = time.perf_counter() - began, cpu_seconds() - before
    return {"workers": workers, "seconds": round(wall, 1), "cpu_seconds": round(cpu, 1), "rows": rows}


def main(sites: int) -> dict[str, Any]:
    """One worker, then two. Start it in a session of its own (`setsid`), by which CPU time is counted."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        text = files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8")
        (folder / "plant.yaml").write_text(text, encoding="utf-8")
        tables = {name: config.table for name, config in load(folder / "plant.yaml", ()).plant.sources.items()}
        for site in range(sites):
            write_site(simulate(site, START, 1.0, commissioning_parts=30), folder / "raw", f"site-{site:03d}", tables)
        one, two = (measure(folder, workers) for workers in (1, 2))
    return {"sites": sites, "one": one, "two": two, "times_as_fast": round(one["seconds"] / two["seconds"], 2)}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else SITES), indent=2))
