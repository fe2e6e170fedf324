"""A scrape of 20,000 finding series against as many plain prometheus-client gauges.

`python -m benchmarks.bench_metrics` takes a few seconds. Both are rendered in one process, by turns;
the medians and their ratio are printed as JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from exporters.metrics.collector import exposition
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import BoardRow, MetricsSnapshot
from monitor.plant.plant import Plant

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_SERIES_OF_A_FINDING = 7
_LABELS = ("detector", "method", "subject", "feature")


def _plant() -> Plant:
    source = {"kind": "readings", "url": "sqlite:///h.db", "table": "r", "at": {"column": "at", "zone": "UTC"}}
    source |= {"machine": {"column": "machine"}, "values": {"s0": {"column": "s0"}}}
    machine = {"step": "forging", "sensors": {"s0": {}}}
    return Plant.model_validate(
        {"version": 1, "site": "bench", "steps": {"forging": {"line": "l"}}, "machines": {"M0": machine},
         "sources": {"historian": source}}
    )  # fmt: skip


def _board(findings: int) -> tuple[BoardRow, ...]:
    return tuple(
        BoardRow("limits", ("high", "low")[i % 2], f"M{i // 100}", f"sensor_{i % 100 // 2}", _AT, "ok", i / 7, 400.0)
        for i in range(findings)
    )


def _plain(series: int) -> CollectorRegistry:
    registry = CollectorRegistry()
    gauges = [Gauge(f"plain_{n}", "A gauge.", _LABELS, registry=registry) for n in range(_SERIES_OF_A_FINDING)]
    for i, row in enumerate(_board(series // _SERIES_OF_A_FINDING)):
        for gauge in gauges:
            gauge.labels(*row[:4]).set(i / 7)
    return registry


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(series: int = 20_000, rounds: int = 7) -> dict[str, object]:
    """Median seconds of a scrape of `series` finding series, and of as many plain gauges."""
    snapshot = MetricsSnapshot(at=_AT, board=_board(series // _SERIES_OF_A_FINDING))
    bounds, registry = Bounds(_plant()), _plain(series)
    text, _ = exposition(snapshot, bounds)
    told = sum(line.startswith(b"gatewatch_finding_") for line in text.splitlines())
    ours, plain = [], []
    for _ in range(rounds):
        ours.append(_timed(lambda: exposition(snapshot, bounds)))
        plain.append(_timed(lambda: generate_latest(registry)))
    mine, theirs = statistics.median(ours), statistics.median(plain)
    return {
        "benchmark": "metrics", "series": told, "bytes": len(text), "rounds": rounds, "scrape_seconds": round(mine, 4),
        "plain_seconds": round(theirs, 4), "ratio": round(mine / theirs, 3), "python": platform.python_version(),
        "prometheus_client": version("prometheus-client"),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    sys.stdout.write(json.dumps(measure(arguments.series, arguments.rounds), indent=2) + "\n")
