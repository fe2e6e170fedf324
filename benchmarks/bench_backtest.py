"""A backtest of the alerts: `python -m benchmarks bench_backtest`, on SQLite, each command in a process of its own.

It fires what fired in the demo's five days, rule by rule. Its time on 90 days is stated in units of work, measured
around it: of a record made of the demo's, 18 times one after the other, as it is with an evaluation each half hour, and
with one each 15 s, the default, between which nothing else changes: values change when jobs ran, and ages are told.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alerting.alerts.readings import Recorded
from benchmarks.unit import unit
from monitor.plant.file.load import load
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert
from monitor.store.database.schema import open_existing, open_store
from monitor.store.watching.readings import first_row, recorded_rows

DAYS, COPIES = 5, 18
_END = "2026-03-06T00:00:00Z"
_EVERY = (timedelta(minutes=30), timedelta(seconds=15))
_MICROSECOND = timedelta(microseconds=1)


def _gatewatch(*words: str | Path) -> tuple[dict[str, Any], float]:
    """What a command says as JSON, and its seconds."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "monitor.cli", *map(str, words)], capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if not done.stdout.startswith("{"):
        raise SystemExit(f"bench_backtest: {' '.join(map(str, words))}: {done.stderr[-2000:]}")
    return json.loads(done.stdout), seconds


def _record(plant: Path) -> list[Recorded]:
    store = open_existing(load(plant).plant.store.url)
    with store.read() as connection:
        first = first_row(connection, datetime.fromisoformat("2000-01-01T00:00:00Z"))
        assert first is not None
        rows = list(recorded_rows(connection, first.id))
    store.close()
    return rows


def _repeated(rows: Sequence[Recorded], every: timedelta) -> Iterator[Recorded]:
    """The record again and again, with an evaluation at each `every`."""
    whole: datetime | None = None
    for n in range(COPIES):
        for row in rows:
            at = row.at + n * timedelta(days=DAYS)
            if row.states is None:
                yield row._replace(at=at)
            else:
                steps = 0 if whole is None else (at - whole) // every - 1
                yield row._replace(at=at, evaluated=[every // _MICROSECOND] * steps)
                whole = at


def _ninety_days(plant: Path, rows: Sequence[Recorded], every: timedelta, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    shutil.copy(plant, folder / "plant.yaml")
    store = open_store(load(folder / "plant.yaml").plant.store.url, durable=False)
    made = [row._asdict() for row in _repeated(rows, every)]
    with store.write() as connection:
        insert(connection, t.alert_reading, made)
    store.close()
    units = [unit()]
    found, seconds = _gatewatch("alerts", "backtest", "-p", folder / "plant.yaml", "--json", "--since", "90d")
    units.append(unit())
    begins, ends = (datetime.fromisoformat(found[name]) for name in ("from", "to"))
    return {
        "every_seconds": every.total_seconds(), "evaluations": found["evaluations"],
        "days": round((ends - begins) / timedelta(days=1)),
        "rows": len(made), "values": sum(len(row["readings"]) for row in made),
        "size_mib": round((folder / "gatewatch.db").stat().st_size / 2**20, 1),
        "episodes": sum(rule["episodes"] for rule in found["rules"]), "seconds": round(seconds, 2),
        "unit_seconds": round(min(units), 3), "units": round(seconds / min(units), 1),
    }  # fmt: skip


def main() -> None:
    """Print the figures as JSON; it ends with an error if a rule would not have fired as often as it did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, help="folder of a demo of five days that is there already")
    demo = parser.parse_args().demo
    with tempfile.TemporaryDirectory(prefix="gatewatch-bench-") as place:
        if demo is None:
            demo = Path(place) / "demo"
            _gatewatch("demo", "--json", "--days", str(DAYS), "--end", _END, "--dir", demo)
        plant = demo / "plant.yaml"
        found, seconds = _gatewatch("alerts", "backtest", "-p", plant, "--json")
        fired = {rule["rule"]: rule["fired"] for rule in found["rules"] if rule["fired"]}
        again = {rule["rule"]: rule["episodes"] for rule in found["rules"] if rule["episodes"]}
        assert again == fired, (again, fired)
        rows = _record(plant)
        days = [_ninety_days(plant, rows, every, Path(place) / f"{every.total_seconds():.0f}") for every in _EVERY]
    demo_facts = {
        "evaluations": found["evaluations"],
        "fired": fired,
        "would_fire": again,
        "seconds": round(seconds, 2),
    }
    json.dump({"demo": demo_facts, "90_days": days}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
