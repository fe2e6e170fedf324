"""Killed around a batch of the lake: each row is there once, whatever was compacted in between."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fork_kit import ended, forked
from lake_kit import LATER, TABLES, compare, fill, in_child, plant_at, rows_of, send

from monitor.errors import FencedError, LakeError
from monitor.lake.delta import LakeFolder
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.database import Store

pytestmark = pytest.mark.process

POINTS = ("after_lake_fixed", "after_lake_written", "after_lake_recorded")
SMALL = ("lake.rows=50", "lake.compact_every=1s")
"""Several commits a run, and compaction in each."""
AHEAD = 30
"""Batches that a store which fills is ahead of the lake: every table is sent while both are killed."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.soak])])
def url(request: pytest.FixtureRequest, tmp_path: Path, new_store: Path) -> str:
    """The URL of a new store."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_store_url"))
    shutil.copyfile(new_store, tmp_path / "store.db")
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def plant(url: str, tmp_path: Path) -> Plant:
    """A plant with a lake."""
    return plant_at(tmp_path, f"store.url={url}", *SMALL)


def on(url: str, work: Callable[[Store], object]) -> Callable[[], None]:
    """The work with a store of its own, as a forked process needs it."""

    def opened() -> None:
        store = Store(url)
        work(store)
        store.close()

    return opened


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """The store, for what this process reads."""
    opened = Store(url)
    yield opened
    opened.close()


def nothing_is_wrong(store: Store, folder: Path) -> dict[str, int]:
    """Nothing lost, nothing doubled; how many rows each table has."""
    found = compare(store, folder)
    for table, one in found.items():
        assert one.lost == [], table
        assert one.doubled == [], table
    return {table: one.rows for table, one in found.items()}


@pytest.mark.parametrize("nth", [1, pytest.param(2, marks=pytest.mark.soak), 5])
@pytest.mark.parametrize("point", POINTS)
def test_killed_between_the_steps_each_row_is_there_once(
    point: str, nth: int, url: str, plant: Plant, store: Store, tmp_path: Path
) -> None:
    fill(store, 9)
    work = on(url, lambda own: send(own, plant))
    assert ended(forked(work, {"GATEWATCH_FAILPOINT": f"{point}:{nth}"})) == -signal.SIGKILL
    fill(store, 3)
    assert ended(forked(work)) == 0
    rows = nothing_is_wrong(store, tmp_path)
    assert rows["decisions"] == 12 * 8
    assert rows["findings"] == 12
    assert min(rows.values()) > 0


def test_a_batch_that_was_written_before_a_kill_is_only_recorded(
    url: str, plant: Plant, store: Store, tmp_path: Path
) -> None:
    fill(store, 3)
    work = on(url, lambda own: send(own, plant))
    assert ended(forked(work, {"GATEWATCH_FAILPOINT": "after_lake_written"})) == -signal.SIGKILL
    before = rows_of(tmp_path / "lake" / "decisions")
    assert len(before) == 24
    assert ended(forked(work)) == 0
    assert rows_of(tmp_path / "lake" / "decisions") == before
    nothing_is_wrong(store, tmp_path)


def test_one_that_slept_over_its_lease_has_its_late_append_refused(
    url: str, plant: Plant, store: Store, tmp_path: Path
) -> None:
    """The library takes a number twice, but not from a table that was read before the first time."""
    fill(store, 3)
    assert ended(forked(on(url, lambda own: send(own, plant)))) == 0
    fill(store, 3)

    def sleeper() -> None:
        append = LakeFolder.append

        def late(self: LakeFolder, rows: object, application: str, number: int) -> None:
            os.kill(os.getpid(), signal.SIGSTOP)
            with pytest.raises(LakeError, match="somebody else wrote to it meanwhile"):
                append(self, rows, application, number)
            (tmp_path / "refused").touch()

        LakeFolder.append = late  # type: ignore[method-assign, assignment]
        with pytest.raises(FencedError):
            on(url, lambda own: send(own, plant))()

    pid = forked(sleeper)
    _, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), "it ended before it stood still"
    assert ended(forked(on(url, lambda own: send(own, plant)))) == 0
    os.kill(pid, signal.SIGCONT)
    assert ended(pid) == 0
    assert (tmp_path / "refused").exists()
    assert nothing_is_wrong(store, tmp_path)["decisions"] == 48


def killed_at_random(url: str, plant: Plant, store: Store, kills: int, seed: int) -> int:
    """Fill and send at once, each killed at random and started again; how many batches were filled."""
    rng, waiting = random.Random(seed), threading.Event()
    stop = plant_stop(plant)

    def filling() -> None:
        own = Store(url)
        while not stop.exists():
            if _unsent_findings(own) < AHEAD:
                fill(own)
            else:
                waiting.wait(0.01)

    def sending() -> None:
        own, now = Store(url), LATER
        while not stop.exists():
            now += timedelta(seconds=2)
            send(own, plant, now)

    work = {"fill": filling, "send": sending}
    running = {name: forked(one) for name, one in work.items()}
    for _ in range(kills):
        name = rng.choice(("send", "send", "send", "fill"))
        waiting.wait(rng.uniform(0.0, 0.35))
        os.kill(running[name], signal.SIGKILL)
        assert ended(running[name]) == -signal.SIGKILL, f"{name} had ended by itself"
        running[name] = forked(work[name])
    stop.touch()
    assert [ended(pid) for pid in running.values()] == [0, 0]
    return int(in_child(lambda: _finish(url, plant), stop.parent))


def plant_stop(plant: Plant) -> Path:
    """The file that ends the processes."""
    assert plant.lake is not None
    return Path(plant.lake.location).parent / "stop"


def _unsent_findings(store: Store) -> int:
    """Each batch has one finding."""
    with store.read() as connection:
        there = connection.scalar(sa.select(sa.func.count()).select_from(t.finding)) or 0
        sent = connection.scalar(sa.select(t.lake_table.c.rows).where(t.lake_table.c.name == "findings")) or 0
    return int(there - sent)


def _finish(url: str, plant: Plant) -> int:
    own = Store(url)
    batches = fill(own)
    send(own, plant, LATER + timedelta(days=1))
    return batches


@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.soak)])
def test_killed_at_random_over_a_store_that_fills_nothing_is_lost_or_doubled(
    kills: int, url: str, plant: Plant, store: Store, tmp_path: Path
) -> None:
    batches = killed_at_random(url, plant, store, kills, seed=kills)
    rows = nothing_is_wrong(store, tmp_path)
    compacted = in_child(lambda: _compactions(tmp_path), tmp_path)
    print(f"{kills} kills, {batches} batches, {rows}, 0 lost, 0 doubled, {compacted} compactions")
    assert compacted > 0
    assert rows["findings"] == batches


def _compactions(folder: Path) -> int:
    from deltalake import DeltaTable

    histories = (DeltaTable(str(folder / "lake" / table)).history() for table in TABLES)
    return sum(entry["operation"] == "OPTIMIZE" for history in histories for entry in history)
