"""`gatewatch run` while somebody sets the clock of its computer."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from cli_kit import gatewatch, start
from service_kit import heard, live_plant, metric, metrics, ready

from monitor.store.database import tables as t
from monitor.store.database.database import Store

pytestmark = [pytest.mark.process, pytest.mark.soak]  # near tests: tests/monitor/scheduling/test_clock.py

RUNS = 'gatewatch_job_runs_total{job_name="%s",result="success"}'


def _set_by(file: Path) -> Callable[[], None]:
    """In the process: everything that reads the clock reads it as the file sets it."""

    def patch() -> None:
        import apscheduler.schedulers.base as scheduler

        from monitor.clock import WallClock

        class Shifted(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + timedelta(seconds=float(file.read_text()))

        scheduler.datetime = Shifted
        WallClock.now = lambda _: Shifted.now(UTC)  # type: ignore[method-assign]

    return patch


def test_jobs_go_on_when_the_clock_is_a_day_ahead_and_right_again(tmp_path: Path) -> None:
    plant, file = live_plant(tmp_path), tmp_path / "offset"
    file.write_text("0")
    process = start("run", plant, at=None, before=_set_by(file))
    jobs = ("alerts", "pull:historian", "write_back")
    try:
        for n, offset in enumerate((0, 86_400, 0, -3_600)):
            told = metrics(plant)
            before = {job: told.get(RUNS % job, 0.0) for job in jobs}
            file.with_suffix(".new").write_text(str(offset))
            file.with_suffix(".new").rename(file)

            def went_on(before: dict[str, float] = before) -> bool:
                told = metrics(plant)
                return all(told.get(RUNS % job, 0.0) >= before[job] + 2 for job in jobs)

            heard(went_on, f"two more runs of each job at {offset} s")
            heard(lambda n=n: process.err().count("the clock was set") == n, "the step told")  # type: ignore[misc]
        assert ready(plant)
        assert metric(plant, 'gatewatch_clock_steps_total{direction="forward"}') == 1
        assert metric(plant, 'gatewatch_clock_steps_total{direction="back"}') == 2
        heard(lambda: "ClockStepped" in gatewatch("alerts", "list", "-p", plant).out, "the alert")
    finally:
        os.kill(process.pid, signal.SIGTERM)
        said = process.end()
    assert said.code == 0, said.err
    assert "Traceback" not in said.err


def test_a_job_of_long_intervals_is_not_left_until_its_next_slot_by_a_lease_of_the_dead(tmp_path: Path) -> None:
    plant = live_plant(tmp_path)
    assert gatewatch("once", plant, at=datetime.now(UTC) - timedelta(days=3)).code == 0
    store = Store(f"sqlite:///{tmp_path}/gatewatch.db")
    with store.write() as connection:
        dead = {"holder": "dead", "expires_at": datetime.now(UTC).timestamp() + 86_400}
        connection.execute(t.lease.update().where(t.lease.c.name == "prune").values(dead))
    store.close()
    process = start("run", plant, at=None)
    try:
        before = RUNS % "prune"
        heard(lambda: (metric(plant, before) or 0.0) >= 2, "pruning, which runs once a day")
    finally:
        os.kill(process.pid, signal.SIGTERM)
        said = process.end()
    assert said.code == 0, said.err
