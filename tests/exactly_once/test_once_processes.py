"""Several processes on one store: every slot once, take-over after a death, no late write of one that slept."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fork_kit import ended, forked
from once_kit import replay_whole
from plant_kit import QUICK, advice, contents, copied

from monitor.jobs.pulling import pull
from monitor.plant.file.load import load
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.schema import open_existing

pytestmark = pytest.mark.process
_READS = 6
"""Pages read before a replay stands still: some slots into its hour."""


def _store(plant: Path) -> Store:
    return open_existing(load(plant, QUICK).plant.store.url)


def _slots(plant: Path) -> list[tuple[object, ...]]:
    """Every run on record by job and slot."""
    store = _store(plant)
    with store.read() as connection:
        query = sa.select(t.job_run.c.job, t.job_run.c.slot, t.job_run.c.result)
        rows = sorted(tuple(row) for row in connection.execute(query))
    store.close()
    return rows


def _decisions(plant: Path) -> int:
    store = _store(plant)
    with store.read() as connection:
        found = int(connection.execute(sa.select(sa.func.count()).select_from(t.decision)).scalar_one())
    store.close()
    return found


def _asleep_in_a_slot(plant: Path) -> int:
    """A replay that stands still with the lease of a slot: it has read a page and not begun to write it."""

    def work() -> None:
        reads = iter(range(_READS))
        pull.reach = lambda point: _sleep() if point == "after_read" and next(reads, 0) == _READS - 1 else None
        replay_whole(plant)

    pid = forked(work)
    _, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), "it ended before it stood still"
    assert not any(_locked(plant.parent / name) for name in ("gatewatch.db", "mes.db"))
    return pid


def _sleep() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _locked(file: Path) -> bool:
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as probe:
        try:
            probe.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        probe.execute("ROLLBACK")
        return False


def _same(plant: Path, undisturbed: Path, whole: dict[str, Any]) -> None:
    found = contents(plant)
    for table in whole:
        assert found[table] == whole[table], table
    assert advice(plant) == advice(undisturbed)
    runs = _slots(plant)
    assert len(runs) == len({run[:2] for run in runs})
    assert runs == _slots(undisturbed)


def test_two_replays_of_one_history_share_its_slots(
    trained: Path, undisturbed: Path, whole: dict[str, Any], tmp_path: Path
) -> None:
    plant = copied(trained, tmp_path / "plant")
    both = [forked(lambda: replay_whole(plant)) for _ in range(2)]
    assert [ended(pid) for pid in both] == [0, 0]
    _same(plant, undisturbed, whole)


def test_another_takes_over_when_the_lease_of_a_killed_one_has_run_out(
    trained: Path, undisturbed: Path, whole: dict[str, Any], tmp_path: Path
) -> None:
    plant = copied(trained, tmp_path / "plant")
    first = _asleep_in_a_slot(plant)
    left = _decisions(plant)
    os.kill(first, signal.SIGKILL)
    assert ended(first) == -signal.SIGKILL
    assert ended(forked(lambda: replay_whole(plant))) == 0
    assert _decisions(plant) > left
    _same(plant, undisturbed, whole)


def test_one_that_slept_over_its_lease_has_its_late_write_refused(
    trained: Path, undisturbed: Path, whole: dict[str, Any], tmp_path: Path
) -> None:
    plant = copied(trained, tmp_path / "plant")
    sleeper = _asleep_in_a_slot(plant)
    assert ended(forked(lambda: replay_whole(plant))) == 0
    os.kill(sleeper, signal.SIGCONT)
    assert ended(sleeper) == 0
    _same(plant, undisturbed, whole)


def test_a_late_write_is_refused_in_the_transaction_that_makes_it(trained: Path, tmp_path: Path) -> None:
    from monitor.errors import FencedError
    from monitor.store.database.leases import acquire, renew

    plant = copied(trained, tmp_path / "plant")
    store = _store(plant)
    slow = acquire(store, "pull:test", "slow", timedelta(seconds=-1).total_seconds())
    assert acquire(store, "pull:test", "quick", 60) is not None
    assert slow is not None
    with pytest.raises(FencedError, match="another process took over"), store.write() as connection:
        renew(store, connection, slow)
    store.close()
