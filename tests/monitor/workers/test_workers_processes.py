"""Worker processes on a store: the same rows and findings as without, whatever becomes of a worker."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from waits import until
from workers_fork import forked_workers
from workers_plant import JUDGES, PULLS, ROWS, add_row, contents, history, holders, locked, make_plant, opened, run

from monitor.jobs.detect import Asked
from monitor.runtime.app import App
from monitor.runtime.forgetting import forget_baseline
from monitor.runtime.workers import process, worker
from monitor.scheduling.job import Job
from monitor.scheduling.runner import SlotOutcome
from monitor.store.database import tables as t
from monitor.store.jobs import last_slot

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What one process makes of the history."""
    plant = make_plant(tmp_path_factory.mktemp("alone"), 0)
    with opened(plant, started=True) as app:
        assert not any(app.workers.runs(job.name) for job in app.jobs)
        history(app)
        return contents(app)


def same(app: App, alone: dict[str, list[str]]) -> None:
    found = contents(app)
    for table, rows in alone.items():
        assert found[table] == rows, table
    assert any('"m2"' in line and "breach" in line for line in found["findings"])


def test_two_workers_make_what_one_process_makes(store_url: str, alone: dict[str, list[str]], tmp_path: Path) -> None:
    plant = make_plant(tmp_path / "plant", 2, store_url)
    with forked_workers(["", ""]) as workers, opened(plant, started=True) as app:
        history(app)
        same(app, alone)
        assert app.workers.problems() == []
        held = holders(app)
        assert len({held[name] for name in (*PULLS, "reconcile:trend")}) == 3, "two workers and this process"
        assert [held[name] for name in PULLS] == [held[name] for name in JUDGES]
        app.workers.close()
        assert [one.code for one in workers] == [0, 0]
        with app.store.read() as connection:
            saved = connection.execute(sa.select(t.detector_state.c.subject).distinct()).scalars().all()
            left = connection.execute(sa.select(t.lease.c.name).where(t.lease.c.expires_at > 0)).scalars().all()
        assert sorted(saved) == ["m1", "m2", "m3"]
        assert set(left).isdisjoint({*PULLS, *JUDGES})


def test_a_worker_that_is_killed_in_its_work_loses_and_doubles_nothing(
    alone: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "_PAUSES", (0.0, 0.0))
    pulling = ["after_read:2", "before_commit:2", "after_commit:2"]
    judging = ["before_commit:1", "after_commit:1"]
    lives = [*pulling, "", *judging, ""]
    with forked_workers(lives) as workers, opened(make_plant(tmp_path / "plant", 1), started=True) as app:
        run(app, *PULLS)
        workers[len(pulling)].kill()
        history(app)
        same(app, alone)
        assert app.workers.problems() == []
        restarts = sa.select(t.tally.c.value).where(t.tally.c.name == "gatewatch_worker_restarts_total")
        with app.store.read() as connection:
            assert connection.execute(restarts).scalar_one() == len(lives) - 1
    assert [one.code for one in workers] == [-signal.SIGKILL] * (len(lives) - 1) + [0]
    told = [record.getMessage() for record in caplog.records if "worker" in record.getMessage()]
    assert [line.split(";")[0] for line in told] == ["worker 1 was ended by SIGKILL"] * (len(lives) - 1)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, 5))])
