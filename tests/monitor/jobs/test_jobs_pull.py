"""Pulling a source: the cursor, late rows, pages, and what stops a source and lets it go on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from spine_kit import T0, Spine, after

from monitor.errors import ShutdownError, SourceError, SourceReason
from monitor.store.database import tables as t
from monitor.store.database.database import Store

ROWS = "gatewatch_source_rows_total"


def test_the_cursor_follows_the_time_at_which_rows_could_be_known(spine: Spine) -> None:
    spine.part("A", after(1), known=after(3))
    spine.part("B", after(2), known=after(9))
    job = spine.pull("parts")
    assert spine.run(job, after(5)).rows == 1
    assert job.cursor() == after(3)
    result = spine.run(job, after(15))
    assert job.cursor() == after(9)
    assert result.lag == timedelta(minutes=6)
    assert spine.all(t.part_step, "serial") == ["A", "B"]


def test_a_source_without_rows_has_no_cursor_and_no_lag(spine: Spine) -> None:
    job = spine.pull("parts")
    assert spine.run(job, after(5)).lag is None
    assert job.cursor() is None


LATE = {
    "just inside late_by": (timedelta(minutes=5) - timedelta(seconds=1), ["B", "A"]),
    "older than late_by": (timedelta(minutes=5, seconds=1), ["B"]),
}


@pytest.mark.parametrize(("behind", "expected"), LATE.values(), ids=LATE)
def test_late_rows_are_found_as_far_back_as_late_by(behind: timedelta, expected: list[str], spine: Spine) -> None:
    spine.part("B", after(20))
    job = spine.pull("parts")
    spine.run(job, after(21))
    spine.part("A", after(20) - behind)
    spine.run(job, after(36))
    assert spine.all(t.part_step, "serial") == expected
    assert job.cursor() == after(20)


def test_rows_read_again_are_counted_as_seen_and_change_nothing(spine: Spine) -> None:
    spine.part("A", after(1))
    job = spine.pull("parts")
    for n in range(4):
        spine.run(job, after(2 + n))
    spine.part("B", after(4))  # counts of mere re-reads wait for the next commit
    spine.run(job, after(6))
    assert len(spine.all(t.part_step)) == len(spine.all(t.decision)) == len(spine.all(t.outbox)) == 2
    assert spine.tally(ROWS, source="parts", outcome="accepted") == 2
    assert spine.tally(ROWS, source="parts", outcome="seen") == 4


def test_a_correction_is_kept_and_never_decided_again(spine: Spine) -> None:
    spine.part("A", after(1), a=10.0)
    job = spine.pull("parts")
    spine.run(job, after(2))
    spine.sql("UPDATE PARTS SET A = 500.0")
    spine.run(job, after(3))
    assert [(r.revision, r.values["a"]) for r in spine.all(t.part_step)] == [(0, 10.0), (1, 500.0)]
    assert spine.all(t.decision, "revision", "verdict", "predicted") == [(0, "continue", 40.0)]
    assert spine.tally(ROWS, source="parts", outcome="corrected") == 1


def test_a_new_visit_is_decided(spine: Spine) -> None:
    spine.part("A", after(1), a=80.0)
    spine.part("A", after(9), a=20.0, visit=2)
    spine.run(spine.pull("parts"), after(10))
    assert spine.all(t.decision, "visit", "verdict") == [(1, "correct"), (2, "continue")]


def _made(spine: Spine) -> tuple[list[Any], ...]:
    return (
        spine.all(t.part_step, "arrival", "serial", "visit", "revision", "values"),
        spine.all(t.decision, "serial", "visit", "arrival", "inputs", "predicted", "verdict"),
        spine.all(t.outbox, "key"),
        spine.all(t.quarantine, "reason", "key"),
        spine.all(t.tally),
        spine.all(t.cursor, "job", "position"),
    )


@pytest.mark.parametrize("batch_rows", [1, 2, 5])
@pytest.mark.slow
def test_many_pages_make_what_one_page_makes(batch_rows: int, tmp_path: Path) -> None:
    from monitor.store.database.schema import open_store

    made = []
    for n, size in enumerate((1000, batch_rows)):
        folder = tmp_path / str(n)
        folder.mkdir()
        store = open_store(f"sqlite:///{folder}/store.db")
        spine = Spine(folder, store)
        for i in range(11):
            # Two rows share an instant, a serial comes twice, one is corrected, one cannot be read.
            spine.part(f"P{i % 7}", after(i // 2), a=float(i), visit=1 + i // 7)
        spine.part("P1", after(8), a=7.5)
        spine.part("P5", after(8), a="wrong", visit=3)
        spine.run(spine.pull("parts", batch_rows=size), after(15))
        made.append(_made(spine))
        spine.close()
        store.close()
    assert len(made[0][1]) == 11
    assert made[1] == made[0]


def test_an_end_that_is_asked_for_is_kept_to_after_the_page_at_hand(spine: Spine) -> None:
    for i in range(6):
        spine.part(f"P{i}", after(i))
    job = spine.pull("parts", batch_rows=2)
    with pytest.raises(ShutdownError, match="the next start reads the others"):
        spine.run(job, after(15), stopping=lambda: True)
    assert spine.all(t.part_step, "serial") == ["P0", "P1"]
    spine.run(job, after(30))
    assert spine.all(t.part_step, "serial") == [f"P{i}" for i in range(6)]


BROKEN = {
    "a column was dropped": (
        ["ALTER TABLE PARTS DROP COLUMN LOT"],
        ["ALTER TABLE PARTS ADD COLUMN LOT TEXT", "UPDATE PARTS SET LOT = 'L'"],
        SourceReason.MISSING_COLUMN,
        "LOT",
    ),
    "a column was renamed": (
        ["ALTER TABLE PARTS RENAME COLUMN SN TO SERIAL"],
        ["ALTER TABLE PARTS RENAME COLUMN SERIAL TO SN"],
        SourceReason.MISSING_COLUMN,
        "SERIAL",
    ),
    "the table was renamed": (
        ["ALTER TABLE PARTS RENAME TO PIECES"],
        ["ALTER TABLE PIECES RENAME TO PARTS"],
        SourceReason.MISSING_TABLE,
        "PARTS",
    ),
}


@pytest.mark.parametrize(("breaks", "mends", "reason", "named"), BROKEN.values(), ids=BROKEN)
def test_a_changed_table_stops_the_source_and_mended_it_goes_on(
    breaks: list[str], mends: list[str], reason: SourceReason, named: str, spine: Spine
) -> None:
    spine.part("A", after(1))
    job = spine.pull("parts")
    spine.run(job, after(2))
    spine.part("B", after(3))
    spine.sql(*breaks)
    for _ in range(2):
        with pytest.raises(SourceError, match=named) as caught:
            spine.run(job, after(4))
        assert caught.value.reason is reason
        assert job.cursor() == after(1)
    spine.sql(*mends)
    spine.run(job, after(5))
    assert spine.all(t.part_step, "serial") == ["A", "B"]
    assert job.cursor() == after(3)
    assert {row.revision for row in spine.all(t.part_step)} == {0}


def test_what_cannot_be_read_is_put_aside_once_and_blocks_nothing(spine: Spine) -> None:
    spine.part("A", after(1), a="soft")
    spine.part("B", after(2))
    job = spine.pull("parts")
    for minute in (3, 4):
        spine.run(job, after(minute))
    assert spine.all(t.part_step, "serial") == ["B"]
    assert spine.all(t.quarantine, "reason") == ["not_a_number"]
    assert spine.tally("gatewatch_source_quarantined_rows_total", source="parts", reason="not_a_number") == 1


ODD_TEXT = {
    "a NUL character": "A\x00B",
    "a line break": "A\nB",
    "quotes and a percent sign": "A'\"%s B",
    "letters of other scripts": "Ä零☃",
    "four thousand characters": "A" * 4000,
}


@pytest.mark.parametrize("text", ODD_TEXT.values(), ids=ODD_TEXT)
def test_odd_text_blocks_no_batch_on_either_database(text: str, spine: Spine) -> None:
    spine.part("GOOD", after(1))
    spine.part(text, after(2), lot=text)
    spine.part("LAST", after(3))
    spine.run(spine.pull("parts"), after(4))
    serials = spine.all(t.part_step, "serial")
    assert (serials[0], serials[-1]) == ("GOOD", "LAST")
    assert len(serials) + len(spine.all(t.quarantine)) == 3


def test_partitions_have_cursors_of_their_own(store: Store, tmp_path: Path) -> None:
    spine = Spine(tmp_path, store, {"values: {heat: HEAT}": "values: {heat: HEAT}, partitions: {x: [m1], y: [m2]}"})
    spine.reading("m1", after(1), 5.0)
    spine.reading("m2", after(8), 5.0)
    one, two = spine.pull("readings", "x"), spine.pull("readings", "y")
    spine.run(one, after(9))
    assert (one.name, one.cursor(), two.cursor()) == ("pull:readings:x", after(1), None)
    spine.run(two, after(9))
    assert two.cursor() == after(8)
    assert spine.all(t.reading, "machine") == ["m1", "m2"]
    spine.close()


def test_events_are_kept_with_their_revisions(spine: Spine) -> None:
    spine.rows("OUTCOMES", ("A", 50.0, after(1)))
    spine.rows("STATES", ("m1", "run", T0), ("m1", "idle", after(1)))
    outcomes, states = spine.pull("outcomes"), spine.pull("states")
    spine.run(outcomes, after(2))
    spine.run(states, after(2))
    spine.sql("DELETE FROM OUTCOMES")
    spine.rows("OUTCOMES", ("A", 51.0, after(1)), ("A", None, after(2)))
    spine.run(outcomes, after(3))
    assert spine.all(t.outcome, "revision", "value") == [(0, 50.0), (1, 51.0), (0, None)]
    assert spine.all(t.machine_state, "machine", "state", "at") == [("m1", "run", T0), ("m1", "idle", after(1))]


def test_a_failed_commit_leaves_the_job_as_it_was(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is none of ours, too, must not leave detectors that have seen rows which nobody kept."""
    for i in range(30):
        spine.reading("m1", after(i / 2), 5.0 + i % 3)
    spine.rows("STATES", ("m1", "run", T0))
    spine.run(spine.pull("states"), after(1))
    job = spine.pull("readings", batch_rows=10)
    forgotten = []
    monkeypatch.setattr(job._pipeline, "forget", lambda: forgotten.append(True))

    def fails(*_: object) -> int:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("monitor.jobs.pulling.pull.commit", fails)
        with pytest.raises(ZeroDivisionError):
            spine.run(job, after(15))
    assert forgotten
    assert spine.all(t.reading) == []
