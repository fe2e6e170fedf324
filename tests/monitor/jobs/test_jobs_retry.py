"""Rows in quarantine: tried again after a correction, exactly once; replaced by what the source delivers later."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from spine_kit import HOLDER, PLANT, T0, Spine, after

from monitor.cells import keep_row, restore_row
from monitor.jobs.pulling.pull import PullJob
from monitor.jobs.pulling.retrying import RetryCounts
from monitor.plant.file.load import parse
from monitor.scheduling.job import Run
from monitor.sources.transports import open_source
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire
from monitor.store.rows.quarantine import newest_refusals
from monitor.store.rows.refusals import ask_again

ROWS = "gatewatch_source_rows_total"
LEFT = "gatewatch_source_resolved_rows_total"
MISSING = {"values: {a: A, b: B, c: C, d: D}": "values: {a: {column: A, missing: [soft]}, b: B, c: C, d: D}"}
"""A correction of the plant file by which the text 'soft' can be read."""


def corrected(spine: Spine, changes: Mapping[str, str] = MISSING) -> Spine:
    """The same store and MES under a changed plant file."""
    other = object.__new__(Spine)
    other.folder, other.store, other.changes, other.used = spine.folder, spine.store, changes, spine.used
    other.others = spine.others
    text = PLANT
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    other.plant = parse(text, spine.folder, {}).plant
    other.sources = {n: open_source(n, c, other.plant) for n, c in other.plant.sources.items()}
    return other


def retry(spine: Spine, source: str, now: datetime, job: PullJob | None = None) -> RetryCounts:
    """Ask for another try, and make it."""
    with spine.store.write() as connection:
        ask_again(connection, (source,), now)
    job = job or spine.pull(source)
    lease = acquire(spine.store, job.name, HOLDER, 60.0)
    assert lease is not None
    return job.retry(Run(now, now, lease, lambda: None, lambda: False))


def in_quarantine(spine: Spine) -> list[tuple[Any, ...]]:
    q = t.quarantine.c
    with spine.store.read() as connection:
        query = sa.select(q.reason, q.column, q.value).where(q.resolved_at.is_(None)).order_by(q.id)
        return [tuple(row) for row in connection.execute(query)]


def test_a_row_that_can_be_read_after_a_correction_is_taken_in_and_judged_once(spine: Spine) -> None:
    spine.part("A", after(1), a="soft")
    spine.part("B", after(2), a="hard")
    spine.run(spine.pull("parts"), after(30))
    assert in_quarantine(spine) == [("not_a_number", "A", '"soft"'), ("not_a_number", "A", '"hard"')]
    now = corrected(spine)
    done = retry(now, "parts", after(40))
    assert (done.taken_in, dict(done.refused)) == (1, {"not_kept": 0, "not_a_number": 1})
    assert in_quarantine(spine) == [("not_a_number", "A", '"hard"')]
    assert [(r.serial, r.at, r.revision) for r in spine.all(t.part_step)] == [("A", after(1), 0)]
    assert spine.all(t.decision, "serial", "verdict", "reason") == [("A", "hold", "incomplete_input")]
    assert len(spine.all(t.outbox)) == 1
    again = retry(now, "parts", after(41))
    assert again.taken_in == 0
    now.run(now.pull("parts"), after(42))
    assert len(spine.all(t.part_step)) == len(spine.all(t.decision)) == 1
    assert spine.tally(ROWS, source="parts", outcome="accepted") == 1
    assert spine.tally(LEFT, source="parts", resolution="retried") == 1


@pytest.mark.slow
def test_what_was_asked_for_is_done_by_the_next_pull(spine: Spine) -> None:
    spine.part("A", after(1), a="soft")
    spine.run(spine.pull("parts"), after(30))
    with spine.store.write() as connection:
        assert ask_again(connection, ("parts", "readings"), after(40)) == 1
    now = corrected(spine)
    now.run(now.pull("parts"), after(45))
    assert spine.all(t.part_step, "serial") == ["A"]
    assert in_quarantine(spine) == []


CODED = 'url: "sqlite:///mes.db", table: READINGS, machine: {column: EQ, codes: {m7: m1}}'
OPERATION = "step: {column: OP, codes: {'010': form}}"
KINDS: dict[str, tuple[Callable[[Spine], None], str, Mapping[str, str], sa.Table]] = {
    "readings of an unknown machine": (
        lambda spine: spine.reading("m7", after(1), 5.0),
        "readings", {'url: "sqlite:///mes.db", table: READINGS, machine: EQ': CODED}, t.reading,
    ),
    "a state in the plant's own words": (
        lambda spine: spine.rows("STATES", ("m1", "läuft", after(1))),
        "states", {"state: STATE": "state: {column: STATE, codes: {läuft: run}}"}, t.machine_state,
    ),
    "an outcome that is no number": (
        lambda spine: spine.rows("OUTCOMES", ("A", "n/a", after(1))),
        "outcomes", {"value: WIDTH": "value: {column: WIDTH, missing: ['n/a']}"}, t.outcome,
    ),
    "an operation of another name": (
        lambda spine: spine.rows("PARTS", ("A", "010", 1, "L", after(1), after(1), 1.0, 2.0, 3.0, 4.0)),
        "parts", {"step: OP, visit: PASS, lot": f"{OPERATION}, visit: PASS, lot"}, t.part_step,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("write", "source", "changes", "table"), KINDS.values(), ids=KINDS)
def test_every_kind_of_source_takes_in_what_it_refused(
    write: Callable[[Spine], None], source: str, changes: Mapping[str, str], table: sa.Table, spine: Spine
) -> None:
    write(spine)
    spine.run(spine.pull(source), after(30))
    assert len(in_quarantine(spine)) == 1
    assert spine.all(table) == []
    now = corrected(spine, changes)
    assert retry(now, source, after(2000)).taken_in == 1
    assert retry(now, source, after(2001)).taken_in == 0
    assert len(spine.all(table)) == 1
    assert in_quarantine(spine) == []


def test_a_refused_row_that_the_source_corrects_leaves_with_the_acceptance(spine: Spine) -> None:
    spine.part("A", after(1), a="3,2")
    spine.part("B", after(2), a="3,2")
    job = spine.pull("parts")
    spine.run(job, after(3))
    spine.sql("UPDATE PARTS SET A = 3.2 WHERE SN = 'A'")
    spine.run(job, after(4))
    assert spine.all(t.part_step, "serial", "revision") == [("A", 0)]
    assert in_quarantine(spine) == [("not_a_number", "A", '"3,2"')]
    assert spine.tally(LEFT, source="parts", resolution="replaced") == 1
    done = retry(corrected(spine), "parts", after(5))
    assert (done.taken_in, done.refused["not_a_number"]) == (0, 1)
    assert spine.all(t.part_step, "serial", "revision") == [("A", 0)]


def test_of_many_rows_at_one_instant_each_leaves_with_its_own_acceptance(
    spine: Spine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.store.rows.refusals.AT_ONCE", 7)
    spine.rows("PARTS", *((f"P{n:02d}", "form", 1, "L", after(1), after(1), "3,2", 1.0, 1.0, 1.0) for n in range(40)))
    job = spine.pull("parts", batch_rows=10)
    spine.run(job, after(2))
    spine.sql("UPDATE PARTS SET A = 3.2 WHERE SN <> 'P05'")
    spine.run(job, after(3))
    assert len(spine.all(t.part_step)) == 39
    assert len(in_quarantine(spine)) == 1


def test_what_reconciliation_reads_again_leaves_too(spine: Spine) -> None:
    spine.part("A", after(1), a="3,2")
    job = spine.pull("parts")
    spine.run(job, after(2))
    spine.part("LATER", after(600))
    spine.run(job, after(601))
    spine.sql("UPDATE PARTS SET A = 3.2")
    spine.run(job, after(602))
    assert len(in_quarantine(spine)) == 1, "further back than rows are read again"
    page = spine.sources["parts"].read_hour(T0, after(60), after(603))
    lease = acquire(spine.store, job.name, HOLDER, 60.0)
    assert lease is not None
    job.commit_page(page, None, after(603), lease)
    assert in_quarantine(spine) == []


def test_a_row_refused_after_it_was_accepted_is_the_last_word_until_it_is_put_right(spine: Spine) -> None:
    spine.part("A", after(1), a=3.2)
    job = spine.pull("parts")
    spine.run(job, after(2))
    for _ in range(2):
        spine.sql("UPDATE PARTS SET A = '3,3'")
        spine.run(job, after(3))
        assert in_quarantine(spine) == [("not_a_number", "A", '"3,3"')]
        spine.sql("UPDATE PARTS SET A = 3.2")
        spine.run(job, after(4))
        assert in_quarantine(spine) == []
    assert spine.tally(ROWS, source="parts", outcome="quarantined") == 1
    assert spine.all(t.part_step, "revision") == [0]


def test_a_history_of_corrections_is_counted_once_however_often_it_is_read(spine: Spine) -> None:
    """The source keeps every word: the unreadable one is older than the accepted one, which is older than another."""
    spine.part("A", after(1), known=after(1), a="3,2")
    spine.part("A", after(1), known=after(2), a=3.2)
    spine.part("A", after(1), known=after(3), a="3,9")
    job = spine.pull("parts")
    for minute in (4, 5, 6):
        spine.run(job, after(minute))
        assert in_quarantine(spine) == [("not_a_number", "A", '"3,9"')]
    assert spine.tally(ROWS, source="parts", outcome="quarantined") == 2
    assert spine.tally(LEFT, source="parts", resolution="replaced") == 1


def test_words_that_came_one_after_the_other_are_taken_in_in_that_order(spine: Spine) -> None:
    spine.part("A", after(1), a="soft", lot="first")
    job = spine.pull("parts")
    spine.run(job, after(2))
    spine.sql("UPDATE PARTS SET LOT = 'second'")
    spine.run(job, after(3))
    assert len(in_quarantine(spine)) == 2
    assert retry(corrected(spine), "parts", after(4)).taken_in == 2
    assert spine.all(t.part_step, "revision", "lot") == [(0, "first"), (1, "second")]


def test_contradictory_rows_stay_contradictory(spine: Spine) -> None:
    spine.part("A", after(1), a=1.0)
    spine.part("A", after(1), a=2.0)
    spine.run(spine.pull("parts"), after(2))
    done = retry(spine, "parts", after(3))
    assert (done.taken_in, done.refused["contradiction"]) == (0, 2)
    assert spine.all(t.part_step) == []


def test_a_row_that_is_refused_for_another_reason_now_is_one_entry_with_that_reason(spine: Spine) -> None:
    spine.rows("PARTS", ("A", "010", 1, "L", after(1), after(1), "3,2", 2.0, 3.0, 4.0))
    spine.run(spine.pull("parts"), after(2))
    assert in_quarantine(spine) == [("unknown_step", "OP", '"010"')]
    now = corrected(spine, {"step: OP, visit: PASS, lot": f"{OPERATION}, visit: PASS, lot"})
    now.run(now.pull("parts"), after(3))  # read again within late_by: a second entry of the same row
    assert retry(now, "parts", after(4)).refused["not_a_number"] == 2
    assert in_quarantine(spine) == [("not_a_number", "A", '"3,2"')]


def test_partitions_take_in_their_own_rows_and_nobody_anothers(store: Store, tmp_path: Path) -> None:
    parted = "values: {heat: HEAT}, partitions: {x: [m1], y: [m2]}"
    spine = Spine(tmp_path, store, {"values: {heat: HEAT}": parted})
    for n, machine in enumerate(("m1", "m2", "m1")):
        spine.reading(machine, after(n), "cold")
    for partition in "xy":
        spine.run(spine.pull("readings", partition), after(9))
    now = corrected(spine, {"values: {heat: HEAT}": parted.replace("HEAT}", "{column: HEAT, missing: [cold]}}")})
    assert retry(now, "readings", after(10), now.pull("readings", "y")).taken_in == 1
    assert spine.all(t.reading, "machine") == ["m2"]
    assert retry(now, "readings", after(11), now.pull("readings", "x")).taken_in == 2
    assert sorted(spine.all(t.reading, "machine")) == ["m1", "m1", "m2"]
    assert in_quarantine(spine) == []
    spine.close()


def test_a_column_that_was_not_read_leaves_the_row_where_it_is(spine: Spine) -> None:
    spine.part("A", after(1), a="soft")
    spine.run(spine.pull("parts"), after(2))
    now = corrected(spine, {**MISSING, "lot: LOT": "lot: LOT, recipe: ORDER_RECIPE"})
    done = retry(now, "parts", after(3))
    assert (done.taken_in, done.refused["not_kept"]) == (0, 1)
    assert len(in_quarantine(spine)) == 1


def test_an_entry_of_an_older_version_is_taken_in_by_its_texts(spine: Spine) -> None:
    spine.part("A", after(1), a="soft")
    spine.run(spine.pull("parts"), after(2))
    with spine.store.write() as connection:
        connection.execute(t.quarantine.update().values(cells=None, column="", value=""))
    now = corrected(spine)
    assert retry(now, "parts", after(30)).taken_in == 1
    assert spine.all(t.part_step, "serial", "at", "visit", "values") == [
        ("A", after(1), 1, {"b": 10.0, "c": 10.0, "d": 10.0})
    ]


def test_an_entry_of_an_older_version_is_completed_when_it_is_read_again(spine: Spine) -> None:
    spine.part("A", after(1), a="soft")
    job = spine.pull("parts")
    spine.run(job, after(2))
    before = spine.all(t.quarantine)
    with spine.store.write() as connection:
        connection.execute(t.quarantine.update().values(cells=None, column="", value=""))
    spine.run(job, after(3))
    assert spine.all(t.quarantine) == before


def test_equal_refusals_are_one_line(spine: Spine) -> None:
    for n in range(50):
        spine.part(f"P{n}", after(n / 10), a="3,2")
    spine.part("Q", after(6), a="3,3")
    spine.run(spine.pull("parts"), after(7))
    found, many = newest_refusals(spine.store, 10)
    assert many == 2
    assert sorted((r.reason, r.column, r.value, r.rows) for r in found) == [
        ("not_a_number", "A", '"3,2"', 50), ("not_a_number", "A", '"3,3"', 1)
    ]  # fmt: skip


CELLS = {
    "text": st.text(),
    "NULL": st.none(),
    "truth": st.booleans(),
    "whole": st.integers(),
    "float": st.floats(allow_nan=False),
    "decimal": st.decimals(allow_nan=False),
    "bytes": st.binary(max_size=200),
    "date": st.dates(),
    "time": st.times(),
    "naive time": st.datetimes(),
    "aware time": st.datetimes(timezones=st.just(UTC)),
    "span": st.timedeltas(),
    "uuid": st.uuids(),
    "array": st.lists(st.one_of(st.floats(allow_nan=False), st.none(), st.decimals(allow_nan=False))),
    "object": st.dictionaries(st.text(), st.integers()),
}


@given(st.fixed_dictionaries(CELLS))
@pytest.mark.slow
def test_a_kept_row_comes_back_as_it_was_read(cells: dict[str, object]) -> None:
    kept = keep_row(cells)
    assert kept is not None
    back = restore_row(json.loads(json.dumps(kept, allow_nan=False)))
    assert back == cells
    assert [type(v) for v in back.values()] == [type(v) for v in cells.values()]


def test_not_a_number_and_a_long_text_come_back_too() -> None:
    cells = {"nan": float("nan"), "long": "1,2;" * 3000, "exact": Decimal("1.10"), "id": UUID(int=7)}
    kept = keep_row(cells)
    assert kept is not None
    assert str(restore_row(kept)) == str(cells)


DAMAGED = (
    {"A": {"bytes": "no bytes"}},
    {"A": {"decimal": "x"}},
    {"A": {"colour": 1}},
    {"A": {"datetime": 3}},
    {"A": {}},
)


@pytest.mark.parametrize("cells", DAMAGED, ids=str)
def test_a_damaged_entry_stays_and_holds_nobody_up(cells: dict[str, object], spine: Spine) -> None:
    spine.part("A", after(1), a="soft")
    spine.part("B", after(2), a="soft")
    spine.run(spine.pull("parts"), after(3))
    with spine.store.write() as connection:
        first = sa.select(sa.func.min(t.quarantine.c.id)).scalar_subquery()
        connection.execute(t.quarantine.update().where(t.quarantine.c.id == first).values(cells=cells))
    done = retry(corrected(spine), "parts", after(30))
    assert (done.taken_in, done.refused["not_kept"]) == (1, 1)


def test_a_row_too_large_to_be_kept_is_said_so_and_not_lost_from_sight(spine: Spine) -> None:
    spine.part("A", after(1), a="x" * 2_000_000)
    spine.run(spine.pull("parts"), after(2))
    assert [row[:2] for row in in_quarantine(spine)] == [("not_a_number", "A")]
    assert retry(spine, "parts", after(3)).refused == {"not_kept": 1}


def test_a_row_ahead_of_the_clock_is_taken_in_when_its_time_has_come(spine: Spine) -> None:
    spine.part("A", T0 + timedelta(hours=3), known=after(1))
    spine.run(spine.pull("parts"), after(2))
    assert [row[:2] for row in in_quarantine(spine)] == [("ahead_of_clock", "AT")]
    assert retry(spine, "parts", after(30)).taken_in == 0
    assert retry(spine, "parts", T0 + timedelta(hours=4)).taken_in == 1
