"""Thirty scripted series played live to a real Prometheus: the embedded alerts, within one interval.

Both evaluators are restarted halfway, Prometheus by its process, ours at every step: its states are read from rows.
"""

from __future__ import annotations

import http.server
import threading
import time
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import alert_scripts
import pytest
import sqlalchemy as sa
from alert_plant import PLANT
from prometheus_kit import Prometheus, prometheus
from promtool_kit import Series, sampled
from waits import until

from alerting.alerts import servers
from alerting.alerts.evaluator import evaluate
from alerting.alerts.rules import RESTORES, rule_file
from alerting.specs.spec import AlertSpec
from monitor.plant.file.load import parse
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.watching import alerts as alerting

SCALE = 1.0 / 60
"""A step of a script is a minute for promtool and a second here."""
INTERVAL = 1.0
RESTORED = 4 * INTERVAL
"""How long after its start Prometheus has restored its alerts."""
Edges = dict[tuple[str, str, str], list[tuple[float, float]]]
"""By alert, condition and subject: from when to when it fired, in seconds."""


@dataclass
class Stage:
    """Serves the step that is on; remembers when each scrape came and what it was told."""

    series: Series
    began: float | None = None
    scrapes: list[tuple[float, int]] = field(default_factory=list)
    held: tuple[float, float] = (float("inf"), 0.0)

    def elapsed(self) -> float:
        """Seconds of the play so far; it stood still while it was held."""
        now, (since, until_) = time.time(), self.held
        assert self.began is not None
        return min(now, since) - self.began + max(0.0, now - max(until_, since))

    def text(self) -> str:
        now = time.time()
        if self.began is None:
            return ""
        step = int(self.elapsed())
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


def _embedded(specs: tuple[AlertSpec, ...], stage: Stage, plant: Plant) -> Edges:
    """What the embedded evaluator makes of the scrapes that Prometheus saw, at the seconds at which it saw them."""
    engine = sa.create_engine("sqlite://")
    t.metadata.create_all(engine, [t.alert, t.tally, t.board, t.job, t.decision, t.model_in_force])
    by_name = {spec.name: spec for spec in specs}
    edges: Edges = {}
    for at, step in stage.scrapes:
        now = datetime.fromtimestamp(round(at), UTC)
        with engine.begin() as connection:
            states = alerting.open_states(connection)
            _, changes = evaluate(specs, sampled(stage.series, step), states, now)
            alerting.save_changes(connection, changes, by_name, plant, now, "embedded")
        for key, before, after in changes:
            if after is not None and after.fired_at is not None and (before is None or before.fired_at is None):
                edges.setdefault(tuple(key), []).append((at, float("inf")))  # type: ignore[arg-type]
            elif after is None and before is not None and before.fired_at is not None:
                spells = edges[tuple(key)]  # type: ignore[index]
                spells[-1] = (spells[-1][0], at)
    engine.dispose()
    return edges


def _prometheus(server: Prometheus, seconds: int, down: float, back: float) -> Edges:
    """The same by the samples of ALERTS that Prometheus wrote, one an evaluation; it was away from `down` to `back`."""
    found = server.query(f"ALERTS[{seconds}s]")
    evaluations = sorted({float(at) for row in found for at, _ in row["values"]})
    edges: Edges = {}
    for row in (row for row in found if row["metric"]["alertstate"] == "firing"):
        labels = row["metric"]
        times = [float(at) for at, _ in row["values"]]
        spells = [(times[0], times[0])]
        for at in times[1:]:
            # For two evaluations after a restart Prometheus calls pending what it has not restored yet.
            fired_then = down - 1.5 * INTERVAL < spells[-1][1] < back
            unbroken = at - spells[-1][1] < 1.5 * INTERVAL or (fired_then and at < back + RESTORED)
            spells = [*spells[:-1], (spells[-1][0], at)] if unbroken else [*spells, (at, at)]
        key = (labels["alertname"], labels["condition"], labels["subject"])
        edges[key] = [(a, _next(evaluations, b)) for a, b in spells]
    return edges


def _next(evaluations: list[float], last: float) -> float:
    """The evaluation that ended a spell: the one after its last sample."""
    after = bisect_right(evaluations, last)
    return evaluations[after] if after < len(evaluations) else float("inf")


@pytest.mark.soak
def test_thirty_scripted_series_live(tmp_path: Path) -> None:
    plant = parse(PLANT, tmp_path, {}).plant
    minute = alert_scripts.specs(plant, ties=False)
    stage = Stage(alert_scripts.held_twice(alert_scripts.scripted(minute, 1000)))
    server = _served(stage)
    # Prometheus evaluates on its grid to the millisecond, so ties are none for it.
    text = rule_file(alert_scripts.specs(plant), scale=SCALE, interval=timedelta(seconds=INTERVAL))
    (tmp_path / "alerts.rules.yml").write_text(text)
    config = servers.prometheus(f"127.0.0.1:{server.server_address[1]}", "127.0.0.1:1", interval="1s")
    with prometheus(tmp_path, None, RESTORES, config_text=config) as real:
        until(lambda: real.query("up == 1"), "the stage is scraped")
        stage.began = time.time()
        until(lambda: stage.elapsed() > alert_scripts.STEPS / 2, "half of the play")
        # What changes while Prometheus is away, it cannot see: the play stands still until it is back.
        down = time.time()
        stage.held = (down, float("inf"))
    with prometheus(tmp_path, None, RESTORES, config_text=config) as real:
        back = time.time()
        until(lambda: stage.scrapes[-1][0] > back, "Prometheus has found the stage again")
        until(lambda: time.time() > back + RESTORED, "Prometheus has restored its alerts")
        stage.held = (down, time.time())
        until(lambda: stage.elapsed() > alert_scripts.STEPS + 8, "the end of the play")
        theirs = _prometheus(real, alert_scripts.STEPS + 60, down, back)
    server.shutdown()
    ours = _embedded(alert_scripts.shortened(minute, SCALE), stage, plant)
    _compare(ours, theirs, down, min(at for at, _ in stage.scrapes if at > back))


def _compare(ours: Edges, theirs: Edges, down: float, back: float) -> None:
    """Nothing was scraped from `down` to `back`; what was pending waits that much longer, by Prometheus' own rule."""
    assert set(ours) == set(theirs)
    worst, restarted = (0.0, ""), 0.0
    for key, spells in ours.items():
        assert len(spells) == len(theirs[key]), (key, spells, theirs[key])
        for mine, real in zip(spells, theirs[key], strict=True):
            for a, b in zip(mine, real, strict=True):
                if a != float("inf") and down - 2 * INTERVAL < a < back + RESTORED:
                    restarted = max(restarted, abs(a - b))
                elif a != float("inf"):
                    worst = max(worst, (abs(a - b), f"{key}: {a - down:.2f} and {b - down:.2f} s"))
    episodes = sum(map(len, ours.values()))
    through = sum(1 for spells in ours.values() for a, b in spells if a < down and b > back)
    print(
        f"{len(ours)} alerts, {episodes} episodes; edges apart at most {worst[0]:.2f} s, the interval is {INTERVAL} s"
    )
    print(f"{through} fired through the restart, {back - down:.1f} s without a scrape")
    print(f"edges in it apart at most {restarted:.2f} s")
    assert episodes > 30
    assert worst[0] <= INTERVAL + 0.25, worst
    assert through > 3
    assert restarted <= INTERVAL + 0.25 + back - down + RESTORED
