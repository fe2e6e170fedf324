"""One batch, one transaction: arrivals, findings, quarantine and counters."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from fork_kit import ended, forked
from hypothesis import given
from hypothesis import strategies as st
from spine_kit import T0, Spine, after

from monitor.errors import FencedError, StoreError
from monitor.model import Finding, Reject, RejectReason, Status
from monitor.store import cursors
from monitor.store.commit import BatchWrite, SavedState, commit, provisional_arrival, resolved_arrival
from monitor.store.database import tables as t
from monitor.store.database.bulk import upsert
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease, acquire
from monitor.store.database.statements import add_counts, set_gauges, take_arrivals, tally_key
from monitor.store.delivery.outbox import recommendation
from monitor.store.rows.decisions import StoredDecision
from monitor.store.rows.readings import JudgedSpan, MachineWindow
from monitor.store.watching.board import trend_findings


@pytest.fixture
def lease(spine: Spine) -> Lease:
    found = acquire(spine.store, "job", "this test", 60)
    assert found is not None
    return found


def _batch(*minutes: int) -> BatchWrite:
    batch = BatchWrite("job", "s", "all", after(60), "machine_states")
    row = {"source": "s", "machine": "m", "revision": 0, "state": "run", "digest": "d"}
    batch.rows += [{**row, "at": after(m)} for m in minutes]
    return batch


def _as_many_as_by_default(connection: sqlite3.Connection, _: object) -> None:
    """SQLite's own limit, which some builds of it raise."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 32_766)


@pytest.mark.slow
def test_more_rows_are_refused_at_once_than_a_statement_takes_parameters(spine: Spine, lease: Lease) -> None:
    """All of a source's rows stand at one instant, in a format that cannot be read: they come as one page."""
    many = 66_000
    if spine.store.is_sqlite:
        many = 33_000
        sa.event.listen(spine.store.engine, "connect", _as_many_as_by_default)
        spine.store.engine.dispose()
    rejects = [Reject(RejectReason.IMPOSSIBLE_TIME, f'{{"n": {n}}}', None, {"n": str(n)}) for n in range(many)]
    for rows in (rejects[:100], rejects):
        batch = BatchWrite("job", "s", "all", after(60), "machine_states")
        batch.rejects = rows
        commit(spine.store, lease, batch)
    assert len(spine.all(t.quarantine, "id")) == many


def test_arrival_numbers_go_on_without_a_gap(spine: Spine, lease: Lease) -> None:
    assert [commit(spine.store, lease, _batch(*m)) for m in ((0, 1), (2,), (), (3, 4, 5))] == [1, 3, 0, 4]
    assert spine.all(t.machine_state, "arrival") == [1, 2, 3, 4, 5, 6]


def test_a_refused_batch_takes_no_arrival_numbers(spine: Spine, lease: Lease) -> None:
    commit(spine.store, lease, _batch(0))
    with pytest.raises(StoreError):
        commit(spine.store, lease, _batch(1, 0))  # the second row is there already
    assert commit(spine.store, lease, _batch(2)) == 2
    assert spine.all(t.machine_state, "arrival") == [1, 2]


@pytest.mark.process
def test_processes_that_commit_at_once_get_numbers_of_their_own(store: Store) -> None:
    def work() -> None:
        own = Store(store.url)
        for _ in range(25):
            with own.write() as connection:
                take_arrivals(connection, 3)
        own.close()

    assert [ended(pid) for pid in [forked(work) for _ in range(3)]] == [0] * 3
    with store.write() as connection:
        assert take_arrivals(connection, 1) == 3 * 25 * 3 + 1


@given(st.integers(0, 10**6), st.integers(1, 10**9))
def test_a_provisional_number_stands_for_its_row(index: int, first: int) -> None:
    assert provisional_arrival(index) < 0
    assert resolved_arrival(provisional_arrival(index), first) == first + index
    assert resolved_arrival(first, first + 5) == first
    assert resolved_arrival(0, first) == 0, "no row yet is not provisional"


