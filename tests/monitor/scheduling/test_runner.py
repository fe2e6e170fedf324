"""Running slots: once each, on record, and no failure of a job ends the process."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from spine_kit import T0, Spine, after

from monitor.clock import SimulatedClock
from monitor.errors import FencedError, ModelError, ModelReason, MonitorError, SourceError, SourceReason
from monitor.scheduling.job import JobScope, Result, Run
from monitor.scheduling.runner import Runner, SlotOutcome, SlotResult
from monitor.store.database import tables as t
from monitor.store.database.leases import acquire


class Work:
    """A job that does what it is told and counts."""

    interval = timedelta(minutes=15)
    scope = JobScope("parts", "all")

    def __init__(self, does: Callable[[Run], Result] = lambda run: Result(3), name: str = "pull:parts") -> None:
        self.does, self.name = does, name
        self.runs: list[Run] = []
        self.forgotten = 0

    def run(self, run: Run) -> Result:
        self.runs.append(run)
        return self.does(run)

    def forget(self) -> None:
        self.forgotten += 1


def _raises(error: Exception) -> Callable[[Run], Result]:
    def work(run: Run) -> Result:
        raise error

    return work


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(T0)


@pytest.fixture
def runner(spine: Spine, clock: SimulatedClock) -> Runner:
    return Runner(spine.store, clock, "one", timedelta(seconds=60))


def _job(spine: Spine) -> sa.Row[tuple[object, ...]]:
    (row,) = spine.all(t.job)
    return row


def test_a_success_is_on_record(spine: Spine, runner: Runner) -> None:
    job = Work(lambda run: Result(3, timedelta(seconds=90)))
    slot = runner.run(job, T0)
    assert (slot.outcome, slot.result.rows, slot.error) == (SlotOutcome.SUCCESS, 3, None)
    row = _job(spine)
    assert (row.name, row.last_slot, row.last_success_at, row.result) == (job.name, T0, T0, "success")
    assert (row.runs, row.failures, row.rows, row.missed_slots, row.lag_seconds) == (1, 0, 3, 0, 90.0)
    assert row.duration_seconds >= 0
    assert spine.all(t.job_run, "job", "slot", "result", "rows", "error") == [(job.name, T0, "success", 3, None)]
    assert job.forgotten == 0


def test_counts_add_up_and_a_failure_keeps_the_last_success(
    spine: Spine, runner: Runner, clock: SimulatedClock
) -> None:
    job = Work()
    runner.run(job, T0)
    clock.move_to(after(15))
    job.does = _raises(MonitorError("the sentence"))
    runner.run(job, after(15))
    row = _job(spine)
    assert (row.runs, row.failures, row.rows, row.result, row.error) == (2, 1, 3, "failure", "the sentence")
    assert (row.last_slot, row.last_success_at) == (after(15), T0)
    assert len(spine.all(t.job_run)) == 2


FAILURES = {
    "an error of ours": (ModelError("no model", ModelReason.CORRUPT), "no model", "JobFailing"),
    "a source that cannot be read": (
        SourceError("no column", SourceReason.MISSING_COLUMN), "no column", "SourceStopped",
    ),
    "an error that nobody foresaw": (
        ZeroDivisionError("by zero"), "unexpected ZeroDivisionError: by zero", "JobFailing",
    ),
    "a full disk": (OSError(28, "No space left on device", "/data/x"), "/data/x: No space left", "JobFailing"),
}  # fmt: skip


@pytest.mark.parametrize(("error", "sentence", "alert"), FAILURES.values(), ids=FAILURES)
def test_a_failure_is_on_record_and_alerts_until_a_success(
    error: Exception, sentence: str, alert: str, spine: Spine, runner: Runner, clock: SimulatedClock
) -> None:
    job = Work(_raises(error))
    for n in range(3):
        clock.move_to(after(15 * n))
        slot = runner.run(job, after(15 * n))
        assert slot.outcome is SlotOutcome.FAILURE
        assert slot.error is not None
        assert slot.error.startswith(sentence)
    assert job.forgotten == 3
    subject = "parts" if alert == "SourceStopped" else job.name
    assert spine.alerts(after(30), job) == [(alert, subject)]
    (summary,) = [text for text in spine.all(t.alert, "summary") if sentence in text]
    assert subject in summary
    job.does = lambda run: Result()
    clock.move_to(after(45))
    runner.run(job, after(45))
    assert spine.alerts(after(45), job) == []
    assert (after(30), after(45)) in spine.all(t.alert, "since", "ended_at")


def test_a_stopped_source_that_then_fails_otherwise_changes_its_alert(
    spine: Spine, runner: Runner, clock: SimulatedClock
) -> None:
    job = Work(_raises(SourceError("gone", SourceReason.UNREACHABLE)))
    runner.run(job, T0)
    assert spine.alerts(T0, job) == [("SourceStopped", "parts")]
    runner.run(Work(_raises(ZeroDivisionError())), after(15))
    assert spine.alerts(after(15), job) == [("JobFailing", "pull:parts")]


def test_errors_of_reading_are_counted_by_reason(spine: Spine, runner: Runner) -> None:
    for n in range(2):
        runner.run(Work(_raises(SourceError("gone", SourceReason.UNREACHABLE))), after(15 * n))
    assert spine.tally("gatewatch_source_read_errors_total", source="parts", reason="unreachable") == 2


@pytest.mark.parametrize("served", [T0, after(15)], ids=["the same slot", "a later slot"])
def test_a_slot_that_was_served_is_not_served_again(served: object, spine: Spine, runner: Runner) -> None:
    job = Work()
    runner.run(job, served)  # type: ignore[arg-type]
    assert runner.run(job, T0).outcome is SlotOutcome.DONE_BEFORE
    assert len(job.runs) == 1
    assert _job(spine).runs == 1


def test_a_failed_slot_was_served(spine: Spine, runner: Runner) -> None:
    job = Work(_raises(MonitorError("no")))
    runner.run(job, T0)
    assert runner.run(job, T0).outcome is SlotOutcome.DONE_BEFORE


def test_slots_that_passed_are_missed_and_the_newest_is_run(
    spine: Spine, runner: Runner, clock: SimulatedClock
) -> None:
    job = Work()
    assert runner.catch_up(job) == SlotResult(SlotOutcome.SUCCESS, Result(3))
    assert runner.catch_up(job) is None
    clock.move_to(after(14))
    assert runner.catch_up(job) is None
    clock.move_to(after(62))
    assert runner.catch_up(job) == SlotResult(SlotOutcome.SUCCESS, Result(3))
    assert [run.slot for run in job.runs] == [T0, after(60)]
    assert [run.now for run in job.runs] == [T0, after(62)]
    assert _job(spine).missed_slots == 3


def test_another_process_at_the_job_is_left_alone(spine: Spine, runner: Runner) -> None:
    acquire(spine.store, "pull:parts", "two", 60)
    job = Work()
    assert runner.run(job, T0).outcome is SlotOutcome.ANOTHER_PROCESS
    assert job.runs == []
    assert spine.all(t.job) == []


def test_a_slot_that_the_holder_has_served_is_not_waited_for(
    spine: Spine, runner: Runner, clock: SimulatedClock
) -> None:
    assert runner.run(Work(), T0).outcome is SlotOutcome.SUCCESS
    other = Runner(spine.store, clock, "two", timedelta(seconds=60))
    assert other.run(Work(), T0).outcome is SlotOutcome.DONE_BEFORE
    assert other.run(Work(), after(15)).outcome is SlotOutcome.ANOTHER_PROCESS


def _taken_over(spine: Spine) -> None:
    with spine.store.write() as connection:
        connection.execute(t.lease.update().values(expires_at=0.0))
    assert acquire(spine.store, "pull:parts", "two", 60) is not None


OVERTAKEN = {
    "while it worked, and it wrote": lambda spine: lambda run: (
        _taken_over(spine), _raises(FencedError("late"))(run),
    )[1],
    "while it worked, and it had nothing to write": lambda spine: lambda run: (_taken_over(spine), Result())[1],
}  # fmt: skip


@pytest.mark.parametrize("does", OVERTAKEN.values(), ids=OVERTAKEN)
def test_taken_over_by_another_process_it_forgets_and_records_nothing(
    does: Callable[[Spine], Callable[[Run], Result]], spine: Spine, runner: Runner
) -> None:
    job = Work(does(spine))
    assert runner.run(job, T0).outcome is SlotOutcome.ANOTHER_PROCESS
    assert job.forgotten >= 1
    assert spine.all(t.job) == spine.all(t.job_run) == []
    # The lease that was lost is not believed in any longer.
    job.does = lambda run: Result()
    assert runner.run(job, T0).outcome is SlotOutcome.ANOTHER_PROCESS
    assert len(job.runs) == 1


@pytest.mark.parametrize(("ttl", "renewed"), [(timedelta(seconds=60), False), (timedelta(milliseconds=30), True)])
def test_a_sign_of_life_renews_a_lease_once_a_third_of_its_time_is_over(
    ttl: timedelta, renewed: bool, spine: Spine, clock: SimulatedClock
) -> None:
    def long(run: Run) -> Result:
        time.sleep(0.01)
        with spine.store.write() as connection:
            connection.execute(t.lease.update().values(expires_at=1.0))
        run.beat()
        assert (spine.all(t.lease)[0].expires_at > 1.0) is renewed
        return Result()

    assert Runner(spine.store, clock, "one", ttl).run(Work(long), T0).error is None


def test_a_sign_of_life_notices_that_another_process_took_over(spine: Spine, clock: SimulatedClock) -> None:
    def long(run: Run) -> Result:
        time.sleep(0.01)
        _taken_over(spine)
        with pytest.raises(FencedError, match="another process took over"):
            run.beat()
        return Result()

    job = Work(long)
    runner = Runner(spine.store, clock, "one", timedelta(milliseconds=30))
    assert runner.run(job, T0).outcome is SlotOutcome.ANOTHER_PROCESS
    assert job.forgotten == 1


def test_what_another_process_did_in_between_is_not_in_memory(spine: Spine, clock: SimulatedClock) -> None:
    one, two = (Runner(spine.store, clock, name, timedelta(seconds=60)) for name in ("one", "two"))
    mine, others = Work(), Work()
    one.run(mine, T0)
    one.release_leases()
    two.run(others, after(15))
    two.release_leases()
    one.run(mine, after(30))
    assert (mine.forgotten, others.forgotten) == (1, 0)
    one.release_leases()
    one.run(mine, after(45))
    assert mine.forgotten == 1


def test_given_back_the_job_is_free_at_once(spine: Spine, runner: Runner, clock: SimulatedClock) -> None:
    runner.run(Work(), T0)
    other = Runner(spine.store, clock, "two", timedelta(seconds=60))
    assert other.run(Work(), after(15)).outcome is SlotOutcome.ANOTHER_PROCESS
    runner.release_leases()
    assert other.run(Work(), after(15)).outcome is SlotOutcome.SUCCESS


def test_every_slot_is_told(spine: Spine, clock: SimulatedClock) -> None:
    runner = Runner(spine.store, clock, "one", timedelta(seconds=60))
    told = [
        runner.run(Work(), T0),
        runner.run(Work(), T0),
        runner.run(Work(_raises(MonitorError("x"))), after(15)),
    ]
    assert [slot.outcome for slot in told] == [SlotOutcome.SUCCESS, SlotOutcome.DONE_BEFORE, SlotOutcome.FAILURE]


def test_a_stopping_process_gives_a_long_run_up_without_a_trace(spine: Spine, runner: Runner) -> None:
    def long(run: Run) -> Result:
        runner.stop.set()
        run.beat()
        return Result()

    job = Work(long)
    assert runner.run(job, T0).outcome is SlotOutcome.GIVEN_UP
    assert job.runs[0].stopping()
    assert spine.all(t.job) == []
