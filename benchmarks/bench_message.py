"""From a reading outside its limit to the message: `python -m benchmarks.bench_message`.

A plant with 1 s intervals and `gatewatch run` as a process of its own; each machine gets a row a second. Trial by trial
one machine leaves its limit. Reported are the seconds from the first row outside, and from the row that completes the
breach (`detectors.limit_rows` in a row), until the line is in the notification log: median, 95 % and longest.
Then no row comes any more: reported are the seconds from the end of `stale_after` until SourceStale is told.
Every machine is on a line of its own, so that each message is the first of its incident; a plant has few machines,
because a team gets at most ten messages in ten minutes. With `--profile stack` the alert goes through Prometheus and
Alertmanager, which must be on PATH, with intervals of 1 s as well.
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
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alerting.alerts import servers

_MACHINES = 7
"""Trials of one plant."""
_BREACH = 3
"""Rows in a row that make a breach."""
_PATIENCE = 60.0
_STALE_AFTER = 15.0
_INSIDE, _OUTSIDE = 50.0, 75.0

_TOKEN = "bench"
_PLANT = """version: 1
site: bench
profile: {profile}
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
    stale_after: {stale_after:g}s
    values: {{temperature: {{column: temperature}}}}
alerts: {{every: 1s, webhook_token: {token}}}
notify: {{every: 1s}}
server: {{port: {port}}}
"""


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=21)
    parser.add_argument("--profile", choices=("embedded", "stack"), default="embedded")
    chosen = parser.parse_args()
    trials = chosen.trials
    waited: list[tuple[float, float]] = []
    stopped: list[float] = []
    while len(waited) < trials:
        with tempfile.TemporaryDirectory(prefix="gatewatch-bench-") as folder:
            of_plant, silence = _of_plant(Path(folder), chosen.profile)
            waited += of_plant[: trials - len(waited)]
            stopped.append(round(silence, 2))
    first, complete = ([pair[i] for pair in waited] for i in (0, 1))
    sys.stdout.write(
        json.dumps(
            {"profile": chosen.profile, "trials": trials, "from_first_row": _summed(first),
             "from_breach": _summed(complete), "data_stopped": stopped}, indent=2,
        ) + "\n"
    )  # fmt: skip


def _summed(seconds: list[float]) -> dict[str, float]:
    quantiles = statistics.quantiles(seconds, n=20, method="inclusive")
    return {"median": round(quantiles[9], 2), "p95": round(quantiles[18], 2), "longest": round(max(seconds), 2)}


def _of_plant(folder: Path, profile: str) -> tuple[list[tuple[float, float]], float]:
    """The trials of one plant: seconds from the first row outside, and from the row that completes the breach.

    And the seconds from when the source, which then fell silent, was stale until that was told.
    """
    names = [f"m{i}" for i in range(_MACHINES)]
    port = _free_port()
    steps = ", ".join(f"s-{name}: {{line: l-{name}}}" for name in names)
    machines = "\n".join(
        f"  {name}: {{step: s-{name}, sensors: {{temperature: {{low: 20, high: 60}}}}}}" for name in names
    )
    plant = folder / "plant.yaml"
    text = _PLANT.format(
        steps=steps, machines=machines, breach=_BREACH, port=port, profile=profile, token=_TOKEN,
        stale_after=_STALE_AFTER,
    )  # fmt: skip
    plant.write_text(text, encoding="utf-8")
    with closing(sqlite3.connect(folder / "historian.db", isolation_level=None)) as historian:
        historian.execute("PRAGMA journal_mode = WAL")
        historian.execute("CREATE TABLE trend (machine TEXT, at INTEGER, posted INTEGER, temperature REAL)")
        line = _Line(historian, names)
        for second in range(60, 0, -1):
            line.post(datetime.now(UTC) - timedelta(seconds=second))
        with ExitStack() as running:
            running.enter_context(_service(plant, folder / "log"))
            line.run_until(lambda: (folder / "gatewatch.db").exists(), 30)
            if profile == "stack":
                running.enter_context(_stack(plant, folder, port))
            line.run_for(20)
            log = folder / "notifications.jsonl"
            return [_trial(line, name, log) for name in names], _silence(line, log)


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


def _silence(line: _Line, log: Path) -> float:
    """The seconds from the end of `stale_after` until it is told that nothing comes."""
    while not line.tick():
        pass
    last = time.monotonic()
    while not _told(log, "historian"):
        if time.monotonic() - last > _STALE_AFTER + _PATIENCE:
            raise RuntimeError("nobody was told that the source is silent")
        time.sleep(0.01)
    return time.monotonic() - last - _STALE_AFTER


def _told(log: Path, name: str) -> bool:
    return log.exists() and any(
        alert["subject"] == name
        for text in log.read_text(encoding="utf-8").splitlines()
        for note in json.loads(text)["notifications"]
        for alert in note["alerts"]
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def _stack(plant: Path, folder: Path, port: int) -> Iterator[None]:
    """Prometheus and Alertmanager with the generated configuration, at intervals of 1 s."""
    alertmanager, prometheus = _free_port(), _free_port()
    rules = subprocess.run(
        [sys.executable, "-m", "monitor.cli", "alerts", "rules", "-p", str(plant)], capture_output=True, check=True
    )
    (folder / "alerts.rules.yml").write_bytes(rules.stdout)
    (folder / "token").write_text(_TOKEN, encoding="utf-8")
    webhook = f"http://127.0.0.1:{port}/webhook/alertmanager"
    (folder / "alertmanager.yml").write_text(servers.alertmanager(webhook, str(folder / "token"), interval="1s"))
    config = servers.prometheus(f"127.0.0.1:{port}", f"127.0.0.1:{alertmanager}", interval="1s")
    (folder / "prometheus.yml").write_text(config, encoding="utf-8")
    commands = (
        ("prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/am",
         f"--web.listen-address=127.0.0.1:{alertmanager}", "--cluster.listen-address="),
        ("prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
         f"--web.listen-address=127.0.0.1:{prometheus}"),
    )  # fmt: skip
    with ExitStack() as running:
        for number, command in enumerate(commands):
            output = running.enter_context((folder / f"server{number}.log").open("wb"))
            process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
            running.callback(process.wait)
            running.callback(process.terminate)
        yield


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