def test_findings_are_tied_to_their_rows_and_the_board_shows_the_latest(spine: Spine, lease: Lease) -> None:
    found = Finding("limits", "high", "m", "heat", after(1), Status.BREACH, 9.0, 5.0, 1, ("heat",))
    for batch, value in ((_batch(0, 1, 2), 9.0), (_batch(3, 4), 8.0)):
        batch.findings += [replace(found, value=value), replace(found, row=-1), replace(found, row=0)]
        batch.board.append(replace(found, value=value))
        commit(spine.store, lease, batch)
    assert spine.all(t.finding, "arrival") == [2, 0, 1, 5, 0, 4]
    assert spine.all(t.board, "value", "causes") == [(8.0, ["heat"])]
    labels = {"detector": "limits", "method": "high", "subject": "m", "status": "breach"}
    assert spine.tally("gatewatch_findings_total", **labels) == 6


DECISION = StoredDecision(
    "S", "form", 1, 0, "form", provisional_arrival(1), {"press": 7, "form": provisional_arrival(1)}, "width", "w",
    "3", "digest", "plant", 1.5, 1.0, 2.0, 0.1, 1.0, "continue", "in_spec", "", after(60), after(2), "",
)  # fmt: skip
WINDOW = MachineWindow("m", "heat", after(0), 3, 1, 1.0, 2.0, 3.0, 5.0)
SPAN = JudgedSpan("m", after(2), None, 5)


def _whole() -> BatchWrite:
    batch = _batch(1, 2)
    batch.position = after(2)
    batch.decisions.append(DECISION)
    batch.outbox.append(recommendation("site", DECISION, 0.9))
    batch.windows.append(WINDOW)
    batch.spans.append(SPAN)
    batch.states += [
        SavedState("limits", "m", 2, after(1), {"version": 1}), SavedState("online", "m", 5, after(2), {"version": 2})
    ]  # fmt: skip
    batch.board.append(Finding("scores", "anomaly", "m", "", after(2), Status.OK, 0.5, 1.0, step="form"))
    batch.rejects = (Reject(RejectReason.NO_KEY, "{}", after(1), {"SN": ""}),)
    batch.tallies[tally_key("parts")] = 2.0
    batch.gauges[tally_key("lag")] = 3.0
    return batch


def test_everything_a_batch_made_is_there_after_its_commit(spine: Spine, lease: Lease) -> None:
    commit(spine.store, lease, _batch(0))
    assert commit(spine.store, lease, _whole()) == 2
    assert [(row.arrival, row.at) for row in spine.all(t.machine_state)][1:] == [(2, after(1)), (3, after(2))]
    (decision,) = spine.all(t.decision)
    assert decision == tuple(DECISION._replace(arrival=3, inputs={"press": 7, "form": 3}))
    assert spine.all(t.outbox, "subject", "status") == [("S", "pending")]
    assert spine.all(t.machine_window) == [tuple(WINDOW)]
    states = sorted(spine.all(t.detector_state, "detector", "subject", "arrival", "until", "state"))
    assert states == [("limits", "m", 2, after(1), {"version": 1}), ("online", "m", 5, after(2), {"version": 2})]
    assert spine.all(t.judged) == [tuple(SPAN)]
    assert spine.all(t.board, "detector", "subject", "value", "limit", "status", "at", "step") == [
        ("scores", "m", 0.5, 1.0, "ok", after(2), "form")
    ]
    assert [(row.source, row.row) for row in spine.all(t.quarantine)] == [("s", {"SN": ""})]
    assert spine.all(t.cursor, "position") == [after(2)]
    assert (spine.tally("parts"), spine.tally("lag")) == (2.0, 3.0)


def test_a_process_that_lost_its_lease_keeps_nothing_of_a_batch(spine: Spine, lease: Lease) -> None:
    with spine.store.write() as connection:
        connection.execute(t.lease.update().values(fence=t.lease.c.fence + 1))
    with pytest.raises(FencedError):
        commit(spine.store, lease, _whole())
    for table in (t.machine_state, t.decision, t.outbox, t.machine_window, t.detector_state, t.board, t.cursor):
        assert spine.all(table) == []


