"""Profile stack, natively: Gatewatch, Prometheus and Alertmanager; the webhook's table equals the embedded one."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from cli_kit import gatewatch, start
from prometheus_kit import Prometheus, binary, prometheus
from service_kit import free_port, live_plant, ready, url_of
from waits import until

from alerting.alerts import servers
from alerting.alerts.evaluator import evaluate
from alerting.alerts.in_force import alerts_in_force
from alerting.alerts.rules import rule_file
from monitor.plant.file.load import load
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.schema import open_existing, open_store
from monitor.store.watching import alerts as alerting

TOKEN = "a-token-of-this-test"
INTERVAL = 1.0
SHORT = {
    "GateOutOfService": ("6s", "0s"), "SourceStopped": ("3s", "4s"), "JobFailing": ("3s", "4s"),
    "SourceStale": ("2s", "0s"), "JobOverdue": ("1h", "0s"), "MachineAnomalous": ("3s", "4s"),
    "MachineOutOfSpec": ("0s", "4s"), "SensorDead": ("0s", "4s"), "SensorStuck": ("0s", "4s"),
}  # fmt: skip
"""Pending and keep-firing of this test, which has no hours."""


@contextmanager
def _alertmanager(folder: Path, webhook: str, port: int) -> Iterator[None]:
    """Alertmanager on a port, until the block ends; it is killed, so that it forgets what it told."""
    program = binary("prometheus-alertmanager")
    (folder / "token").write_text(TOKEN)
    config = folder / "alertmanager.yml"
    config.write_text(servers.alertmanager(webhook, str(folder / "token"), interval="1s", repeat="5s"))
    with (folder / "alertmanager.log").open("ab") as log:
        process = subprocess.Popen(
            [program, f"--config.file={config}", f"--storage.path={folder / 'alertmanager'}",
             f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="], stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
    try:
        until(lambda: _answers(f"http://127.0.0.1:{port}/-/ready"), "Alertmanager is ready")
        yield
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def _rename(folder: Path, old: str, new: str) -> None:
    with closing(sqlite3.connect(folder / "historian.db", timeout=30)) as connection:
        connection.execute(f"ALTER TABLE {old} RENAME TO {new}")
        connection.commit()


def _rows(plant: Path) -> list[Any]:
    store = open_existing(load(plant).plant.store.url)
    try:
        with store.read() as connection:
            return list(connection.execute(sa.select(t.alert).order_by(t.alert.c.id)).all())
    finally:
        store.close()


def _fires(plant: Path, name: str, subject: str) -> bool:
    return any((r.name, r.subject, r.state) == (name, subject, "firing") for r in _rows(plant))


Scrapes = list[tuple[float, dict[str, list[tuple[Mapping[str, str], float]]]]]


def _scraped(server: Prometheus) -> Scrapes:
    """Every scrape that Prometheus kept: its time, and its samples as they were."""
    found: dict[float, dict[str, list[tuple[Mapping[str, str], float]]]] = defaultdict(dict)
    for row in server.query('{__name__=~"gatewatch_.*"}[10m]'):
        labels = {name: value for name, value in row["metric"].items() if name not in ("job", "instance", "__name__")}
        for at, value in row["values"]:
            found[float(at)].setdefault(row["metric"]["__name__"], []).append((labels, float(value)))
    return sorted(found.items())


def _late(server: Prometheus, scrapes: Scrapes) -> float:
    """How late Prometheus may evaluate a scrape: its longest interval, and the longest that a scrape took."""
    evaluated = sorted({float(at) for row in server.query("ALERTS[10m]") for at, _ in row["values"]})
    scraped = [at for at, _ in scrapes]
    longest = max(later - at for times in (evaluated, scraped) for at, later in pairwise(times))
    took = max(float(value) for row in server.query("scrape_duration_seconds[10m]") for _, value in row["values"])
    print(f"interval {INTERVAL} s; the longest of scrapes and evaluations {longest:.2f} s, a scrape took {took:.2f} s")
    return max(INTERVAL, longest) + took


def _embedded(scrapes: Scrapes, plant: Plant, folder: Path) -> list[Any]:
    """The alert table that the embedded evaluation makes of the very same scrapes."""
    specs = {spec.name: spec for spec in alerts_in_force(plant)}
    store = open_store(f"sqlite:///{folder}/embedded.db")
    for at, samples in scrapes:
        now = datetime.fromtimestamp(at, UTC)
        with store.write() as connection:
            _, changes = evaluate(specs.values(), samples, alerting.open_states(connection), now)
            alerting.save_changes(connection, changes, specs, plant, now, "embedded")
    with store.read() as connection:
        rows = list(connection.execute(sa.select(t.alert).order_by(t.alert.c.id)).all())
    store.close()
    return rows


def _episodes(rows: list[Any]) -> dict[tuple[str, str, str], list[tuple[datetime, datetime | None]]]:
    found: dict[tuple[str, str, str], list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for row in rows:
        if row.fired_at is not None:
            found[row.name, row.subject, row.condition].append((row.fired_at, row.ended_at))
    return found


@pytest.mark.soak
def test_the_webhooks_table_is_the_embedded_one_within_one_interval(tmp_path: Path) -> None:
    short = [
        f"alerts.change.{name}.{key}={value}"
        for name, waits in SHORT.items()
        for key, value in zip(("pending_for", "keep_firing"), waits, strict=True)
    ]
    stale = "sources.dispositions.stale_after=1m"
    fast = (f"alerts.webhook_token={TOKEN}", stale, "notify.every=1s")
    plant = live_plant(tmp_path / "plant", "profile=stack", *fast, *short, hours=1.0)
    loaded, port = load(plant).plant, free_port()
    text = rule_file(alerts_in_force(loaded), interval=timedelta(seconds=INTERVAL))
    (tmp_path / "alerts.rules.yml").write_text(text)
    process = start("run", plant, at=None)
    try:
        until(lambda: ready(plant), "Gatewatch is ready")
        target = f"127.0.0.1:{loaded.server.port}"
        config = servers.prometheus(target, f"127.0.0.1:{port}", interval="1s")
        webhook = f"{url_of(plant)}/webhook/alertmanager"
        with prometheus(tmp_path, None, "--rules.alert.resend-delay=1s", config_text=config) as real:
            with _alertmanager(tmp_path, webhook, port):
                until(lambda: real.get("alertmanagers")["activeAlertmanagers"], "Prometheus knows Alertmanager")
                until(lambda: _fires(plant, "Watchdog", "demo"), "the first post")
                until(lambda: _fires(plant, "SourceStale", "dispositions"), "a source without new rows")
                _rename(plant.parent, "TREND_WIDE", "GONE")
                until(lambda: _fires(plant, "SourceStopped", "historian"), "the source that stopped")
                drilled = gatewatch("drill", "-p", plant, "--json", at=None)
                assert drilled.code == 0, drilled.err
                print("drill through Prometheus and Alertmanager:", json.loads(drilled.out)["seconds"])
            before = len(_rows(plant))
            with _alertmanager(tmp_path, webhook, port):
                last = max(row.seen_at for row in _rows(plant))
                until(lambda: min(r.seen_at for r in _rows(plant) if r.ended_at is None) > last, "all told again")
                assert len(_rows(plant)) == before, "a restart of Alertmanager begins no episode"
                _rename(plant.parent, "GONE", "TREND_WIDE")
                until(lambda: not _fires(plant, "SourceStopped", "historian"), "its end")
                theirs = _episodes(_rows(plant))
            scrapes = _scraped(real)
            late = _late(real, scrapes)
            ours = _episodes(_embedded(scrapes, loaded, tmp_path))
    finally:
        os.kill(process.pid, signal.SIGTERM)
        said = process.end()
    assert "Traceback" not in said.err, said.err[-3000:]
    _compare(ours, theirs, late)


def _compare(ours: Mapping[Any, list[Any]], theirs: Mapping[Any, list[Any]], late: float) -> None:
    """No further apart than Prometheus was late: one interval, or what it let pass where the machine is busy."""
    assert set(ours) == set(theirs)
    worst = 0.0
    for key, spells in ours.items():
        assert len(spells) == len(theirs[key]), (key, spells, theirs[key])
        for mine, real in zip(spells, theirs[key], strict=True):
            for a, b in zip(mine, real, strict=True):
                if a is not None and b is not None:
                    worst = max(worst, abs((a - b).total_seconds()))
    print(
        f"{sum(map(len, theirs.values()))} episodes of {len(theirs)} alerts by webhook and embedded; "
        f"times apart at most {worst:.2f} s, allowed {late:.2f} s"
    )
    print("alerts:", ", ".join(sorted({name for name, _, _ in theirs})))
    assert worst <= late + 0.25
