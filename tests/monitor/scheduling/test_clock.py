"""A clock that was set: noticed and told once, and what it left in the store holds nothing up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from clock_kit import SetClock
from spine_kit import T0, Spine, after

from monitor.clock import ClockWatch
from monitor.jobs.detect import detect_jobs
from monitor.scheduling.clock_guard import ClockGuard
from monitor.scheduling.job import JobScope, Result, Run
from monitor.scheduling.runner import Runner, SlotOutcome
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease, acquire, renew, shorten
from monitor.store.plant_files import newest_digest, record_plant_file

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LEASE = timedelta(seconds=30)


class Ticking:
    """A job that counts its runs; `during` happens within the next one."""

    scope = JobScope()

    def __init__(self, name: str = "job", interval: timedelta = MINUTE) -> None:
        self.name, self.interval = name, interval
        self.runs: list[Run] = []
        self.during: Any = None

    def run(self, run: Run) -> Result:
        self.runs.append(run)
        if self.during is not None:
            self.during()
            self.during = None
        return Result()

    def forget(self) -> None:
        pass


@pytest.fixture
def clock(store: Store) -> Iterator[SetClock]:
    made = SetClock()
    made.drive(store)
    yield made
    made.close()


def process(store: Store, clock: SetClock, holder: str = "one") -> Runner:
    guard = ClockGuard(store, clock, LEASE, clock.steady)
    guard.begin()
    return Runner(store, clock, holder, LEASE, guard)


def told(spine: Spine) -> tuple[int, int]:
    forward, back = (int(spine.tally("gatewatch_clock_steps_total", direction=d)) for d in ("forward", "back"))
    return forward, back


STEPS = {
    "a day ahead": (DAY, DAY), "an hour back": (-HOUR, -HOUR), "a little over": (LEASE + MINUTE, LEASE + MINUTE),
    "within the tolerance": (LEASE, None), "back within the tolerance": (-LEASE, None), "not at all": (DAY * 0, None),
}  # fmt: skip


@pytest.mark.parametrize(("by", "noticed"), STEPS.values(), ids=STEPS)
def test_a_step_is_noticed_once_whatever_time_passes(by: timedelta, noticed: timedelta | None) -> None:
    clock = SetClock()
    watch = ClockWatch(clock, LEASE, clock.steady)
    clock.advance(100_000.0)
    assert watch.step() is None
    clock.step(by)
    clock.advance(5.0)
    assert watch.step() == noticed
    assert watch.step() is None


def test_a_thread_that_is_held_up_between_two_clocks_notices_nothing() -> None:
    clock = SetClock()

    class Held(SetClock):
        def now(self) -> Any:
            clock.advance(100.0)
            return clock.now()

    watch = ClockWatch(Held(), LEASE, clock.steady)
    assert watch.step() is None
    assert watch.step() is None


def test_a_lease_from_the_future_lasts_one_lease_more(store: Store, clock: SetClock) -> None:
    clock.step(DAY)
    assert acquire(store, "job", "dead", 30.0) is not None
    clock.step(-DAY)
    assert acquire(store, "job", "two", 30.0) is None
    clock.advance(29.0)
    assert acquire(store, "job", "two", 30.0) is None
    clock.advance(2.0)
    assert acquire(store, "job", "two", 30.0) == Lease("job", "two", 2, 30.0)


def test_a_living_holder_keeps_its_lease_when_the_clock_goes_back(store: Store, clock: SetClock) -> None:
    clock.step(DAY)
    mine = acquire(store, "job", "one", 30.0)
    assert mine is not None
    clock.step(-DAY)
    for _ in range(10):
        assert acquire(store, "job", "two", 30.0) is None
        clock.advance(20.0)
        with store.write() as connection:
            renew(store, connection, mine)
    with store.write() as connection:
        shorten(store, connection, 30.0)
    assert acquire(store, "job", "two", 30.0) is None


def test_a_slot_from_the_future_is_invalid_and_told_once(
    spine: Spine, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    clock.step(DAY)
    dead, job, daily = process(spine.store, clock, "dead"), Ticking(), Ticking("daily", DAY)
    assert dead.catch_up(job) is not None
    assert dead.catch_up(daily) is not None
    clock.step(-DAY)
    with caplog.at_level(logging.WARNING):
        for name in ("two", "three"):
            runner = process(spine.store, clock, name)
            clock.advance(61.0)
            for again in (job, daily):
                runs = len(again.runs)
                done = runner.catch_up(again)
                assert len(again.runs) == runs + (name == "two" or again is job), name
                assert done is None or done.outcome is SlotOutcome.SUCCESS
    assert [record.getMessage()[:22] for record in caplog.records] == ["the clock was set back"]
    assert told(spine) == (0, 1)
    assert spine.alerts(clock.now()) == [("ClockStepped", "site")]
    (summary,) = [text for text in spine.all(t.alert, "summary") if "was set" in text]
    assert summary.endswith(": set back by 24 h")
    clock.advance(3601.0)
    assert spine.alerts(clock.now()) == []
    assert told(spine) == (0, 1)


@pytest.mark.parametrize("by", [DAY, -HOUR, 400 * DAY], ids=str)
def test_a_process_notices_the_step_itself_and_goes_on(by: timedelta, spine: Spine, clock: SetClock) -> None:
    runner, job = process(spine.store, clock), Ticking()
    for steps in range(3):
        for _ in range(4):
            clock.advance(60.0)
            done = runner.catch_up(job)
            assert done is not None
            assert done.outcome is SlotOutcome.SUCCESS
        assert sum(told(spine)) == steps
        clock.step(by if steps % 2 == 0 else -by)
    assert job.runs[-1].slot <= clock.now() + abs(by)


def test_two_processes_tell_one_step_once(spine: Spine, clock: SetClock) -> None:
    runners = [process(spine.store, clock, name) for name in ("one", "two")]
    jobs = [Ticking("a"), Ticking("b")]
    for by in (DAY, -DAY):
        clock.step(by)
        clock.advance(61.0)
        for runner, job in zip(runners, jobs, strict=True):
            assert runner.catch_up(job) is not None
    assert told(spine) == (1, 1)


def test_a_run_during_which_the_clock_goes_back_leaves_nothing_from_the_future(spine: Spine, clock: SetClock) -> None:
    clock.step(DAY)
    runner, job = process(spine.store, clock), Ticking()

    def ends_late() -> None:
        clock.step(-DAY)
        clock.advance(600.0)
        assert runner.catch_up(Ticking("other")) is not None
        with spine.store.write() as connection:  # as it would write with the time at its start
            connection.execute(t.notification.insert(), [_notification(T0 + DAY)])

    job.during = ends_late
    assert runner.catch_up(job) is not None
    assert spine.all(t.notification, "at") == [clock.now()]
    clock.advance(60.0)
    assert runner.catch_up(job) is not None
    assert len(job.runs) == 2
    assert told(spine) == (0, 1)


def test_a_step_that_cannot_be_recorded_is_told_when_it_can(
    spine: Spine, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, job = process(spine.store, clock), Ticking()
    clock.step(HOUR)
    with monkeypatch.context() as patch:
        patch.setattr("monitor.scheduling.clock_guard.settle", _unwritable)
        with pytest.raises(OSError, match="full"):
            runner.catch_up(job)
    clock.advance(61.0)
    runner.catch_up(job)
    assert told(spine) == (1, 0)


def _unwritable(*_: object, **__: object) -> None:
    raise OSError("full")


def _notification(at: Any) -> dict[str, Any]:
    return {
        "key": "k", "message": "k", "team": "ml", "line": "", "incident": "i", "sequence": 1, "kind": "opened",
        "at": at, "alerts": [], "title": "", "body": "",
    }  # fmt: skip


AHEAD = T0 + DAY
LEFT: dict[str, tuple[sa.Table, dict[str, Any]]] = {
    "a pause of deliveries": (t.outbox, {
        "channel": "mes", "key": "k", "subject": "s", "payload": {}, "status": "pending", "created_at": AHEAD,
        "next_at": AHEAD + MINUTE, "attempts": 1,
    }),
    "the last note of an incident": (t.notification, _notification(AHEAD)),
    "a pending alert": (t.alert, {
        "name": "n", "subject": "s", "severity": "warning", "summary": "", "since": AHEAD, "state": "pending",
    }),
    "a firing alert": (t.alert, {
        "name": "n", "subject": "s", "severity": "warning", "summary": "", "since": AHEAD, "fired_at": AHEAD,
        "kept_since": AHEAD, "state": "firing",
    }),
    "the end of an alert": (t.alert, {
        "name": "n", "subject": "s", "severity": "warning", "summary": "", "since": T0, "ended_at": AHEAD,
        "state": "resolved",
    }),
    "a cooldown": (t.retraining, {
        "gate": "form", "key": "k", "cause": "manual", "requested_at": AHEAD, "state": "promoted", "reason": "better",
        "decided_at": AHEAD, "started_at": AHEAD, "finished_at": AHEAD, "ready_at": AHEAD,
    }),
}  # fmt: skip


@pytest.mark.parametrize(("table", "row"), LEFT.values(), ids=LEFT)
def test_what_a_clock_that_was_ahead_left_is_brought_back(
    table: sa.Table, row: dict[str, Any], spine: Spine, clock: SetClock
) -> None:
    with spine.store.write() as connection:
        connection.execute(table.insert(), [row])
    process(spine.store, clock)
    times = [name for name, value in row.items() if value in (AHEAD, AHEAD + MINUTE)]
    assert times
    for name in times:
        assert spine.all(table, name) == [T0], name
    assert told(spine) == (0, 1)


def test_what_is_not_from_the_future_stays(spine: Spine, clock: SetClock) -> None:
    rows = [
        (t.outbox, {**LEFT["a pause of deliveries"][1], "created_at": T0, "next_at": T0 + 5 * MINUTE}),
        (t.alert, {**LEFT["a firing alert"][1], "since": AHEAD, "origin": "prometheus", "kept_since": None}),
    ]
    with spine.store.write() as connection:
        for table, row in rows:
            connection.execute(table.insert(), [row])
    process(spine.store, clock)
    assert spine.all(t.outbox, "next_at") == [T0 + 5 * MINUTE]
    assert spine.all(t.alert, "since") == [AHEAD]
    assert told(spine) == (0, 0)


def test_the_plant_file_recorded_last_stays_in_force(spine: Spine, clock: SetClock) -> None:
    for n, digest in enumerate(("first", "second", "third")):
        record_plant_file(spine.store, digest, "", T0 - HOUR + n * DAY)
    process(spine.store, clock)
    with spine.store.read() as connection:
        assert newest_digest(connection) == "third"
        assert newest_digest(connection, before=T0) is not None
    record_plant_file(spine.store, "fourth", "", after(1))
    with spine.store.read() as connection:
        assert newest_digest(connection) == "fourth"


def test_a_cursor_from_the_future_goes_back_and_no_row_is_lost_or_doubled(spine: Spine, clock: SetClock) -> None:
    spine.part("before", T0 - HOUR)
    clock.step(DAY)
    spine.part("ahead", clock.now() - MINUTE)
    runner, pull = process(spine.store, clock), spine.pull("parts")
    assert runner.catch_up(pull) is not None
    clock.step(-DAY)
    for n in range(4):
        clock.advance(900.0)
        spine.part(f"then {n}", clock.now() - MINUTE)
        assert runner.catch_up(pull) is not None
    assert spine.all(t.part_step, "serial") == ["before", "ahead", *(f"then {n}" for n in range(4))]
    (cursor,) = spine.all(t.cursor, "position")
    assert cursor <= clock.now()


@pytest.mark.parametrize("killed", [False, True], ids=["one process", "killed in between"])
@pytest.mark.slow
def test_detectors_go_on_after_readings_from_the_future(killed: bool, spine: Spine, clock: SetClock) -> None:
    runner = process(spine.store, clock)
    pull, detectors = spine.pull("readings"), detect_jobs(spine.store, spine.plant)

    def turns(count: int, heat: float) -> None:
        for _ in range(count):
            clock.advance(900.0)
            for n in range(3):
                for machine in ("m1", "m2"):
                    spine.reading(machine, clock.now() - (3 - n) * MINUTE, heat)
            for job in (pull, *detectors):
                assert runner.catch_up(job) is not None

    turns(2, 5.0)
    clock.step(DAY)
    turns(2, 5.0)
    clock.step(-DAY)
    if killed:
        runner, pull, detectors = process(spine.store, clock, "two"), spine.pull("readings"), []
        detectors += detect_jobs(spine.store, spine.plant)
        clock.advance(31.0)
    before = len(spine.all(t.finding))
    turns(3, 50.0)
    found = [row for row in spine.all(t.finding, "subject", "status")[before:] if row[1] == "breach"]
    assert {subject for subject, _ in found} >= {"m1", "m2"}
    assert spine.tally("gatewatch_readings_unjudged_total", source="readings") == 0
    assert max(spine.all(t.judged, "until")) <= clock.now()
    assert len(spine.all(t.reading)) == 2 * 3 * 7


def test_a_simulated_clock_has_no_future(spine: Spine) -> None:
    clock = SetClock()
    clock.step(DAY)
    runner, job = Runner(spine.store, clock, "one", LEASE), Ticking()
    assert runner.run(job, T0 + DAY).outcome is SlotOutcome.SUCCESS
    clock.step(-DAY)
    assert runner.run(job, T0).outcome is SlotOutcome.DONE_BEFORE
    assert told(spine) == (0, 0)
