"""From a Delta table through the store to Delta tables, all killed at random, with compaction: each row once."""

from __future__ import annotations

import os
import random
import signal
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fork_kit import ended, forked
from lake_kit import LATER, compare, fill, in_child, plant_at, send
from readings_plant import readings_plant

from monitor.instants import to_micros
from monitor.jobs.pulling.pull import PullJob
from monitor.pipeline.readings import ReadingsPipeline
from monitor.plant.plant import Plant
from monitor.scheduling.job import Run
from monitor.sources.lake import source as _imported_once_for_all_processes  # noqa: F401
from monitor.sources.transports import open_source
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import take_over
from monitor.store.database.schema import open_store

pytestmark = pytest.mark.process
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)
ROWS, COMPACTED_EVERY = 25, 12


def source_plant(folder: Path) -> Plant:
    return readings_plant(f"delta://{folder}", "source", [f"u{i}" for i in range(3)], late_by="1s")


def write_rows(folder: Path, commits: int) -> None:
    """The next rows of the plant, a commit each time, with compaction now and then; only this process writes them."""
    import pyarrow as pa
    from deltalake import DeltaTable, write_deltalake

    table = folder / "source"
    first = commits * ROWS
    at = [BEGIN + timedelta(seconds=first + i) for i in range(ROWS)]
    rows = pa.table({
        "happened": pa.array(at, pa.timestamp("us", "UTC")), "unit": [f"u{i % 3}" for i in range(ROWS)],
        "force": [float(first + i) for i in range(ROWS)],
    })  # fmt: skip
    write_deltalake(table, rows, mode="append")
    if commits % COMPACTED_EVERY == COMPACTED_EVERY - 1:
        DeltaTable(table).optimize.compact()


def pull(own: Store, plant: Plant) -> None:
    """Pull what is there, as the job does, again and again until nothing is new."""
    job = PullJob(
        own, plant, "it", "", open_source("it", plant.sources["it"], plant), ReadingsPipeline(own, plant, "it")
    )
    lease = take_over(own, job.name, uuid.uuid4().hex, 60.0)
    now = datetime.now(UTC) + timedelta(seconds=1)
    job.run(Run(now, now, lease, lambda: None, lambda: False))


def in_source(folder: Path) -> list[tuple[str, int, float]]:
    from deltalake import DeltaTable

    rows = DeltaTable(folder / "source").to_pyarrow_table().to_pylist()
    return [(row["unit"], to_micros(row["happened"]), row["force"]) for row in rows]


def killed_at_random(url: str, folder: Path, kills: int, seed: int) -> None:
    """The plant writes, while the pull, the sink and what fills the store are killed at random and started again."""
    rng, waiting, stop = random.Random(seed), threading.Event(), folder / "stop"
    lake, source = plant_at(folder), source_plant(folder)

    def until_stopped(work: Callable[[Store], object]) -> Callable[[], None]:
        def loop() -> None:
            own = Store(url)
            while not stop.exists():
                work(own)

        return loop

    def writing() -> None:
        commits = 0
        while not stop.exists():
            write_rows(folder, commits)
            commits += 1

    work = {
        "pull": until_stopped(lambda own: pull(own, source)),
        "send": until_stopped(lambda own: send(own, lake, LATER)),
        "fill": until_stopped(fill),
    }
    writer = forked(writing)
    running = {name: forked(one) for name, one in work.items()}
    for _ in range(kills):
        name = rng.choice(("pull", "pull", "send", "fill"))
        waiting.wait(rng.uniform(0.0, 0.35))
        os.kill(running[name], signal.SIGKILL)
        assert ended(running[name]) == -signal.SIGKILL, f"{name} had ended by itself"
        running[name] = forked(work[name])
    stop.touch()
    assert [ended(pid) for pid in (writer, *running.values())] == [0, 0, 0, 0]
    in_child(lambda: finish(url, lake, source), folder)


def finish(url: str, lake: Plant, source: Plant) -> None:
    own = Store(url)
    pull(own, source)
    fill(own)
    send(own, lake, LATER + timedelta(days=1))


@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.soak)])
def test_killed_at_random_from_source_to_sink_nothing_is_lost_or_doubled(kills: int, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    store = open_store(url)
    in_child(lambda: write_rows(tmp_path, 0), tmp_path)
    (tmp_path / "source").rename(tmp_path / "first")  # the writer begins anew
    killed_at_random(url, tmp_path, kills, seed=kills)
    given = Counter(tuple(row) for row in in_child(lambda: in_source(tmp_path), tmp_path))
    r = t.reading.c
    with store.read() as connection:
        rows = connection.execute(sa.select(r.machine, r.at, r["values"], r.revision)).all()
    taken = Counter((machine, to_micros(at), values["force"]) for machine, at, values, _ in rows)
    sunk = compare(store, tmp_path)
    compacted = given.total() // ROWS // COMPACTED_EVERY
    print(
        f"{kills} kills, {given.total()} rows from the source, {compacted} compactions, {sunk['decisions'].rows} sent"
    )
    assert taken == given
    assert {(table, tuple(found.lost), tuple(found.doubled)) for table, found in sunk.items()} == {
        (table, (), ()) for table in sunk
    }
    store.close()
