"""Counting source against store: what the cursor missed is found again, what stays missing is an alert."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from spine_kit import HOLDER, T0, Spine, after

from monitor.clock import SimulatedClock
from monitor.jobs.pulling.pull import PullJob
from monitor.jobs.reconcile import ReconcileJob
from monitor.model import Page, RowKey
from monitor.runtime.app import reconcile_scope
from monitor.scheduling.job import Job
from monitor.sources.sql.source import SqlSource
from monitor.store.commit import BatchWrite
from monitor.store.database import tables as t
from monitor.store.database.leases import Lease, acquire

HOUR = timedelta(hours=1)
SETTLE = timedelta(minutes=35)
ALERT, LATE = ("ReconciliationGap", "parts"), ("RowsLate", "parts")


def reconcile(
    spine: Spine, *pulls: PullJob, source: Any = None, lease_of: Callable[[PullJob], Lease | None] | None = None
) -> ReconcileJob:
    """The job over the source of the given pulls."""
    name = pulls[0].source_name
    held = lease_of or (lambda job: acquire(spine.store, job.name, HOLDER, 60.0))
    scope = replace(reconcile_scope(spine.plant, name), settle=SETTLE)
    real = source or spine.sources[name]
    clock = SimulatedClock(after(10_000))
    return ReconcileJob(spine.store, scope, real, pulls, HOUR, lambda job: nullcontext(held(job)), clock)


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
    assert spine.alerts(_at(2)) == [LATE]


def test_without_a_difference_nothing_is_read_or_found(spine: Spine) -> None:
    spine.part("A", after(10))
    job = spine.pull("parts")
    spine.run(job, _at(1))
    source = _Counting(spine.sources["parts"])
    assert spine.run(reconcile(spine, job, source=source), _at(2)).rows == 0
    assert source.read == []
    assert spine.all(t.finding) == []
    assert spine.all(t.board, "status", "value", "at") == [("ok", 0.0, _at(1))]
    assert spine.tally("gatewatch_source_late_rows_total", source="parts") == 0


def _hours_of(start: datetime, end: datetime) -> list[datetime]:
    return [start + i * timedelta(hours=1) for i in range((end - start) // timedelta(hours=1))]


@dataclass
class _Counting:
    """The real source; hours that were read again are noted, and rows can be withheld."""

    real: SqlSource
    withheld: int = 0

    def __post_init__(self) -> None:
        self.read: list[datetime] = []
        self.compared: list[datetime] = []

    @property
    def key(self) -> tuple[str, ...]:
        return self.real.key

    def hour_keys(self, start: datetime, end: datetime, until: datetime) -> Mapping[RowKey, str]:
        self.compared += _hours_of(start, end)
        keys = dict(self.real.hour_keys(start, end, until))
        if start <= T0 < end:
            keys |= {(f"withheld {i}", "form", 1): "" for i in range(self.withheld)}
        return keys

    def read_hour(self, start: datetime, end: datetime, until: datetime) -> Page:
        self.read += _hours_of(start, end)
        return self.real.read_hour(start, end, until)

    def strays(self, until: datetime, limit: int) -> Page:
        return self.real.strays(until, limit)


@pytest.mark.slow
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
    assert [text for text in spine.all(t.alert, "summary") if "2026-03-02 06h (2)" in text]
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


@pytest.mark.slow
def test_where_another_process_pulls_the_hour_waits(spine: Spine) -> None:
    job, _ = _hidden_row(spine)
    count = reconcile(spine, job, lease_of=lambda _: None)
    spine.run(count, _at(2))
    assert spine.all(t.part_step, "serial") == ["A", "B"]
    assert spine.alerts(_at(2)) == [ALERT]
    spine.run(reconcile(spine, job), _at(3))
    assert spine.all(t.part_step, "serial") == ["A", "B", "HIDDEN"]
    assert spine.alerts(_at(3)) == [LATE]


def _compared(spine: Spine, *runs: datetime) -> list[list[float]]:
    """The hours that are compared at each run, counted from T0."""
    hours = []
    for now in runs:
        source = _Counting(spine.sources["parts"])
        spine.run(reconcile(spine, spine.pull("parts"), source=source), now)
        hours.append(sorted({(hour - T0) / HOUR for hour in source.compared}))
    return hours


def test_every_hour_is_compared_once_it_has_settled(spine: Spine) -> None:
    """However long the pauses: a job every hour, every seven hours, and a night without a process."""
    first, *others = _compared(spine, *map(_at, (4, 4.5, 4.6, 5.6, 12.6, 22.6)))
    assert first == list(range(-24 * 3 + 3, 3)), "at first as far back as rows may be late"
    assert others == [[], [3], [4], list(range(5, 12)), list(range(12, 22))]


@pytest.mark.slow
def test_once_a_day_every_hour_that_may_still_change_is_compared_again(spine: Spine) -> None:
    _compared(spine, _at(4), _at(5))
    (again,) = _compared(spine, _at(5 + 24))
    assert again == list(range(28 - 24 * 3, 28))
    assert _compared(spine, _at(5 + 25), _at(5 + 26)) == [[28], [29]]
    (again,) = _compared(spine, _at(5 + 24 * 2 + 1))
    assert len(again) == 24 * 3


def test_no_hour_is_compared_that_the_store_no_longer_keeps(spine: Spine) -> None:
    source = _Counting(spine.sources["parts"])
    job = reconcile(spine, spine.pull("parts"), source=source)
    job._of = replace(job._of, keep=timedelta(hours=12))
    spine.run(job, _at(20))
    assert [(hour - T0) / HOUR for hour in source.compared] == list(range(9, 19))


@pytest.mark.parametrize(
    ("store_url", "every", "days"),
    [
        ("sqlite", 1, 1),
        ("sqlite", 7, 4),
        ("sqlite", 24, 4),
        pytest.param("postgresql", 7, 4, marks=pytest.mark.postgres),
    ],
    indirect=["store_url"],
)
@pytest.mark.slow
def test_rows_that_are_up_to_two_days_late_are_all_found(every: int, days: int, spine: Spine) -> None:
    """120 rows of some days, each of them entered 1 to 47 hours late, on a job that runs now and then."""
    rng = random.Random(every)
    late = {f"P{i}": (_at(rng.uniform(0, days * 24)), rng.uniform(1, 47)) for i in range(120)}
    spine.part("FIRST", _at(-1))
    entered: set[str] = set()
    for hour in range(0, (days + 3) * 24 + 2, every):  # a whole day after the last, for all hours are compared daily
        come = {s: at for s, (at, by) in late.items() if s not in entered and at + by * HOUR <= _at(hour)}
        entered.update(come)
        spine.parts(come)
        spine.part(f"NOW{hour}", _at(hour))
        job = spine.pull("parts")
        spine.run(job, _at(hour))
        spine.run(reconcile(spine, job), _at(hour))
    found = spine.all(t.part_step, "serial")
    assert sorted(set(found) & late.keys()) == sorted(late)
    assert len(found) == len(set(found))
    assert spine.tally("gatewatch_source_reconciliation_gap_rows", source="parts") == 0
    assert spine.tally("gatewatch_source_late_rows_total", source="parts") > 50


def test_a_row_deleted_while_another_comes_late_hides_neither(spine: Spine) -> None:
    """The number of rows is the same; the late one is pulled, and the deleted one is told with its key."""
    spine.part("KEPT", after(5))
    spine.part("DELETED", after(10))
    job = spine.pull("parts")
    spine.run(job, _at(1))
    spine.sql("DELETE FROM PARTS WHERE SN = 'DELETED'")
    spine.part("LATE", after(3))
    spine.run(reconcile(spine, job), _at(2))
    assert spine.all(t.part_step, "serial") == ["KEPT", "DELETED", "LATE"]
    assert spine.tally("gatewatch_source_vanished_rows", source="parts") == 1
    findings = spine.all(t.finding, "detector", "method", "value", "causes")
    assert ("reconciliation", "vanished", 1.0, ["DELETED form 1"]) in findings


def test_a_serial_corrected_in_place_is_pulled_and_the_old_one_told(spine: Spine) -> None:
    spine.part("A", after(5))
    spine.part("O-1", after(10))
    job = spine.pull("parts")
    spine.run(job, _at(1))
    spine.sql("UPDATE PARTS SET SN = '0-1' WHERE SN = 'O-1'")
    spine.run(reconcile(spine, job), _at(2))
    assert spine.all(t.part_step, "serial") == ["A", "O-1", "0-1"]
    assert [row for row in spine.all(t.finding, "method", "causes") if row[0] == "vanished"] == [
        ("vanished", ["O-1 form 1"])
    ]


def test_a_refused_row_that_is_corrected_is_accepted_and_counted_once(spine: Spine) -> None:
    spine.part("A", after(5))
    spine.part("B", after(20), a="soft")
    job = spine.pull("parts")
    spine.run(job, _at(1))
    spine.sql("UPDATE PARTS SET A = 10.0 WHERE SN = 'B'")
    spine.run(reconcile(spine, job), _at(2))
    spine.run(reconcile(spine, job), _at(27))
    assert spine.all(t.part_step, "serial") == ["A", "B"]
    assert spine.tally("gatewatch_source_reconciliation_gap_rows", source="parts") == 0


@pytest.mark.slow
def test_what_was_changed_in_place_long_ago_is_corrected_and_told_within_a_day(spine: Spine) -> None:
    for serial in ("A", "B"):
        spine.part(serial, after(5))
    spine.part("LATER", _at(1))
    job = spine.pull("parts")
    spine.run(job, _at(1))
    spine.run(reconcile(spine, job), _at(2))
    spine.sql("UPDATE PARTS SET A = 11.0, KNOWN = KNOWN + 1 WHERE SN = 'B'")
    for hour in range(3, 30):
        spine.run(reconcile(spine, job), _at(hour))
    assert spine.all(t.part_step, "serial", "revision") == [("A", 0), ("B", 0), ("LATER", 0), ("B", 1)]
    assert [row for row in spine.all(t.finding, "method", "causes") if row[0] == "changed"] == [
        ("changed", ["B form 1"])
    ]


def test_what_the_source_keeps_no_longer_has_not_vanished(spine: Spine) -> None:
    for hour in range(6):
        spine.part(f"P{hour}", _at(hour))
    job = spine.pull("parts")
    spine.run(job, _at(6))
    spine.run(reconcile(spine, job), _at(7))
    spine.sql(f"DELETE FROM PARTS WHERE AT < {_at(4).timestamp()}")
    spine.run(reconcile(spine, job), _at(32))
    assert spine.tally("gatewatch_source_vanished_rows", source="parts") == 0


KINDS_LATE: dict[str, tuple[str, str, tuple[Any, ...], Any]] = {
    "a state": ("states", "STATES", ("m1", "idle", after(10)), t.machine_state),
    "an outcome": ("outcomes", "OUTCOMES", ("A", 50.0, after(10)), t.outcome),
    "a reading": ("readings", "READINGS", ("m1", after(10), after(10), 5.0), t.reading),
}


@pytest.mark.parametrize(("source", "table", "row", "stored"), KINDS_LATE.values(), ids=KINDS_LATE)
def test_late_rows_of_every_kind_are_found(
    source: str, table: str, row: tuple[Any, ...], stored: Any, spine: Spine
) -> None:
    newest = tuple(after(55) if isinstance(part, datetime) else part for part in row)
    spine.rows(table, newest)
    job = spine.pull(source)
    spine.run(job, _at(1))
    spine.rows(table, row)
    spine.run(reconcile(spine, job), _at(2))
    assert sorted(spine.all(stored, "at")) == [after(10), after(55)]
    assert spine.tally("gatewatch_source_late_rows_total", source=source) == 1


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

        def commit_page(page: Page, *rest: Any, job: PullJob = job, commits: Any = job.commit_page) -> BatchWrite:
            kept.append((job.partition, page.frame["machine"].tolist()))
            written: BatchWrite = commits(page, *rest)
            return written

        monkeypatch.setattr(job, "commit_page", commit_page)
    spine.reading("m2", after(20), 5.0)
    assert spine.run(reconcile(spine, *pulls), _at(2)).rows == 1
    assert kept == [("x", ["m1"]), ("y", ["m2", "m2"])]
    assert sorted(spine.all(t.reading, "machine")) == ["m1", "m2", "m2"]
    assert ("m2", after(20)) in spine.all(t.reading, "machine", "at")
