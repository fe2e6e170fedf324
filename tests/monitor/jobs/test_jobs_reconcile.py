"""Counting source against store: what the cursor missed is found again, what stays missing is an alert."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from spine_kit import HOLDER, T0, Spine, after

from monitor.clock import SimulatedClock
from monitor.jobs.pull import PullJob
from monitor.jobs.reconcile import ReconcileJob
from monitor.model import Page
from monitor.scheduling.job import Job
from monitor.sources.sql.source import SqlSource
from monitor.store.database import tables as t
from monitor.store.database.leases import Lease, acquire

HOUR = timedelta(hours=1)
SETTLE = timedelta(minutes=35)
ALERT = ("ReconciliationGap", "parts")


def reconcile(
    spine: Spine, *pulls: PullJob, source: Any = None, lease_of: Callable[[PullJob], Lease | None] | None = None
) -> ReconcileJob:
    """The job over the source of the given pulls."""
    name = pulls[0].source_name
    held = lease_of or (lambda job: acquire(spine.store, job.name, HOLDER, 60.0))
    kind = spine.plant.sources[name].kind
    real = source or spine.sources[name]
    return ReconcileJob(spine.store, name, kind, real, pulls, SETTLE, HOUR, held, SimulatedClock(after(10_000)))


def _at(hour: float) -> datetime:
    return T0 + hour * HOUR


def _hidden_row(spine: Spine) -> tuple[PullJob, Job]:
    """A row that came into the MES long after it says it was posted."""
    spine.part("A", after(10))
    spine.part("B", after(50))
    job = spine.pull("parts")
    spine.run(job, _at(1))
    spine.part("HIDDEN", after(20))
    spine.run(job, _at(1.25))
    assert spine.all(t.part_step, "serial") == ["A", "B"]
    return job, reconcile(spine, job)


def test_a_row_hidden_from_the_cursor_is_found_and_decided(spine: Spine) -> None:
    job, count = _hidden_row(spine)
    assert spine.run(count, _at(2)).rows == 1
    assert spine.all(t.part_step, "serial") == ["A", "B", "HIDDEN"]
    assert spine.all(t.decision, "serial") == ["A", "B", "HIDDEN"]
    assert job.cursor() == after(50)
    # The gap was a finding of that hour; nothing is missing now, so there is no alert.
    assert spine.all(t.finding, "detector", "subject", "status", "value") == [
        ("reconciliation", "parts", "breach", 1.0)
    ]
    assert spine.all(t.board, "status", "value") == [("ok", 0.0)]
    assert spine.alerts(_at(2)) == []


def test_without_a_difference_nothing_is_read_or_found(spine: Spine) -> None:
    spine.part("A", after(10))
    job = spine.pull("parts")
    spine.run(job, _at(1))
    source = _Counting(spine.sources["parts"])
    assert spine.run(reconcile(spine, job, source=source), _at(2)).rows == 0
    assert source.read == []
    assert spine.all(t.finding) == []
    assert spine.all(t.board, "status", "value", "at") == [("ok", 0.0, _at(1))]


@dataclass
class _Counting:
    """The real source; hours that were read again are noted, and rows can be withheld."""

    real: SqlSource
    withheld: int = 0

    def __post_init__(self) -> None:
        self.read: list[datetime] = []
        self.counted: list[tuple[datetime, datetime]] = []

    def hourly_counts(self, start: datetime, end: datetime, until: datetime) -> Mapping[datetime, int]:
        self.counted.append((start, end))
        counts = self.real.hourly_counts(start, end, until)
        return {hour: n + (self.withheld if hour == T0 else 0) for hour, n in counts.items()}

    def read_hour(self, start: datetime, end: datetime, until: datetime) -> Page:
        self.read.append(start)
        return self.real.read_hour(start, end, until)

    def strays(self, until: datetime, limit: int) -> Page:
        return self.real.strays(until, limit)


def test_a_gap_that_stays_is_a_finding_and_an_alert_until_it_is_closed(spine: Spine) -> None:
    spine.part("A", after(10))
    job = spine.pull("parts")
    spine.run(job, _at(1))
    source = _Counting(spine.sources["parts"], withheld=2)
    count = reconcile(spine, job, source=source)
    for hour in (2, 3):
        assert spine.run(count, _at(hour)).rows == 2
        assert spine.alerts(_at(hour)) == [ALERT]
    assert spine.all(t.board, "status", "value") == [("breach", 2.0)]
    assert [text for text in spine.all(t.alert, "summary") if text.endswith(": 2026-03-02 06h (2)")]
    assert spine.tally("gatewatch_source_reconciliation_gap_rows", source="parts") == 2
    source.withheld = 0
    spine.run(count, _at(4))
    assert spine.alerts(_at(4)) == []
    assert (_at(2), _at(4)) in spine.all(t.alert, "since", "ended_at")
    assert spine.all(t.board, "status", "value") == [("ok", 0.0)]


NO_GAP = {
    "rows that could not be read": lambda spine: spine.part("B", after(20), a="soft"),
    "duplicates": lambda spine: (spine.part("B", after(20)), spine.part("B", after(20))),
    "another revision within the hour": lambda spine: (
        spine.part("B", after(20)), spine.run(spine.pull("parts"), after(30)),
        spine.part("B", after(25), known=after(40)),
    ),
    "a correction of the time into another hour": lambda spine: (
        spine.part("B", after(50)), spine.run(spine.pull("parts"), after(55)),
        spine.sql("UPDATE PARTS SET AT = AT + 1200, KNOWN = KNOWN + 1200 WHERE SN = 'B'"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("happens", NO_GAP.values(), ids=NO_GAP)
def test_what_the_store_knows_in_its_own_way_is_no_gap(happens: Callable[[Spine], Any], spine: Spine) -> None:
    spine.part("A", after(10))
    happens(spine)
    job = spine.pull("parts")
    spine.run(job, _at(1.5))
    source = _Counting(spine.sources["parts"])
    spine.run(reconcile(spine, job, source=source), _at(3))
    assert source.read == []
    assert spine.alerts(_at(3)) == []
    assert spine.all(t.finding) == []


def test_where_another_process_pulls_the_hour_waits(spine: Spine) -> None:
    job, _ = _hidden_row(spine)
    count = reconcile(spine, job, lease_of=lambda _: None)
    spine.run(count, _at(2))
    assert spine.all(t.part_step, "serial") == ["A", "B"]
    assert spine.alerts(_at(2)) == [ALERT]
    spine.run(reconcile(spine, job), _at(3))
    assert spine.all(t.part_step, "serial") == ["A", "B", "HIDDEN"]
    assert spine.alerts(_at(3)) == []


HOURS = {
    "an hour after the start of a slot": (_at(4), (_at(0), _at(3))),
    "the newest hours may be late": (_at(4.5), (_at(0), _at(3))),
    "settled": (_at(4.6), (_at(1), _at(4))),
    "at midnight the whole day": (_at(18), (_at(17) - 24 * HOUR, _at(17))),
}


@pytest.mark.parametrize(("now", "expected"), HOURS.values(), ids=HOURS)
def test_which_hours_are_counted(now: datetime, expected: tuple[datetime, datetime], spine: Spine) -> None:
    source = _Counting(spine.sources["parts"])
    spine.run(reconcile(spine, spine.pull("parts"), source=source), now)
    assert source.counted == [expected]


def test_rows_without_a_usable_time_are_put_aside(spine: Spine) -> None:
    spine.rows("PARTS", ("NO-TIME", "form", 1, "L", None, None, 1.0, 1.0, 1.0, 1.0))
    job = spine.pull("parts")
    spine.run(job, _at(5))
    for hour in (6, 12):
        spine.run(reconcile(spine, job), _at(hour))
    assert spine.all(t.quarantine, "reason") == ["no_time"]


def test_a_hidden_reading_is_judged_in_its_own_partition(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    config = spine.plant.sources["readings"].model_copy(update={"partitions": {"x": ["m1"], "y": ["m2"]}})
    spine.plant = spine.plant.model_copy(update={"sources": {**spine.plant.sources, "readings": config}})
    pulls = [spine.pull("readings", name) for name in ("x", "y")]
    for machine in ("m1", "m2"):
        spine.reading(machine, after(50), 5.0)
    for job in pulls:
        spine.run(job, _at(1))
    kept: list[tuple[str, list[str]]] = []
    for job in pulls:
        commit_page = job.commit_page
        monkeypatch.setattr(
            job, "commit_page",
            lambda page, *rest, commit_page=commit_page, job=job: (
                kept.append((job.partition, page.frame["machine"].tolist())), commit_page(page, *rest),
            ),
        )  # fmt: skip
    spine.reading("m2", after(20), 5.0)
    assert spine.run(reconcile(spine, *pulls), _at(2)).rows == 1
    assert kept == [("x", ["m1"]), ("y", ["m2", "m2"])]
    assert sorted(spine.all(t.reading, "machine")) == ["m1", "m2", "m2"]
    assert ("m2", after(20)) in spine.all(t.reading, "machine", "at")
