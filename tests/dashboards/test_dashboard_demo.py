"""Every query of the dashboard has data on a real Prometheus that scrapes the demo as a user serves it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from dashboard_samples import asked, filled, variables
from prometheus_kit import Prometheus, prometheus
from waits import until

pytestmark = pytest.mark.process

EMPTY = {
    "Alerts A": "nothing may be wrong at the end of the demo",
    "Alerts B": "nothing may be wrong at the end of the demo",
    "Alerts C": "nothing may be wrong at the end of the demo",
    "annotation Alerts": "nothing may be wrong at the end of the demo",
    "Likely causes A": "nothing may be wrong at the end of the demo",
    "Alerts that have stood longest A": "nothing may be wrong at the end of the demo",
    "Alarms of the last 7 days, by team D": "nobody acknowledges in the demo",
    "Alarms of the last 7 days, by team E": "nobody acknowledges in the demo",
    "Share of criticals A": "no alarm may have begun",
    "Most frequent alerts of the last week A": "nothing was scraped when the alerts opened",
    "Recommended, and what was right A": "nothing was scraped when the outcomes came",
    "Sensors in breach A": "no sensor may be in breach at the end of the demo",
    "What each sensor contributes to the anomaly score A": "no sensor need contribute half of what marks a sample",
    "Running time until a sensor reaches its limit A": "no sensor may be on its way to a limit at the end of two days",
}
"""Queries that may rightly answer nothing on a served demo."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that scrapes `gatewatch demo --serve`."""
    folder = tmp_path_factory.mktemp("demo")
    port = _free_port()
    arguments = ("demo", "--dir", folder / "plant", "--days", "2", "--serve", "--port", str(port))
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "monitor.cli", *map(str, arguments)]
        demo = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=dict(os.environ))
    try:
        # Two days are replayed first; then it serves.
        until(lambda: _answers(f"http://127.0.0.1:{port}/readyz") or demo.poll() is not None, "the demo serves")
        assert demo.poll() is None, (folder / "log").read_text()
        with prometheus(Path(folder), {"gatewatch": [f"127.0.0.1:{port}"]}) as server:
            until(lambda: server.query("count_over_time(gatewatch_build_info[1m]) > 1"), "two scrapes")
            yield server
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait()


@pytest.mark.soak
def test_every_query_has_data_once_the_demo_was_scraped(scraped: Prometheus) -> None:
    chosen: dict[str, list[str]] = {}
    for name, (selector, label) in variables().items():
        chosen[name] = scraped.label_values(filled(selector, chosen), label)
        assert chosen[name], name
    empty = {one.where.partition(": ")[2] for one in asked() if not scraped.query(filled(one.expr, chosen))}
    print(f"{len(asked()) - len(empty)} of {len(asked())} queries have data; empty: {sorted(empty) or 'none'}")
    assert empty <= set(EMPTY)
