"""Pulls and pruning with a retention below the look-back, over days: no row is lost, doubled or counted anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from spine_kit import T0, Spine

from monitor.jobs.prune import PruneJob
from monitor.plant.retention import effective
from monitor.plant.running import Retention
from monitor.store.database import tables as t
from monitor.store.database.database import Store

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NEVER = dict.fromkeys(Retention.model_fields)

Make = Callable[..., Spine]


@pytest.fixture
def make(store: Store, tmp_path: Path) -> Iterator[Make]:
    made: list[Spine] = []

    def spine(retention: str, counted: bool = True, late_by: str = "2d") -> Spine:
        changes = {"{snapshot_rows: 10}": f"{{snapshot_rows: 10, retention: {{{retention}}}}}",
                   "late_by: 5m": f"late_by: {late_by}"}  # fmt: skip
        made.append(Spine(tmp_path, store, changes if counted else {**changes, "visit: PASS, lot": "lot"}))
        return made[-1]

    yield spine
    for each in made:
        each.close()


def counts(spine: Spine, source: str) -> dict[str, float]:
    names = ("accepted", "corrected", "too_old")
    return {name: spine.tally("gatewatch_source_rows_total", source=source, outcome=name) for name in names}


@pytest.mark.parametrize("counted", [True, False], ids=["visits counted", "visits by time"])
@pytest.mark.slow
def test_parts_below_late_by_neither_stop_the_source_nor_come_twice(counted: bool, make: Make) -> None:
    spine = make("parts: 1d", counted)
    pull = spine.pull("parts")
    prune = PruneJob(spine.store, effective(spine.plant), DAY)
    for n in range(16):
        now = T0 + n * 6 * HOUR
        spine.part("reworked", now - HOUR, visit=n + 1)
        spine.part(f"part {n}", now - HOUR)
        spine.run(pull, now)
        spine.run(prune, now)
    assert counts(spine, "parts") == {"accepted": 32, "corrected": 0, "too_old": 0}
    assert len(spine.all(t.decision)) == 32


@pytest.mark.slow
def test_readings_below_late_by_are_counted_once(make: Make) -> None:
    spine = make("readings: 1d")
    pull = spine.pull("readings")
    prune = PruneJob(spine.store, effective(spine.plant), DAY)
    for n in range(16):
        now = T0 + n * 6 * HOUR
        spine.reading("m1", now - HOUR, 5.0)
        spine.run(pull, now)
        spine.run(prune, now)
    assert counts(spine, "readings") == {"accepted": 16, "corrected": 0, "too_old": 0}


@pytest.mark.parametrize("counted", [True, False], ids=["visits counted", "visits by time"])
def test_rows_that_were_deleted_too_early_come_again_without_stopping_the_source(counted: bool, make: Make) -> None:
    spine = make("parts: 1d", counted)
    pull = spine.pull("parts")
    for n in range(4):
        spine.part("A", T0 - (40 - 10 * n) * HOUR, visit=n + 1)
    spine.run(pull, T0)
    decided = spine.all(t.decision, "visit", "at")
    # As a version before, or a clock that was ahead, may have deleted them.
    spine.run(PruneJob(spine.store, Retention(**{**NEVER, "parts": DAY}), DAY), T0 + HOUR)
    assert len(spine.all(t.part_step)) == 3
    for n in range(2):
        spine.part(f"new {n}", T0 + n * HOUR)
        spine.run(pull, T0 + (n + 1) * HOUR)
    kept = [(row.serial, row.visit, row.revision) for row in spine.all(t.part_step)]
    assert sorted(kept) == [("A", v, 0) for v in (1, 2, 3, 4)] + [("new 0", 1, 0), ("new 1", 1, 0)]
    assert [row for row in spine.all(t.decision, "visit", "at") if row in decided] == decided
    assert len(spine.all(t.decision)) == len(decided) + 2


def test_a_row_older_than_what_is_kept_is_counted_with_that_reason_and_not_taken_in(make: Make) -> None:
    spine = make("parts: 30d, decisions: 30d, outcomes: 30d", late_by="5m")
    pull = spine.pull("parts")
    spine.part("first", T0 - 100 * DAY)  # all of its history is read when a source is connected
    spine.part("now", T0)
    spine.run(pull, T0)
    spine.part("long ago", T0 - 100 * DAY, known=T0 + HOUR)
    spine.part("then", T0 + HOUR)
    spine.run(pull, T0 + HOUR)
    assert spine.all(t.part_step, "serial") == ["first", "now", "then"]
    spine.part("later", T0 + 2 * HOUR)
    spine.run(pull, T0 + 2 * HOUR)
    assert counts(spine, "parts") == {"accepted": 4, "corrected": 0, "too_old": 2}  # each time that it is read


def test_the_revisions_of_a_passage_are_deleted_together(make: Make) -> None:
    spine = make("parts: 30d")
    row = {
        "source": "parts", "serial": "A", "step": "form", "visit": 1, "machine": "", "recipe": "", "lot": "",
        "values": {}, "available_at": T0,
    }  # fmt: skip
    moved = [(1, 0, T0 - 31 * DAY), (2, 1, T0 - DAY)]
    with spine.store.write() as connection:
        for arrival, revision, at in moved:
            connection.execute(
                t.part_step.insert(),
                [{**row, "arrival": arrival, "revision": revision, "at": at, "digest": str(arrival)}],
            )
    job = PruneJob(spine.store, Retention(**{**NEVER, "parts": 30 * DAY}), DAY)
    assert spine.run(job, T0).rows == 0
    assert spine.run(job, T0 + 30 * DAY).rows == 2


def test_an_incident_that_is_open_keeps_its_alert_and_its_note(make: Make) -> None:
    spine = make("findings: 1d")
    alert = {
        "subject": "s", "severity": "warning", "summary": "", "since": T0 - 9 * DAY, "fired_at": T0 - 9 * DAY,
        "ended_at": T0 - 8 * DAY, "state": "resolved",
    }  # fmt: skip
    note = {
        "message": "k", "team": "ml", "line": "", "incident": "i", "kind": "opened", "alerts": [], "title": "",
        "body": "",
    }  # fmt: skip
    with spine.store.write() as connection:
        for name, told in (("told", "resolved"), ("not told", "fired")):
            connection.execute(t.alert.insert(), [{**alert, "name": name, "told": told}])
        for n in range(3):
            connection.execute(t.notification.insert(), [{**note, "key": str(n), "sequence": n, "at": T0 - 9 * DAY}])
    spine.run(PruneJob(spine.store, Retention(**{**NEVER, "findings": DAY}), DAY), T0)
    assert spine.all(t.alert, "name") == ["not told"]
    assert spine.all(t.notification, "key") == ["2"]
    with spine.store.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(t.notification)) == 1


def test_a_clock_that_is_far_ahead_of_all_sources_deletes_nothing_that_is_young(make: Make) -> None:
    spine = make("findings: 30d")
    row = {
        "arrival": 1, "detector": "d", "method": "m", "subject": "s", "feature": "f", "status": "ok", "causes": [],
    }  # fmt: skip
    cursor = {"job": "pull:s", "source": "s", "partition": "all", "updated_at": T0}
    with spine.store.write() as connection:
        connection.execute(t.finding.insert(), [{**row, "at": T0 - n * 10 * DAY} for n in range(6)])
        connection.execute(t.cursor.insert(), [{**cursor, "position": T0}])
    job = PruneJob(spine.store, Retention(**{**NEVER, "findings": 30 * DAY}), DAY)
    assert spine.run(job, T0 + 400 * DAY).rows == 5, "as of a month after the newest row"
    with spine.store.write() as connection:
        connection.execute(t.cursor.update().values(position=T0 + 400 * DAY))
    assert spine.run(job, T0 + 400 * DAY).rows == 1
