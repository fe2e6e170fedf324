"""Thirty days of the simulated plant become the past of a real Prometheus."""

from __future__ import annotations

import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from plant_kit import GATES, LIVE, SOURCES, START, make_plant
from prometheus_kit import binary, prometheus

from monitor.clock import SimulatedClock
from monitor.plant.file.load import load
from monitor.runtime.app import make_app
from monitor.runtime.recording import RecordingOptions, recording
from monitor.runtime.replay import replay
from monitor.simulator.history import simulate

DAYS = 30
EVERY = timedelta(hours=6)
_JOBS = (
    *(f"sources.{name}" for name in SOURCES),
    *(f"gates.{name}.training" for name in GATES),
    "write_back", "drift", "performance", "alerts", "notify",
)  # fmt: skip
COARSE = (
    *LIVE, *(f"{job}.every=6h" for job in _JOBS), "jobs.reconcile=10d",
    "gates.forging.training.epochs=40", "gates.coating.training.epochs=40",
)  # fmt: skip
"""The whole plant at four slots a day instead of ninety-six: the days are what this is about, not the slots."""


def _thin_out(folder: Path) -> None:
    """Leave every machine a reading in five minutes: two thirds of the replay would be scoring the others."""
    engine = sa.create_engine(f"sqlite:///{folder}/historian.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM TREND_WIDE WHERE (TS / 60000) % 5 != 0")
    engine.dispose()


@pytest.mark.soak
def test_thirty_days_become_the_past_of_a_prometheus(tmp_path: Path) -> None:
    promtool = binary("promtool")
    began = time.perf_counter()
    history = simulate(1, START, DAYS, commissioning_parts=300)
    plant = make_plant(tmp_path / "plant", 24.0 * DAYS, history=history)
    _thin_out(plant.parent)
    end, file, clock = START + timedelta(days=DAYS), tmp_path / "history.om", SimulatedClock(START)
    app = make_app(load(plant, COARSE), clock, simulated=True)
    errors = []
    with recording(app, RecordingOptions(file, EVERY, "demo:9464"), START, end) as record:
        for at, name, slot in replay(app, clock, START, end, record):
            if slot.error:
                errors.append(f"{at} {name}: {slot.error}")
    app.close()
    assert errors == []
    replayed = time.perf_counter() - began

    # Blocks of two hours would be made by reading the file once for each; these are made in two readings.
    command = (promtool, "tsdb", "create-blocks-from", "--max-block-duration=744h", "openmetrics", file)
    done = subprocess.run([*command, tmp_path / "data"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    with prometheus(tmp_path, None, "--storage.tsdb.retention.time=100y") as server:
        (decided,) = server.query_range('sum(gatewatch_gate_decisions_total{instance="demo:9464"})', START, end, EVERY)
        (days,) = server.query("count_over_time(gatewatch_build_info[31d])", end)
        (hourly,) = server.query("sum(increase(gatewatch_gate_decisions_total[1d]))", end)
    counts = [float(value) for _, value in decided["values"]]
    assert [at for at, _ in decided["values"]] == [
        (START + number * EVERY).timestamp() for number in range(1, DAYS * 4 + 1)
    ]
    assert counts == sorted(counts)
    assert counts[-1] > 10_000
    assert float(days["value"][1]) == DAYS * 4
    assert float(hourly["value"][1]) > 100
    print(
        f"{DAYS} days: {counts[-1]:.0f} decisions, {file.stat().st_size / 2**20:.0f} MiB of OpenMetrics text; "
        f"{replayed:.0f} s to replay, {time.perf_counter() - began - replayed:.0f} s to blocks and answers"
    )