def test_the_places_to_die_at_are_before_and_after_the_transaction(
    spine: Spine, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[tuple[str, int]] = []
    monkeypatch.setattr(
        "monitor.store.commit.reach", lambda name: reached.append((name, len(spine.all(t.machine_state))))
    )
    commit(spine.store, lease, _batch(0))
    assert reached == [("before_commit", 0), ("after_commit", 1)]


EMPTY = {
    "nothing": ({}, True),
    "counts and findings alone": ({"tallies": Counter({tally_key("n"): 1.0}), "findings": [object()]}, True),
    "a row": ({"rows": [{}]}, False),
    "a row put aside": ({"rejects": [object()]}, False),
    "a decision": ({"decisions": [DECISION]}, False),
    "a window": ({"windows": [WINDOW]}, False),
    "a state": ({"states": [object()]}, False),
    "a position": ({"position": T0}, False),
}


@pytest.mark.parametrize(("made", "empty"), EMPTY.values(), ids=EMPTY)
def test_which_batch_is_empty(made: dict[str, Any], empty: bool) -> None:
    assert replace(_batch(), **made).is_empty() is empty


def test_trends_are_kept_at_each_evaluation_whole_subjects_and_features_in_breach(spine: Spine, lease: Lease) -> None:
    whole = Finding("drift", "worst_ratio", "form", "", after(0), Status.OK, 0.5, 1.0, causes=("a",), step="form")
    fine, bad = replace(whole, feature="a", method="wasserstein"), replace(whole, feature="b", status=Status.BREACH)
    for minute, value in ((0, 0.5), (60, 0.7), (60, 0.8)):
        batch = _batch()
        batch.trends += trend_findings([replace(f, at=after(minute), value=value) for f in (whole, fine, bad)])
        commit(spine.store, lease, batch)
    kept = sorted(spine.all(t.trend, "feature", "at", "value", "status", "causes", "step"))
    assert kept == [
        (feature, after(minute), value, status, ["a"], "form")
        for feature, status in (("", "ok"), ("b", "breach"))
        for minute, value in ((0, 0.5), (60, 0.8))
    ], "the same evaluation again overwrites"


def test_a_bad_row_is_put_aside_once_however_often_it_is_read(spine: Spine, lease: Lease) -> None:
    reject = Reject(RejectReason.NO_KEY, '{"SN": ""}', after(1), {"SN": "", "note": "a\x00b ☃"})
    other = replace(reject, row={"SN": "", "note": "other"})
    for rejects in ((reject, reject), (reject,), (reject, other)):
        batch = _batch()
        batch.rejects = rejects
        commit(spine.store, lease, batch)
    assert [row.row["note"] for row in spine.all(t.quarantine)] == ["a\x00b ☃", "other"]
    assert spine.tally("gatewatch_source_quarantined_rows_total", source="s", reason="no_key") == 2
    assert spine.tally("gatewatch_source_rows_total", source="s", outcome="quarantined") == 2


def test_a_cursor_never_goes_back(spine: Spine) -> None:
    for minute, expected in ((5, 5), (9, 9), (7, 9), (None, 9)):
        with spine.store.write() as connection:
            position = None if minute is None else after(minute)
            cursors.advance(connection, "job", "s", "all", position, T0)
        assert spine.all(t.cursor, "position") == [after(expected)]


def test_counters_add_and_gauges_are_set(spine: Spine) -> None:
    a, b = tally_key("n", x="1", y="2"), tally_key("n", y="2", x="1")
    assert a == b
    for value in (2.0, 3.0):
        with spine.store.write() as connection:
            add_counts(connection, {a: value, tally_key("zero"): 0.0})
            set_gauges(connection, {tally_key("g"): value})
    assert spine.all(t.tally, "name", "value") == [("g", 3.0), ("n", 5.0)]


def test_an_upsert_adds_and_overwrites(spine: Spine) -> None:
    for runs, error, at in ((1, "first", T0), (2, None, after(1))):
        row: dict[str, Any] = {
            "name": "j", "last_slot": at, "last_started_at": at, "result": "success", "duration_seconds": 1.0,
            "rows": 1, "missed_slots": 0, "runs": runs, "failures": 0, "error": error,
        }  # fmt: skip
        with spine.store.write() as connection:
            upsert(connection, t.job, [row], add=("runs",))
            upsert(connection, t.job, [])
    assert spine.all(t.job, "runs", "error", "last_slot", "last_started_at") == [(3, None, after(1), after(1))]
