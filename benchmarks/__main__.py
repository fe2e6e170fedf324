"""`make bench`: every benchmark in a process of its own; JSON with date and machine goes to `benchmarks/results/`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

NAMES = ("bench_metrics", "bench_gate", "bench_pull", "bench_memory", "bench_drift")
LONG = (
    "bench_attribution", "bench_audit", "bench_backtest", "bench_before_outcomes", "bench_calm", "bench_charts",
    "bench_compare", "bench_decisions", "bench_demo", "bench_detect", "bench_drift_shifts", "bench_engine",
    "bench_false_alarms", "bench_image_drift", "bench_lake", "bench_lake_source", "bench_message",
    "bench_models_ensemble", "bench_models_image", "bench_models_shape", "bench_models_table", "bench_performance",
    "bench_savings", "bench_spc", "bench_steps", "bench_workers",
)  # fmt: skip
"""Only when named."""
_FOLDERS = {"bench_detect": "detect"}
"""Those that are a folder, not a file of their name."""
_RESULTS = Path(__file__).parent / "results"
_LIBRARIES = (
    "evidently", "lightgbm", "numpy", "pandas", "prometheus-client", "psycopg", "river", "scipy", "SQLAlchemy", "torch",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """What a reader must know of the machine, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": len(os.sched_getaffinity(0)), "memory_gib": round(memory), "architecture": platform.machine(),
        "system": platform.system(), "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "load_before": round(os.getloadavg()[0], 2),
    }  # fmt: skip


def run(name: str) -> None:
    """Run one and keep what it printed."""
    about, began = machine(), time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{_FOLDERS.get(name, name)}"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    minutes = round((time.perf_counter() - began) / 60, 1)
    found = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": about, "minutes": minutes, **json.loads(done.stdout)}
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"{name}: {minutes} min\n{done.stdout}")


def main() -> None:
    """Run those named on the command line, else all."""
    for name in sys.argv[1:] or NAMES:
        if name not in (*NAMES, *LONG):
            sys.exit(f"benchmarks: {name!r} is none of {', '.join((*NAMES, *LONG))}")
        run(name)


if __name__ == "__main__":
    main()
