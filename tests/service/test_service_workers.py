"""`gatewatch run` with worker processes: they end with it however it ends, and a dead one has a successor."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cli_kit import Started, start
from service_kit import free_port, get, heard, metric, ready, url_of
from waits import gone, until
from workers_plant import JUDGES, make_plant

from monitor.store.database import tables as t
from monitor.store.database.database import Store

pytestmark = [pytest.mark.process, pytest.mark.soak]  # near tests: tests/monitor/workers

MACHINES = ["m1", "m2", "m3"]
RUNS = 'gatewatch_job_runs_total{job_name="%s",result="success"}'


def children(process: Started) -> set[int]:
    """The worker processes of a service."""
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


def subjects(plant: Path, column: sa.Column[Any], *where: sa.ColumnElement[bool]) -> list[str]:
    """The values of a column of the plant's store, each once."""
    store = Store(f"sqlite:///{plant.parent}/gatewatch.db")
    try:
        with store.read() as connection:
            return sorted(connection.execute(sa.select(column).where(*where).distinct()).scalars())
    finally:
        store.close()


def go_on(plant: Path) -> None:
    """Wait until each worker has judged its machines once more."""
    before = [metric(plant, RUNS % job) or 0.0 for job in JUDGES]

    def judged() -> bool:
        return all((metric(plant, RUNS % job) or 0.0) > n for job, n in zip(JUDGES, before, strict=True))

    heard(judged, "machines judged by both workers")


def test_they_follow_a_new_plant_file_and_end_with_their_service(tmp_path: Path) -> None:
    plant = make_plant(tmp_path / "plant", 2, port=free_port())
    process = start("run", plant, at=None)
    try:
        go_on(plant)
        first = children(process)
        assert len(first) == 2
        assert not any("torch" in Path(f"/proc/{pid}/maps").read_text() for pid in first)
        plant.write_text(plant.read_text().replace("late_by: 5m", "late_by: 6m"))
        os.kill(process.pid, signal.SIGHUP)
        heard(lambda: metric(plant, 'gatewatch_plant_reloads_total{result="success"}') == 1, "the take-over counted")
        assert all(gone(pid) for pid in first)
        go_on(plant)
        second = children(process)
        assert ready(plant)
        until(lambda: subjects(plant, t.judged.c.machine) == MACHINES, "every machine judged")
    finally:
        os.kill(process.pid, signal.SIGTERM)
        said = process.end()
    assert (said.code, "ERROR" in said.err, "Traceback" in said.err) == (0, False, False), said.err
    assert len(second) == 2
    assert first.isdisjoint(second)
    assert all(gone(pid) for pid in second)
    assert subjects(plant, t.lease.c.name, t.lease.c.expires_at > 0) == []
    assert subjects(plant, t.detector_state.c.subject) == MACHINES


def test_a_killed_worker_has_a_successor_and_none_outlives_a_killed_service(tmp_path: Path) -> None:
    plant = make_plant(tmp_path / "plant", 2, port=free_port())
    process = start("run", plant, at=None)
    try:
        go_on(plant)
        first, killed = children(process), min(children(process))
        os.kill(killed, signal.SIGKILL)
        heard(lambda: "was ended by SIGKILL" in get(f"{url_of(plant)}/readyz")[1], "the problem told")
        heard(lambda: ready(plant), "ready again")
        go_on(plant)
        last = children(process)
        assert last > first - {killed}
        assert process.err().count("was ended by SIGKILL; it is started again") == 1
        assert "Traceback" not in process.err()
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.end()
    assert len(last) == 2
    assert all(gone(pid) for pid in last)
