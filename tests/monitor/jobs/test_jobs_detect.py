"""Judging machines by the readings of all their sources, in order of time, however they arrive."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from spine_kit import HOLDER, T0, Spine, after

from monitor.jobs.detect import complete_until, detect_jobs
from monitor.pipeline.feeds import PullFeed
from monitor.pipeline.machines import load_memory
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire
from monitor.store.jobs import PullProgress

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

PLC = """  readings:
    {kind: readings, url: "sqlite:///mes.db", table: READINGS, machine: EQ, at: {column: AT, epoch: s},
     available_at: {column: KNOWN, epoch: s}, late_by: 5m, every: 15m, values: {heat: HEAT}}
"""
TAGS = """  tags:
    {kind: readings, url: "sqlite:///mes.db", table: TAGS, machine: EQ, sensor: TAG, value: VAL,
     at: {column: AT, epoch: s}, available_at: {column: KNOWN, epoch: s}, late_by: 5m, every: 15m}
"""
SENSORS = "{heat: {low: 0, high: 10}, force: {low: 0, high: 10}, flow: {low: 0, high: 10}}"
TWO_SOURCES = {
    "m1: {step: form, sensors: {heat: {low: 0, high: 10}}}": f"m1: {{step: form, sensors: {SENSORS}}}",
    PLC: PLC + TAGS,
}


def _plant(folder: Path, new_store: Path, **changes: str) -> Spine:
    folder.mkdir(exist_ok=True)
    shutil.copyfile(new_store, folder / "store.db")
    spine = Spine(folder, Store(f"sqlite:///{folder}/store.db"), TWO_SOURCES | changes)
    spine.sql("CREATE TABLE TAGS (EQ TEXT, TAG TEXT, AT REAL, KNOWN REAL, VAL REAL)")
    return spine


@pytest.fixture
def two(tmp_path: Path, new_store: Path) -> Any:
    spine = _plant(tmp_path / "two", new_store)
    yield spine
    spine.close()
    spine.store.close()


def _tags(spine: Spine, *rows: tuple[str, datetime, datetime, float]) -> None:
    spine.rows("TAGS", *(("m1", *row) for row in rows))


def _pull_all(spine: Spine, now: datetime) -> None:
    """Both pulls of a slot as the runner would do them, then the detectors."""
    for source in ("readings", "tags"):
        job = spine.pull(source)
        spine.pull_only(job, now)
        spine.record_pull(job, now)
    spine.detect(now)


def _board(spine: Spine, method: str) -> dict[str, str]:
    rows = spine.all(t.board, "subject", "method", "feature", "status")
    return {feature: status for subject, of, feature, status in rows if (subject, of) == ("m1", method)}


def _feed_both(spine: Spine, minutes: int, shift: timedelta = timedelta(0)) -> None:
    """The PLC every 30 s, the condition monitor `shift` later; 37 ms between its tags."""
    late = timedelta(milliseconds=37)
    tags = []
    for i in range(2 * minutes):
        at = after(i / 2) + shift
        tags += [("force", at, at, 4.0 + i % 3), ("flow", at + late, at + late, 3.0 + i % 2)]
    _tags(spine, *tags)
    _readings(spine, range(2 * minutes))


def _readings(spine: Spine, numbers: range) -> None:
    """A reading every 30 s."""
    spine.rows("READINGS", *(("m1", after(i / 2), after(i / 2), 5.0 + i % 3) for i in numbers))


@pytest.mark.parametrize("shift", [timedelta(0), 11 * SECOND], ids=["same instants", "shifted instants"])
def test_two_sources_of_one_machine_are_one_machine(two: Spine, shift: timedelta) -> None:
    _feed_both(two, 30, shift)
    _pull_all(two, after(60))
    assert _board(two, "dead") == dict.fromkeys(("heat", "force", "flow"), "ok")
    assert _board(two, "limit") == dict.fromkeys(("heat", "force", "flow"), "ok")
    assert two.tally("gatewatch_source_rows_total", source="tags", outcome="corrected") == 0


@pytest.mark.parametrize("sensor", ["heat", "force", "flow"])
def test_a_limit_is_judged_whichever_source_gives_the_sensor(two: Spine, sensor: str) -> None:
    _feed_both(two, 10, 11 * SECOND)
    if sensor == "heat":
        two.sql("UPDATE READINGS SET HEAT = 50 WHERE AT > 1772431500")
    else:
        two.sql(f"UPDATE TAGS SET VAL = 50 WHERE TAG = '{sensor}' AND AT > 1772431500")
    _pull_all(two, after(60))
    assert _board(two, "limit")[sensor] == "breach"


def test_a_source_that_falls_silent_is_dead_while_the_other_goes_on(two: Spine) -> None:
    _feed_both(two, 60)
    two.sql("DELETE FROM TAGS WHERE AT > 1772431500")
    _readings(two, range(120, 400))
    _pull_all(two, after(300))
    assert _board(two, "dead") == {"heat": "ok", "force": "breach", "flow": "breach"}


@pytest.mark.slow
def test_a_tag_that_is_a_minute_late_is_no_correction_and_is_judged(two: Spine) -> None:
    for i in range(20):
        at = after(i)
        _tags(two, ("force", at, at, 4.0 + i % 3), ("flow", at, at + MINUTE, 50.0))
        _pull_all(two, at + SECOND)
    _pull_all(two, after(60))
    assert _board(two, "limit")["flow"] == "breach"
    assert two.tally("gatewatch_source_rows_total", source="tags", outcome="corrected") == 0
    assert two.tally("gatewatch_readings_unjudged_total", source="tags") == 0


def test_a_sensor_on_change_is_neither_dead_nor_stuck(tmp_path: Path, new_store: Path) -> None:
    spine = _plant(
        tmp_path / "p", new_store, **{"force: {low: 0, high: 10}": "force: {low: 0, high: 10, on_change: true}"}
    )
    _tags(spine, ("force", after(0), after(0), 4.0))
    _readings(spine, range(400))
    _pull_all(spine, after(300))
    assert _board(spine, "dead")["force"] == "ok"
    assert _board(spine, "stuck")["force"] in ("no_data", "cannot_judge")
    spine.close()
    spine.store.close()


def test_readings_wait_until_they_can_no_longer_be_late(two: Spine) -> None:
    _feed_both(two, 30)
    _pull_all(two, after(20))
    (judged,) = (until for machine, until in two.all(t.judged, "machine", "until") if machine == "m1")
    assert judged <= after(15), "late_by before the pull"
    _pull_all(two, after(30))
    assert max(two.all(t.judged, "until")) == after(25)


def _saved(spine: Spine) -> dict[str, Any]:
    """The states of the detectors after what was judged last, as a start finds them."""
    with spine.store.read() as connection:
        memory = {m: load_memory(connection, spine.plant, m) for m in spine.plant.machines}
    return {m: [s.state for s in one.save(one.last)] for m, one in memory.items() if one.last is not None}


@pytest.mark.parametrize("gap", [4, 1], ids=["some of the rows", "one row"])
@pytest.mark.slow
def test_rows_that_came_too_late_are_not_judged_when_states_are_rebuilt_either(gap: int, spine: Spine) -> None:
    job, pull = detect_jobs(spine.store, spine.plant)[0], spine.pull("readings")

    def pulled(now: datetime) -> None:
        spine.pull_only(pull, now)
        spine.record_pull(pull, now + 5 * MINUTE)  # judged up to now
        spine.pull_only(job, now + 5 * MINUTE)

    entered = 0
    for last in (29, 46, 59, 89):
        for n in range(entered, last + 1):
            known = after(45) if 30 - gap <= n < 30 else after(n)
            rows = ("m1", after(n), known, 5.0 + n % 7), ("m2", after(n), after(n), 5.0 + n % 5)
            spine.rows("READINGS", *rows)
        entered = last + 1
        pulled(after(last) + SECOND)
    assert spine.tally("gatewatch_readings_unjudged_total", source="readings") == gap
    lease = acquire(spine.store, job.name, HOLDER, 60.0)
    assert lease is not None
    job.save(after(100), lease)
    with spine.store.write() as connection:
        assert connection.execute(sa.select(t.detector_state.c.until).distinct()).scalars().all() == [after(89)]
    kept = _saved(spine)
    assert len(kept) == 2
    with spine.store.write() as connection:
        connection.execute(t.detector_state.delete())
    assert _saved(spine) == kept


def test_a_reading_later_than_late_by_is_stored_and_counted(two: Spine) -> None:
    _feed_both(two, 30)
    _pull_all(two, after(60))
    two.reading("m1", after(10.1), 99.0, known=after(60.5))
    _pull_all(two, after(61))
    assert two.tally("gatewatch_readings_unjudged_total", source="readings") == 1
    assert after(10.1) in two.all(t.reading, "at")
    (total,) = (
        total
        for machine, sensor, start, total in two.all(t.machine_window, "machine", "sensor", "start", "total")
        if (machine, sensor, start) == ("m1", "heat", after(10))
    )
    assert total == sum(5.0 + i % 3 for i in range(20, 30)) + 99.0, "it counts in its window"
    _pull_all(two, after(62))
    assert two.tally("gatewatch_readings_unjudged_total", source="readings") == 1


@pytest.mark.slow
def test_a_tag_later_than_late_by_counts_beside_one_that_came_in_time(two: Spine) -> None:
    for i in range(20):
        _tags(two, ("force", after(i), after(i), 4.0))
        two.reading("m1", after(i), 5.0)
    _pull_all(two, after(60))
    _tags(two, ("flow", after(10), after(60.5), 7.0), ("force", after(10), after(60.5), 5.0))
    two.reading("m1", after(10), 6.0, known=after(60.5))
    for minute in (61, 62):
        _pull_all(two, after(minute))
        assert two.tally("gatewatch_readings_unjudged_total", source="tags") == 1
        assert two.tally("gatewatch_readings_unjudged_total", source="readings") == 0, "a correction"
    windows = two.all(t.machine_window, "sensor", "start", "rows", "missing", "total")
    assert [row[2:] for row in windows if row[1] == after(10)] == [(6, 5, 7.0), (5, 0, 20.0), (5, 0, 25.0)]


EVENTS = ("subject", "detector", "method", "feature", "at", "status", "value", "limit", "causes")


def _everything(spine: Spine) -> tuple[list[Any], list[Any], list[Any]]:
    return (
        sorted(spine.all(t.finding, *EVENTS), key=repr),
        sorted(spine.all(t.board), key=repr),
        sorted(spine.all(t.machine_window), key=repr),
    )


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory, new_store: Path) -> tuple[Any, Any, Any]:
    """What is made of the rows where none is late."""
    spine = _plant(tmp_path_factory.mktemp("in order"), new_store)
    _history(spine, [(timedelta(0), timedelta(0))] * 240)
    _pull_all(spine, after(300))
    made = _everything(spine)
    spine.close()
    spine.store.close()
    return made


def _history(spine: Spine, late: Sequence[tuple[timedelta, timedelta]]) -> None:
    """Two hours of three sensors: a jump in each; `late`: by how much the two sources are late with each row."""
    readings, tags = [], []
    for i, (plc, tag) in enumerate(late):
        at = after(i / 2)
        high = 50.0 if 100 <= i < 130 else 0.0
        readings.append(("m1", at, at + plc, 5.0 + i % 3 + high))
        second = at + timedelta(milliseconds=500)
        tags += [("force", second, second + tag, 4.0 + i % 5 + high), ("flow", at, at + tag, 3.0 + i % 4)]
    spine.rows("READINGS", *readings)
    _tags(spine, *tags)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.slow
def test_rows_that_are_late_within_late_by_change_nothing(
    seed: int, in_order: Any, tmp_path: Path, new_store: Path
) -> None:
    """Pulled every few minutes, with new processes in between, as in one go and in order."""
    rng = random.Random(seed)
    spine = _plant(tmp_path / "late", new_store)
    _history(spine, [(rng.choice([0, 0, 90, 240]) * SECOND, rng.choice([0, 30, 290]) * SECOND) for _ in range(240)])
    now = T0
    while now < after(140):
        now += timedelta(seconds=rng.randint(60, 900))
        for source in rng.sample(["readings", "tags"], 2):
            job = spine.pull(source, batch_rows=rng.choice([7, 1000]))
            spine.pull_only(job, now)
            spine.record_pull(job, now)
            if rng.random() < 0.5:
                spine.detect(now)
        spine.detect(now)
    _pull_all(spine, after(300))
    assert spine.tally("gatewatch_readings_unjudged_total", source="readings") == 0
    assert _everything(spine) == in_order
    spine.close()
    spine.store.close()


HOUR = timedelta(hours=1)
NOW = after(600)
FEEDS = (PullFeed("pull:a", MINUTE, 5 * MINUTE), PullFeed("pull:b", HOUR, MINUTE))
COMPLETE = {
    "both were read": (
        {"pull:a": PullProgress(NOW), "pull:b": PullProgress(NOW)}, NOW - 5 * MINUTE,
    ),
    "one is behind": (
        {"pull:a": PullProgress(NOW), "pull:b": PullProgress(NOW - 2 * HOUR)}, NOW - 2 * HOUR - MINUTE,
    ),
    "a long pull has come this far": (
        {"pull:a": PullProgress(NOW), "pull:b": PullProgress(None, NOW - 9 * HOUR)}, NOW - 9 * HOUR - MINUTE,
    ),
    "one was never read": ({"pull:a": PullProgress(NOW)}, None),
    "one fails and is waited for no longer": (
        {"pull:a": PullProgress(NOW), "pull:b": PullProgress(NOW - 9 * HOUR, None, failing=True)},
        NOW - 3 * HOUR - MINUTE,
    ),
    "one has always failed": (
        {"pull:a": PullProgress(NOW), "pull:b": PullProgress(failing=True)}, NOW - 3 * HOUR - MINUTE,
    ),
    "a clock that was ahead": (
        {"pull:a": PullProgress(NOW + 24 * HOUR), "pull:b": PullProgress(NOW)}, NOW - 5 * MINUTE,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("progress", "expected"), COMPLETE.values(), ids=COMPLETE)
def test_up_to_where_readings_are_complete(progress: dict[str, PullProgress], expected: datetime | None) -> None:
    assert complete_until(FEEDS, progress, NOW) == expected


def test_machines_that_share_their_sources_share_a_job(two: Spine) -> None:
    assert {job.name for job in detect_jobs(two.store, two.plant)} == {"detect:readings+tags"}


def test_a_failed_commit_is_judged_again_from_the_last_one(two: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    _feed_both(two, 30)

    def fails(*_: object) -> int:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("monitor.jobs.detect.commit", fails)
        with pytest.raises(ZeroDivisionError):
            _pull_all(two, after(60))
    assert two.all(t.judged) == two.all(t.finding) == []
    _pull_all(two, after(60))
    assert _board(two, "limit") == dict.fromkeys(("heat", "force", "flow"), "ok")
