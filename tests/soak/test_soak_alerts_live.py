"""Thirty scripted series played live to a real Prometheus: the embedded alerts, within one interval."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import alert_scripts
import pytest
from alert_plant import PLANT
from prometheus_kit import Prometheus, prometheus
from promtool_kit import Series, sampled
from waits import until

from alerting.alerts import servers
from alerting.alerts.evaluator import AlertState, Key, evaluate
from alerting.alerts.rules import rule_file
from alerting.specs.spec import AlertSpec
from monitor.plant.file.load import parse

SCALE = 1.0 / 60
"""A step of a script is a minute for promtool and a second here."""
INTERVAL = 1.0
Edges = dict[tuple[str, str, str], list[tuple[float, float]]]
"""By alert, condition and subject: from when to when it fired, in seconds."""


@dataclass
class Stage:
    """Serves the step that is on; remembers when each scrape came and what it was told."""

    series: Series
    began: float | None = None
    scrapes: list[tuple[float, int]] = field(default_factory=list)

    def text(self) -> str:
        now = time.time()
        if self.began is None:
            return ""
        step = int(now - self.began)
        if step >= alert_scripts.STEPS:
            return ""
        self.scrapes.append((now, step))
        found = sampled(self.series, step)
        return "".join(
            f"{metric}{{{_inside(given)}}} {value}\n" for metric, rows in found.items() for given, value in rows
        )


def _inside(given: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in given.items())


def _served(stage: Stage) -> http.server.ThreadingHTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = stage.text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _embedded(specs: tuple[AlertSpec, ...], stage: Stage) -> Edges:
    """What the embedded evaluator makes of the scrapes that Prometheus saw, at the seconds at which it saw them."""
    states: dict[Key, AlertState] = {}
    edges: Edges = {}
    for at, step in stage.scrapes:
        now = datetime.fromtimestamp(round(at), UTC)
        states, changes = evaluate(specs, sampled(stage.series, step), states, now)
        for key, before, after in changes:
            if after is not None and after.fired_at is not None and (before is None or before.fired_at is None):
                edges.setdefault(tuple(key), []).append((at, float("inf")))  # type: ignore[arg-type]
            elif after is None and before is not None and before.fired_at is not None:
                spells = edges[tuple(key)]  # type: ignore[index]
                spells[-1] = (spells[-1][0], at)
    return edges


def _prometheus(server: Prometheus, seconds: int) -> Edges:
    """The same by the samples of ALERTS that Prometheus wrote, one an evaluation."""
    edges: Edges = {}
    for row in server.query(f'ALERTS{{alertstate="firing"}}[{seconds}s]'):
        labels = row["metric"]
        times = [float(at) for at, _ in row["values"]]
        spells = [(times[0], times[0])]
        for at in times[1:]:
            spells = [*spells[:-1], (spells[-1][0], at)] if at - spells[-1][1] < 1.5 * INTERVAL else [*spells, (at, at)]
        # The last sample of a spell is one interval before the evaluation that ended it.
        edges[labels["alertname"], labels["condition"], labels["subject"]] = [(a, b + INTERVAL) for a, b in spells]
    return edges


@pytest.mark.soak
def test_thirty_scripted_series_live(tmp_path: Path) -> None:
    minute = alert_scripts.specs(parse(PLANT, tmp_path, {}).plant, ties=False)
    stage = Stage(alert_scripts.held_twice(alert_scripts.scripted(minute, 1000)))
    server = _served(stage)
    (tmp_path / "alerts.rules.yml").write_text(rule_file(minute, scale=SCALE))
    config = servers.prometheus(f"127.0.0.1:{server.server_address[1]}", "127.0.0.1:1", interval="1s")
    with prometheus(tmp_path, config_text=config) as real:
        until(lambda: real.query("up == 1"), "the stage is scraped")
        stage.began = time.time()
        until(lambda: time.time() > stage.began + alert_scripts.STEPS + 8, "the end of the play")
        theirs = _prometheus(real, alert_scripts.STEPS + 30)
    server.shutdown()
    ours = _embedded(alert_scripts.shortened(minute, SCALE), stage)
    _compare(ours, theirs)


def _compare(ours: Edges, theirs: Edges) -> None:
    assert set(ours) == set(theirs)
    worst = 0.0
    for key, spells in ours.items():
        assert len(spells) == len(theirs[key]), (key, spells, theirs[key])
        for mine, real in zip(spells, theirs[key], strict=True):
            for a, b in zip(mine, real, strict=True):
                if a != float("inf"):
                    worst = max(worst, abs(a - b))
    episodes = sum(map(len, ours.values()))
    print(f"{len(ours)} alerts, {episodes} episodes; edges apart at most {worst:.2f} s, the interval is {INTERVAL} s")
    assert episodes > 30
    assert worst <= INTERVAL + 0.25
