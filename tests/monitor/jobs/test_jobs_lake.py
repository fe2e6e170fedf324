"""Pulling from a Delta table: a row once, a correction once, however often the span is read again; deletions found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from deltalake import DeltaTable, write_deltalake
from readings_plant import readings_plant

from monitor.clock import WallClock
from monitor.jobs.pulling.pull import PullJob
from monitor.jobs.reconcile import ReconcileJob
from monitor.pipeline.readings import ReadingsPipeline
from monitor.ports import Source
from monitor.runtime.app import reconcile_scope
from monitor.scheduling.job import Job, Run
from monitor.sources.transports import open_source
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire
from monitor.store.database.schema import open_store

pytestmark = pytest.mark.own_process
HOUR = timedelta(hours=1)
BEGIN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 6 * HOUR


class Pulled:
    """A table of readings, a store, and the job between them."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.path, self.store = folder / "lake" / "t", store
        self.plant = readings_plant(f"delta://{folder}/lake", "t", ("m1",), late_by="1h")
        self.source: Source = open_source("it", self.plant.sources["it"], self.plant)
        self.job = PullJob(store, self.plant, "it", "", self.source, ReadingsPipeline(store, self.plant, "it"))

    def add(self, *minutes: float) -> None:
        table = pa.table({
            "happened": pa.array([BEGIN + timedelta(minutes=m) for m in minutes], pa.timestamp("us", "UTC")),
            "unit": pa.array(["m1"] * len(minutes), pa.string()), "force": pa.array(minutes, pa.float64()),
        })  # fmt: skip
        write_deltalake(self.path, table, mode="append")

    def run(self, job: Job | None = None) -> None:
        job = job or self.job
        lease = acquire(self.store, job.name, "this test", 60.0)
        assert lease is not None
        now = datetime.now(UTC) + timedelta(seconds=1)
        job.run(Run(now, now, lease, lambda: None, lambda: False))

    def stored(self) -> list[tuple[dict[str, float], int]]:
        columns = (t.reading.c["values"], t.reading.c.revision)
        with self.store.read() as connection:
            return [(v, r) for v, r in connection.execute(sa.select(*columns).order_by(t.reading.c.arrival))]

    def findings(self) -> dict[str, float | None]:
        columns = (t.finding.c.method, t.finding.c.value)
        with self.store.read() as connection:
            return {str(method): value for method, value in connection.execute(sa.select(*columns))}


@pytest.fixture
def pulled(tmp_path: Path) -> Iterator[Pulled]:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    made = Pulled(tmp_path, store)
    made.add(1, 2, 3)
    yield made
    made.source.close()
    store.close()


@pytest.mark.slow
def test_a_row_and_its_correction_are_taken_in_once_however_often_they_are_read(pulled: Pulled) -> None:
    pulled.run()
    DeltaTable(pulled.path).update(predicate="force = 2.0", updates={"force": "9.0"})
    pulled.add(0.5)
    for _ in range(3):  # the look back reads every commit again, the old value too
        pulled.run()
    assert pulled.stored() == [
        ({"force": 1.0}, 0), ({"force": 2.0}, 0), ({"force": 3.0}, 0), ({"force": 9.0}, 1), ({"force": 0.5}, 0),
    ]  # fmt: skip


@pytest.mark.slow
def test_what_was_deleted_is_a_finding(pulled: Pulled) -> None:
    pulled.run()
    DeltaTable(pulled.path).delete("force = 2.0")
    scope = reconcile_scope(pulled.plant, "it")
    held = nullcontext(acquire(pulled.store, pulled.job.name, "this test", 60.0))
    count = ReconcileJob(pulled.store, scope, pulled.source, [pulled.job], HOUR, lambda _: held, WallClock())
    pulled.run(count)
    assert pulled.findings() == {"vanished": 1.0}
    assert len(pulled.stored()) == 3
