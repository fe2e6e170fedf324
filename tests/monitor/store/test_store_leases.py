"""Leases: who may run a job, and that a zombie's late write is refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from fork_kit import ended, forked

from monitor.clock import WallClock
from monitor.errors import FencedError, StoreReason
from monitor.model import Finding, Status
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.scheduling.runner import Runner, SlotOutcome
from monitor.store.commit import BatchWrite, commit
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease, acquire, release, renew
from monitor.store.database.schema import open_store

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


def _expire(store: Store, name: str = "job") -> None:
    """As if the holder had been silent for its whole lease."""
    with store.write() as connection:
        connection.execute(t.lease.update().where(t.lease.c.name == name).values(expires_at=0.0))


def _row(store: Store) -> tuple[str, int]:
    with store.read() as connection:
        row = connection.execute(sa.select(t.lease)).one()
    return row.holder, row.fence


def test_one_holder_at_a_time(store: Store) -> None:
    first = acquire(store, "job", "a", 60)
    assert first == Lease("job", "a", 1, 60)
    assert acquire(store, "job", "b", 60) is None
    assert acquire(store, "another job", "b", 60) is not None


_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def _somebody_waits(store: Store) -> bool:
    with store.read() as connection:
        return bool(connection.exec_driver_sql(_WAITING).scalar_one())


@pytest.mark.postgres
def test_of_two_that_ask_for_a_new_lease_at_once_one_has_it(postgres_url: str) -> None:
    store = open_store(postgres_url)
    with ThreadPoolExecutor(1) as pool:
        with store.write() as connection:
            row = {"name": "job", "holder": "first", "fence": 1, "expires_at": store.wall_seconds(connection) + 60}
            connection.execute(t.lease.insert().values(row))
            second = pool.submit(acquire, store, "job", "second", 60)
            while not _somebody_waits(store) and not second.done():
                """The other session comes to wait for this transaction."""
        assert second.result() is None
    assert _row(store) == ("first", 1)
    store.close()


def test_the_holder_renews_under_the_same_fence(store: Store) -> None:
    assert acquire(store, "job", "a", 60) == acquire(store, "job", "a", 60)
    _expire(store)
    again = acquire(store, "job", "a", 60)
    assert again is not None
    assert again.fence == 1


def test_the_fence_grows_with_every_take_over(store: Store) -> None:
    fences = []
    for holder in ("a", "b", "a", "c"):
        lease = acquire(store, "job", holder, 60)
        assert lease is not None
        fences.append(lease.fence)
        _expire(store)
    assert fences == [1, 2, 3, 4]


def test_a_released_lease_is_free_at_once(store: Store) -> None:
    lease = acquire(store, "job", "a", 60)
    assert lease is not None
    release(store, [lease])
    assert acquire(store, "job", "b", 60) == Lease("job", "b", 2, 60)


def test_releasing_a_lease_that_was_taken_over_changes_nothing(store: Store) -> None:
    old = acquire(store, "job", "a", 60)
    assert old is not None
    _expire(store)
    acquire(store, "job", "b", 60)
    release(store, [old])
    assert acquire(store, "job", "c", 60) is None
    assert _row(store) == ("b", 2)


def test_proving_renews(store: Store) -> None:
    lease = acquire(store, "job", "a", 60)
    assert lease is not None
    _expire(store)
    with store.write() as connection:
        renew(store, connection, lease)
    assert acquire(store, "job", "b", 60) is None


def _batch() -> BatchWrite:
    """A batch with something for every table that a commit writes."""
    batch = BatchWrite("job", "states", "all", NOW, "machine_states", NOW)
    batch.rows.append(
        {"source": "s", "machine": "m", "at": NOW, "revision": 0, "state": "run", "digest": "d"},
    )
    batch.findings.append(Finding("limits", "high", "m", "heat", NOW, Status.BREACH, 9.0, 5.0, 0))
    batch.board.append(batch.findings[0])
    batch.gauges["gatewatch_source_reconciliation_gap_rows", (("source", "s"),)] = 1.0
    return batch


def _contents(store: Store) -> dict[str, int]:
    left_out = {"lease"}
    with store.read() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in t.metadata.sorted_tables
            if table.name not in left_out
        }


def test_a_zombies_commit_is_refused_and_nothing_of_it_is_kept(store: Store) -> None:
    old = acquire(store, "job", "a", 60)
    assert old is not None
    _expire(store)
    new = acquire(store, "job", "b", 60)
    assert new is not None
    before = _contents(store)
    with pytest.raises(FencedError, match="another process took over") as caught:
        commit(store, old, _batch())
    assert caught.value.reason is StoreReason.FENCED
    assert _contents(store) == before
    assert commit(store, new, _batch()) == 1
    assert _contents(store)["machine_state"] == 1


def test_an_expired_lease_that_nobody_took_is_good_for_a_commit(store: Store) -> None:
    lease = acquire(store, "job", "a", 60)
    assert lease is not None
    _expire(store)
    commit(store, lease, _batch())
    assert _contents(store)["machine_state"] == 1


class _Writes:
    """A job that leaves one row a slot, and may do something first."""

    name, interval, scope = "job", timedelta(minutes=1), WHOLE_PLANT

    def __init__(self, store: Store, before: Callable[[Run], object] = lambda run: None) -> None:
        self._store, self._before = store, before

    def run(self, run: Run) -> Result:
        self._before(run)
        batch = BatchWrite("job", "states", "all", run.now, "machine_states", run.slot)
        row = {"source": "s", "machine": f"process {os.getpid()}", "at": run.slot, "revision": 0, "state": "run"}
        batch.rows.append({**row, "digest": "d"})
        commit(self._store, run.lease, batch)
        return Result(1)

    def forget(self) -> None:
        """Nothing is in memory."""


def _serve(url: str, slots: int, ttl: float, before: Callable[[Run], object] = lambda run: None) -> None:
    """Work through the slots in order; where another process has the job, try again until it is past the slot."""
    store = Store(url)
    runner = Runner(store, WallClock(), f"process {os.getpid()}", timedelta(seconds=ttl))
    for n in range(slots):
        while runner.run(_Writes(store, before), NOW + n * timedelta(minutes=1)).outcome is SlotOutcome.ANOTHER_PROCESS:
            runner.stop.wait(0.02)
        if n % 5 == 4:
            runner.release_leases()
    runner.release_leases()
    store.close()


def _slots(store: Store) -> list[datetime]:
    with store.read() as connection:
        return list(connection.execute(sa.select(t.machine_state.c.at).order_by(t.machine_state.c.arrival)).scalars())


@pytest.mark.process
def test_processes_that_contend_serve_every_slot_once_and_in_order(store: Store, store_url: str) -> None:
    children = [forked(lambda: _serve(store_url, 40, 5.0)) for _ in range(3)]
    assert [ended(pid) for pid in children] == [0] * 3
    assert _slots(store) == [NOW + n * timedelta(minutes=1) for n in range(40)]
    with store.read() as connection:
        runs = connection.execute(sa.select(t.job_run.c.result, sa.func.count()).group_by(t.job_run.c.result)).all()
        job = connection.execute(sa.select(t.job)).one()
    assert [tuple(row) for row in runs] == [("success", 40)]
    assert (job.runs, job.failures, job.rows) == (40, 0, 40)


def _wall(store: Store) -> float:
    with store.read() as connection:
        return store.wall_seconds(connection)


@pytest.mark.process
def test_a_killed_processs_job_is_taken_over_when_its_lease_has_run_out(store: Store, store_url: str) -> None:
    ttl = 0.5

    def die(run: Run) -> None:
        if run.slot == NOW + timedelta(minutes=2):
            os.kill(os.getpid(), signal.SIGKILL)

    assert ended(forked(lambda: _serve(store_url, 5, ttl, die))) == -signal.SIGKILL
    with store.read() as connection:
        ends = connection.execute(sa.select(t.lease.c.expires_at)).scalar_one()
    taken: list[float] = []
    _serve(store_url, 5, ttl, lambda run: taken.append(_wall(store)))
    assert taken[0] >= ends
    slots = _slots(store)
    assert len(slots) == 5
    assert all(b - a == timedelta(minutes=1) for a, b in pairwise(slots))


@pytest.mark.process
def test_a_stopped_process_that_wakes_up_late_writes_nothing(store: Store, store_url: str, tmp_path: Path) -> None:
    ended_as = tmp_path / "ran"

    def zombie() -> None:
        own = Store(store_url)
        runner = Runner(own, WallClock(), "zombie", timedelta(seconds=0.3))
        job = _Writes(own, lambda run: os.kill(os.getpid(), signal.SIGSTOP))
        ended_as.write_text(runner.run(job, NOW).outcome.value)

    pid = forked(zombie)
    os.waitpid(pid, os.WUNTRACED)  # it has its lease and stands still just before its commit
    _serve(store_url, 1, 0.3)
    before = _contents(store)
    os.kill(pid, signal.SIGCONT)
    assert ended(pid) == 0
    assert ended_as.read_text() == SlotOutcome.ANOTHER_PROCESS
    assert _contents(store) == before
    assert _slots(store) == [NOW]
    with store.read() as connection:
        machine = connection.execute(sa.select(t.machine_state.c.machine)).scalar_one()
        fences = connection.execute(sa.select(t.lease.c.fence)).scalar_one()
    assert machine == f"process {os.getpid()}"
    assert fences == 2
