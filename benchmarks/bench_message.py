"""From a reading outside its limit to the message: `python -m benchmarks.bench_message`.

A plant with 1 s intervals and `gatewatch run` as a process of its own; each machine gets a row a second. Trial by trial
one machine leaves its limit. Reported are the seconds from the first row outside, and from the row that completes the
breach (`detectors.limit_rows` in a row), until the line is in the notification log: median, 95 % and longest.
Every machine is on a line of its own, so that each message is the first of its incident; a plant has few machines,
because a team gets at most ten messages in ten minutes.
"""

from __future__ import annotations

import argparse
import json
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

_MACHINES = 7
"""Trials of one plant."""
_BREACH = 3
"""Rows in a row that make a breach."""
_PATIENCE = 60.0
_INSIDE, _OUTSIDE = 50.0, 75.0

_PLANT = """version: 1
site: bench
steps: {{{steps}}}
machines:
{machines}
detectors: {{limit_rows: {breach}}}
sources:
  historian:
    kind: readings
    url: sqlite:///historian.db
    table: trend
    machine: {{column: machine}}
    at: {{column: at, epoch: ms}}
    available_at: {{column: posted, epoch: ms}}
    late_by: 0s
    every: 1s
    values: {{temperature: {{column: temperature}}}}
alerts: {{every: 1s}}
notify: {{every: 1s}}
server: {{port: {port}}}
"""


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=21)
    trials = parser.parse_args().trials
    waited: list[tuple[float, float]] = []
    while len(waited) < trials:
        with tempfile.TemporaryDirectory(prefix="gatewatch-bench-") as folder:
            waited += _of_plant(Path(folder))[: trials - len(waited)]
    first, complete = ([pair[i] for pair in waited] for i in (0, 1))
    sys.stdout.write(
        json.dumps({"trials": trials, "from_first_row": _summed(first), "from_breach": _summed(complete)}, indent=2)
        + "\n"
    )


def _summed(seconds: list[float]) -> dict[str, float]:
    quantiles = statistics.quantiles(seconds, n=20, method="inclusive")
    return {"median": round(quantiles[9], 2), "p95": round(quantiles[18], 2), "longest": round(max(seconds), 2)}


def _of_plant(folder: Path) -> list[tuple[float, float]]:
    """The trials of one plant: seconds from the first row outside, and from the row that completes the breach."""
    names = [f"m{i}" for i in range(_MACHINES)]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    steps = ", ".join(f"s-{name}: {{line: l-{name}}}" for name in names)
    machines = "\n".join(
        f"  {name}: {{step: s-{name}, sensors: {{temperature: {{low: 20, high: 60}}}}}}" for name in names
    )
    plant = folder / "plant.yaml"
    plant.write_text(_PLANT.format(steps=steps, machines=machines, breach=_BREACH, port=port), encoding="utf-8")
    with closing(sqlite3.connect(folder / "historian.db", isolation_level=None)) as historian:
        historian.execute("PRAGMA journal_mode = WAL")
        historian.execute("CREATE TABLE trend (machine TEXT, at INTEGER, posted INTEGER, temperature REAL)")
        line = _Line(historian, names)
        for second in range(60, 0, -1):
            line.post(datetime.now(UTC) - timedelta(seconds=second))
        with _service(plant, folder / "log"):
            line.run_until(lambda: (folder / "gatewatch.db").exists(), 30)
            line.run_for(10)
            return [_trial(line, name, folder / "notifications.jsonl") for name in names]


class _Line:
    """The machines, each with a row a second; `outside` are those beyond their limit."""

    def __init__(self, historian: sqlite3.Connection, names: list[str]) -> None:
        self._historian, self._names, self.outside = historian, names, set[str]()
        self._next = time.monotonic()

    def post(self, at: datetime) -> None:
        """A row of each machine."""
        millis = int(at.timestamp() * 1000)
        values = [_OUTSIDE if name in self.outside else _INSIDE + millis % 7 / 10 for name in self._names]
        rows = [(name, millis, millis, value) for name, value in zip(self._names, values, strict=True)]
        self._historian.execute("BEGIN")
        self._historian.executemany("INSERT INTO trend VALUES (?, ?, ?, ?)", rows)
        self._historian.execute("COMMIT")

    def tick(self) -> bool:
        """Post a row of each when a second has passed since the last; whether that was so."""
        if time.monotonic() < self._next:
            time.sleep(0.01)
            return False
        self._next = max(self._next + 1, time.monotonic())
        self.post(datetime.now(UTC))
        return True

    def run_for(self, seconds: float) -> None:
        """Post rows for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.tick()

    def run_until(self, condition: object, seconds: float) -> None:
        """Post rows until a condition holds."""
        until = time.monotonic() + seconds
        while not condition():  # type: ignore[operator]
            if time.monotonic() > until:
                raise RuntimeError("the service did not start")
            self.tick()


def _trial(line: _Line, name: str, log: Path) -> tuple[float, float]:
    line.outside.add(name)
    began, completed, rows = 0.0, 0.0, 0
    while not _told(log, name):
        if line.tick():
            rows += 1
            began, completed = (time.monotonic() if rows == n else t for n, t in ((1, began), (_BREACH, completed)))
        if began and time.monotonic() - began > _PATIENCE:
            raise RuntimeError(f"{name}: no message within {_PATIENCE:.0f} s")
    now = time.monotonic()
    return now - began, now - completed


def _told(log: Path, name: str) -> bool:
    return log.exists() and any(
        alert["subject"] == name
        for text in log.read_text(encoding="utf-8").splitlines()
        for note in json.loads(text)["notifications"]
        for alert in note["alerts"]
    )


@contextmanager
def _service(plant: Path, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        command = [sys.executable, "-m", "monitor.cli", "run", str(plant)]
        service = subprocess.Popen(command, stdout=output, stderr=output, cwd=plant.parent)
        try:
            yield
        finally:
            service.terminate()
            service.wait()


if __name__ == "__main__":
    main()