def test_workers_that_are_killed_at_random_lose_and_double_nothing(
    store_url: str, seed: int, alone: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_PAUSES", (0.0, 0.0))
    rng = random.Random(seed)
    points = ("after_read", "after_read", "before_commit", "after_commit")
    deaths = [f"{rng.choice(points)}:{rng.randint(1, 3)}" for _ in range(8)]
    plant = make_plant(tmp_path / "plant", 2, store_url)
    with forked_workers([*deaths, "", ""]) as workers, opened(plant, started=True) as app:
        history(app)
        same(app, alone)
        killed = sum(one.code == -signal.SIGKILL for one in workers)
        print(f"{killed} of 8 were killed in their work")
        assert killed >= 4


def test_a_baseline_is_forgotten_while_a_worker_holds_the_lease(tmp_path: Path) -> None:
    with forked_workers([""]), opened(make_plant(tmp_path / "plant", 1), started=True) as app:
        run(app, *PULLS)
        run(app, *JUDGES)
        forget_baseline(app.store, app.plant, Asked("m1", None, "new bearing", "Ada"), app.clock.now())
        add_row(app.loaded.path, "m1", ROWS, 3.0)
        run(app, *PULLS)
        run(app, *JUDGES)
        score = sa.select(t.board.c.status).where(t.board.c.subject == "m1", t.board.c.method == "condition")
        with app.store.read() as connection:
            assert connection.execute(score).scalars().all() == ["cannot_judge"]


@contextmanager
def waiting_pull(app: App) -> Iterator[Future[SlotOutcome | None]]:
    """The first partition's pull, which waits for its source, and meanwhile the judging of the same machines."""
    run(app, PULLS[0])
    pull = next(job for job in app.jobs if job.name == PULLS[0])
    with ThreadPoolExecutor(1) as pool, locked(app.loaded.path):
        until(lambda: app.clock.now() > _last_slot(app, pull) + pull.interval, "the next slot")
        waiting = pool.submit(app.workers.catch_up, pull)
        run(app, JUDGES[0])
        assert not waiting.done()
        yield waiting


def test_a_slow_source_holds_up_no_other_job_of_its_worker(tmp_path: Path) -> None:
    with forked_workers([""]), opened(make_plant(tmp_path / "plant", 1), started=True) as app:
        with waiting_pull(app) as waiting:
            pass
        assert waiting.result() is SlotOutcome.SUCCESS


def test_a_worker_ends_although_a_pull_waits_for_its_source(tmp_path: Path) -> None:
    with forked_workers([""]) as workers, opened(make_plant(tmp_path / "plant", 1), started=True) as app:
        with waiting_pull(app) as waiting:
            app.workers.close()
            assert waiting.result() is SlotOutcome.ANOTHER_PROCESS
        assert workers[0].code == 0, "it ended by itself"


def _last_slot(app: App, job: Job) -> datetime:
    with app.store.read() as connection:
        found = last_slot(connection, job.name)
    assert found is not None
    return found


@pytest.mark.parametrize("sent", [b"", b'["version: 1'], ids=["nothing", "half a task"])
def test_one_whose_service_is_gone_ends(sent: bytes) -> None:
    with forked_workers([""]) as workers:
        workers[0].stdin.write(sent)
        workers[0].stdin.close()
        assert workers[0].wait() == worker._ORPHAN


def test_one_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.runtime.workers.workers._END_SECONDS", 0.1)
    with forked_workers([""]) as workers, opened(make_plant(tmp_path / "plant", 1), started=True) as app:
        run(app, *PULLS)
        os.kill(workers[0].pid, signal.SIGSTOP)
        app.workers.close()
        assert workers[0].code == -signal.SIGKILL


@pytest.mark.soak  # near tests: the reason why a worker refuses
def test_one_that_cannot_be_started_is_told_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "_PAUSES", (0.0, 0.05))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/bin/false")
        with opened(make_plant(tmp_path / "plant", 1), started=True) as app:
            sentence = until(app.workers.problems, "the problem")[0]
            assert sentence.startswith("worker 1 cannot be started: ended with exit code 1; it is started again")
            pull = next(job for job in app.jobs if job.name == PULLS[0])
            assert app.workers.catch_up(pull) is SlotOutcome.ANOTHER_PROCESS
            patch.setattr(sys, "executable", str(tmp_path / "nowhere"))
            until(lambda: "No such file" in app.workers.problems()[0], "the other problem")
            patch.undo()
            until(lambda: app.workers.problems() == [], "a worker")
            run(app, *PULLS)
    assert "Traceback" not in caplog.text


def test_the_reason_why_a_worker_refuses_is_told(tmp_path: Path) -> None:
    plant = make_plant(tmp_path / "plant", 1)
    with forked_workers([""]), opened(plant, started=False) as app:
        (tmp_path / "plant" / "gatewatch.db").rename(tmp_path / "away.db")
        app.workers.start()
        assert "there is none yet" in until(app.workers.problems, "the problem")[0]


def test_a_worker_imports_nothing_that_trains_or_registers_models() -> None:
    probe = (
        "import sys, monitor.runtime.workers.worker; print(*{'torch', 'mlflow', 'river', 'evidently'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
