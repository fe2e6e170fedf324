"""Many simulated plants backfilled on this machine: time, CPU and memory, and how they grow with the plants.

What the bars of running many plants ask for: 500 sites of one day, linear from 50 to 500. The machines of every site,
and apart from them the steps (decisions without a model, drift, performance) of fewer, as they cost some 8 s a site.
`python -m benchmarks.bench_engine SITES PART FOLDER` is one measurement in a process of its own, which measures memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from monitor.engine.pieces.backfill import Backfill, Part
from monitor.engine.pieces.timing import Span
from monitor.engine.running import run
from monitor.engine.simulated import write_site
from monitor.plant.file.load import load
from monitor.simulator.history import simulate

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
SITES = {Part.MACHINES: (50, 500), Part.STEPS: (5, 20)}
WITHOUT_PICTURES = ("gates.inspection.since=2100-01-01T00:00:00Z", f"gates.coating.since={START.isoformat()}")


def measure(sites: int, part: Part, folder: Path) -> dict[str, Any]:
    """Backfill the first sites of a folder, and what that took."""
    loaded = load(folder / "plant.yaml", WITHOUT_PICTURES)
    span = Span(START, START + timedelta(days=1))
    work = Backfill.of(loaded.plant, loaded.digest, span, frozenset({part}))
    chosen = folder / f"{part}-{sites}"
    for source in work.sources():
        (chosen / source).mkdir(parents=True)
        for site in range(sites):
            name = f"site-{site:03d}.parquet"
            (chosen / source / name).symlink_to(folder / "raw" / source / name)
    began = time.perf_counter()
    rows = run(work, "local", str(chosen), str(folder / f"out-{part}-{sites}"), "parquet")
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "sites": sites, "seconds": round(seconds, 1), "seconds_a_site": round(seconds / sites, 2),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1), "peak_mib": round(used.ru_maxrss / 1024),
        "findings": rows["findings"], "decisions": rows["decisions"],
    }  # fmt: skip


def main() -> dict[str, Any]:
    """All measurements, each in a process of its own."""
    most = max(max(numbers) for numbers in SITES.values())
    with TemporaryDirectory() as place:
        folder = Path(place)
        text = files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8")
        (folder / "plant.yaml").write_text(text, encoding="utf-8")
        began = time.perf_counter()
        plant = load(folder / "plant.yaml", WITHOUT_PICTURES).plant
        tables = {name: config.table for name, config in plant.sources.items()}
        days = (simulate(site, START, 1.0, commissioning_parts=30) for site in range(most))
        rows = sum(write_site(day, folder / "raw", f"site-{site:03d}", tables) for site, day in enumerate(days))
        found: dict[str, Any] = {"rows_of_all_sites": rows, "simulated_in_seconds": round(time.perf_counter() - began)}
        for part, numbers in SITES.items():
            found[part.value] = [_in_a_process(sites, part, folder) for sites in numbers]
    return found


def _in_a_process(sites: int, part: Part, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.bench_engine", str(sites), part.value, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    sys.stderr.write(f"{part}: {done.stdout}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]), Part(sys.argv[2]), Path(sys.argv[3]))))
    else:
        print(json.dumps(main(), indent=2))
