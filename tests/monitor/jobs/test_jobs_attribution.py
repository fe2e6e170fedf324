"""The attribution job on a real store: causes open with the findings that they explain, change, and end with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from drift_kit import SMALL, job, parts
from spine_kit import Spine, after

from alerting.notifications.likely_causes import cause_of
from detectors.attribution.causes import Cause, CauseKind
from detectors.attribution.evidence import FindingKey
from monitor.detection import CAUSE, CONDITION_ALARM
from monitor.instants import to_nanos
from monitor.jobs.attribution import AttributionJob, gates_of, matched
from monitor.model import Floats, Status
from monitor.store.database import tables as t
from monitor.store.database.bulk import upsert
from monitor.store.database.database import Store
from monitor.store.watching.causes import StoredCause, likely_causes, listed_causes, words_of

FORM = FindingKey("drift", "wasserstein", "form", "b")


@pytest.fixture
def spine(store: Store, tmp_path: Path) -> Iterator[Spine]:
    """The small plant with a small reference."""
    made = Spine(tmp_path, store, SMALL)
    yield made
    made.close()


def shifted(rows: Floats) -> Floats:
    """A gauge that reads too much."""
    rows[:, 1] += 5
    return rows


def attribution(spine: Spine) -> AttributionJob:
    """The job of the spine's plant, as after a restart."""
    return AttributionJob(spine.store, spine.plant)


def finding(spine: Spine, status: Status, at: datetime) -> None:
    """A machine's score on the board."""
    row = {"detector": "anomaly", "method": CONDITION_ALARM, "subject": "m1", "feature": "", "at": at}
    rest = {"status": status.value, "value": 1.0, "limit": 0.5, "causes": ["heat"], "step": "form"}
    with spine.store.write() as connection:
        upsert(connection, t.board, [row | rest])


def on_board(spine: Spine) -> dict[tuple[str, str], str]:
    """The causes of the board with their status."""
    return {(r.method, r.subject): r.status for r in spine.all(t.board) if r.detector == CAUSE}


@pytest.mark.slow
def test_nothing_is_written_while_nothing_is_wrong(spine: Spine) -> None:
    now = parts(spine, 200)
    spine.run(job(spine), now)
    spine.run(attribution(spine), now)
    assert spine.all(t.cause) == []
    assert on_board(spine) == {}


@pytest.mark.slow
def test_a_shift_is_one_cause_with_the_prediction_that_follows_from_it(spine: Spine) -> None:
    drift = job(spine)
    spine.run(drift, parts(spine, 200))
    now = parts(spine, 30, 200, change=shifted)
    spine.run(drift, now)
    spine.run(attribution(spine), now)
    (cause,) = spine.all(t.cause)
    assert (cause.subject, cause.step, cause.ended_at, cause.found_at) == ("form", "form", None, now)
    assert {key[3] for key in cause.findings} == {"b", "prediction"}
    assert cause.since == after(200)
    assert set(cause.parts) == {f"S{n:04d}" for n in range(200, 230)}
    assert cause.gates == ["form"]
    assert on_board(spine) == {(cause.kind, "form"): "breach"}


def test_a_cause_goes_on_over_a_restart_and_ends_with_its_findings(spine: Spine) -> None:
    finding(spine, Status.BREACH, after(0))
    for minute in (5, 10):
        spine.run(attribution(spine), after(minute))
    (cause,) = spine.all(t.cause)
    assert (cause.kind, cause.subject, cause.names, cause.found_at) == ("machine", "m1", ["heat"], after(5))
    finding(spine, Status.OK, after(15))
    spine.run(attribution(spine), after(20))
    (cause,) = spine.all(t.cause)
    assert cause.ended_at == after(20)
    assert on_board(spine) == {("machine", "m1"): "ok"}
    assert [(r.status, r.method) for r in spine.all(t.finding) if r.detector == CAUSE] == [
        ("breach", "machine"), ("ok", "machine"),
    ]  # fmt: skip
    assert listed_causes(spine.store, ended=False) == []
    assert [words_of(row) for row in listed_causes(spine.store, ended=True)] == ["machine m1"]


def test_the_same_cause_again_within_days_is_opened_again(spine: Spine) -> None:
    for minute, status in ((0, Status.BREACH), (10, Status.OK), (20, Status.BREACH)):
        finding(spine, status, after(minute))
        spine.run(attribution(spine), after(minute + 1))
    (cause,) = spine.all(t.cause)
    assert cause.ended_at is None
    assert cause.since <= after(1)


def known(**more: object) -> StoredCause:
    """A cause that is open."""
    row = StoredCause(
        7, "process", "form", "form", [], after(0), after(5), None, [list(FORM)], ["S1"], ["form"], 2.0, 0.6, ""
    )
    return row._replace(**more)  # type: ignore[arg-type]


def cause(kind: CauseKind = CauseKind.PROCESS, subject: str = "form") -> Cause:
    """A cause found now."""
    return Cause(kind, subject, "form", (), to_nanos(after(8)), (FORM,), frozenset({"S2"}))


def test_a_cause_that_turns_out_to_be_another_one_keeps_its_number(spine: Spine) -> None:
    (row,) = matched([cause(CauseKind.LOT)], [known()], spine.plant, after(9))
    assert (row.id, row.kind, row.parts, row.found_at) == (7, "lot", ["S2"], after(5))


def test_another_cause_is_another_number_and_one_without_findings_ends(spine: Spine) -> None:
    new, over = matched(
        [replace(cause(CauseKind.LOT), findings=(FORM._replace(feature="c"),))], [known()], spine.plant, after(9)
    )
    assert (new.id, over.id, over.ended_at) == (0, 7, after(9))


@pytest.mark.parametrize(
    ("kind", "subject", "gates"),
    [
        (CauseKind.TEST_RIG, "width", ["form"]), (CauseKind.MODEL, "form", ["form"]),
        (CauseKind.PROCESS, "form", ["form"]), (CauseKind.TEST_RIG, "weight", []),
    ],
)  # fmt: skip
def test_a_cause_reaches_the_gates_that_judge_what_it_touches(
    kind: CauseKind, subject: str, gates: list[str], spine: Spine
) -> None:
    assert gates_of(cause(kind, subject), spine.plant) == gates
    assert gates_of(replace(cause(), serials=frozenset()), spine.plant) == []


def test_alerts_cite_the_cause_of_their_findings_and_gates(spine: Spine) -> None:
    finding(spine, Status.BREACH, after(0))
    spine.run(attribution(spine), after(5))
    with spine.store.write() as connection:
        connection.execute(t.cause.update().values(gates=["form"]))
    with spine.store.read() as connection:
        causes = likely_causes(connection, after(0))
    late = after(5) + timedelta(days=9)
    cases = {
        ("MachineAnomalous", "m1", after(1), None): "machine m1", ("MachineAnomalous", "m2", after(1), None): "",
        ("HoldRateHigh", "form", after(6), None): "machine m1", ("DataDrift", "form", after(6), None): "",
        ("JobFailing", "m1", after(1), None): "", ("Unknown", "m1", after(1), None): "",
        ("MachineAnomalous", "m1", after(-90), after(-60)): "",
        ("MachineAnomalous", "m1", after(0) - timedelta(days=1), None): "",
        ("HoldRateHigh", "form", late, None): "machine m1",
    }  # fmt: skip
    for (name, subject, since, ended), words in cases.items():
        found = cause_of(name, subject, since, ended, causes)
        assert ("" if found is None else found.words) == words, (name, subject)
    over = [replace(row, ended_at=after(10)) for row in causes]
    assert cause_of("HoldRateHigh", "form", late, None, over) is None
