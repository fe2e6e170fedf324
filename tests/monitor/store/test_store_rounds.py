"""`gatewatch once` from cron: no job is overdue while it comes regularly, and all are when it stops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa
from clock_of_rounds import RoundClock
from plant_kit import NO_TRAINING, QUICK, START, copied, make_plant

from exporters.metrics.collector import StoreCollector
from monitor.plant.file.load import load
from monitor.runtime.app import bounds_of, make_app
from monitor.runtime.once import failures, once
from monitor.store.database import tables as t
from monitor.store.metrics import metrics_snapshot

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SETTINGS = (*QUICK, *NO_TRAINING, "jobs.prune=150m", "drift.report_every=")
"""One job of all is due in every third round of an hour only."""


class Plant:
    """A plant that `gatewatch once` is run on, at times that a test says; `watch` is a process that only looks on."""

    def __init__(self, file: Path) -> None:
        self.loaded = cache(lambda *changes: load(file, (*SETTINGS, *changes)))
        self.watch = make_app(self.loaded(), RoundClock(START), simulated=True)

    def once(self, at: datetime, *changes: str) -> None:
        app = make_app(self.loaded(*changes), RoundClock(at), simulated=False)
        try:
            assert failures(once(app)) == []
        finally:
            app.close()

    def overdue(self, at: datetime) -> set[str]:
        with self.watch.store.read() as connection:
            snapshot = metrics_snapshot(connection, at)
        samples = StoreCollector(snapshot, bounds_of(self.watch.plant, self.watch.jobs)).samples(
            {"gatewatch_job_overdue"}
        )
        return {labels["job_name"] for labels, value in samples["gatewatch_job_overdue"] if value}

    def alerts(self) -> list[tuple[str, str]]:
        a = t.alert.c
        with self.watch.store.read() as connection:
            rows = connection.execute(
                sa.select(a.name, a.subject).where(a.name == "JobOverdue", a.fired_at.is_not(None))
            )
            return [tuple(row) for row in rows]  # type: ignore[misc]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_plant(tmp_path_factory.mktemp("rounds"), 0.25).parent


@pytest.fixture
def plant(made: Path, tmp_path: Path) -> Iterator[Plant]:
    plant = Plant(copied(made, tmp_path / "plant"))
    yield plant
    plant.watch.close()


EVERY = {"an hour": (HOUR, 5), "a quarter": (15 * MINUTE, 3), "six hours": (6 * HOUR, 3)}
"""How often, and how many rounds."""


@pytest.mark.parametrize(
    ("every", "rounds"),
    [pytest.param(*one, id=name, marks=[pytest.mark.soak] * (name != "a quarter")) for name, one in EVERY.items()],
)
@pytest.mark.slow
def test_from_cron_no_job_is_ever_overdue_and_all_are_when_it_stops(
    every: timedelta, rounds: int, plant: Plant
) -> None:
    begin = START + 2 * HOUR
    for n in range(rounds):
        late = timedelta(seconds=(7 * n) % 50)  # cron is never exact
        at = begin + n * every + late
        if n > 1:
            assert plant.overdue(at - MINUTE) == set(), f"before round {n}"
        plant.once(at, "jobs.reconcile=50m")
    assert plant.overdue(at + MINUTE) == set()
    assert plant.alerts() == []
    ended = begin + (rounds - 1) * every
    assert {"alerts", "retraining", "notify", "pull:mes"} <= plant.overdue(ended + 2 * every + HOUR)
    assert "prune" in plant.overdue(ended + 3 * timedelta(days=1))


@pytest.mark.slow
def test_a_single_job_that_is_left_out_of_the_rounds_is_overdue(plant: Plant) -> None:
    for n in range(3):
        plant.once(START + 5 * HOUR + n * HOUR)
    with plant.watch.store.write() as connection:
        connection.execute(t.job.update().where(t.job.c.name == "retraining").values(last_slot=START + 3 * HOUR))
    assert plant.overdue(START + 7 * HOUR + MINUTE) == {"retraining"}


@pytest.mark.slow
def test_a_process_that_runs_the_jobs_is_held_to_their_intervals(plant: Plant) -> None:
    for n in range(3):
        plant.once(START + 2 * HOUR + n * HOUR)
    app = make_app(plant.loaded(), RoundClock(START + 4 * HOUR + 40 * MINUTE), simulated=False)
    alerts = next(job for job in app.jobs if job.name == "alerts")
    assert app.runner.catch_up(alerts) is not None
    app.close()
    plant.once(START + 5 * HOUR)  # somebody's own run beside that process says nothing of its rhythm
    assert "alerts" in plant.overdue(START + 6 * HOUR + 15 * MINUTE)
