"""What is told of outcomes: how many a new gate has and needs, that they stop, and that they belong to no passage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import passport_rows as made
import pytest
import sqlalchemy as sa
from spine_kit import Cache, Spine, SumModel, after

from alerting.specs.roster import BY_NAME
from exporters.metrics.collector import StoreCollector
from exporters.metrics.shared.metric import Bounds
from exporters.pages.index import index_page
from exporters.pages.parts import top_at
from monitor.gate_models.in_force import ModelsInForce
from monitor.jobs.alerts import AlertsJob
from monitor.jobs.performance import PerformanceJob
from monitor.model import Reason
from monitor.pipeline.judging import InForce
from monitor.runtime.app import bounds_of
from monitor.store.database import tables as t
from monitor.store.metrics import metrics_snapshot

OUT, MISSING, UNMATCHED, DEGRADED = "GateOutOfService", "OutcomesMissing", "OutcomesUnmatched", "ModelDegraded"
DAYS = 24 * 60.0
"""Minutes."""


def new_gate(spine: Spine) -> PerformanceJob:
    """A gate without a model, and the job that counts its outcomes."""
    spine.used = InForce(None, Reason.NO_MODEL)
    models = ModelsInForce(spine.store, Cache(lambda name, digest: SumModel()))
    return PerformanceJob(spine.store, spine.plant, models)


def passed(spine: Spine, count: int, minute: float = 0.0, first: int = 0) -> list[str]:
    """Parts that pass the gate within a minute."""
    serials = [f"P{first + n:04d}" for n in range(count)]
    spine.rows(
        "PARTS",
        *((s, "form", 1, "L", *[after(minute + n / count)] * 2, 1.0, 2.0, 3.0, 4.0) for n, s in enumerate(serials)),
    )
    spine.run(spine.pull("parts"), after(minute + 1))
    return serials


def measured(spine: Spine, serials: list[str], at: datetime, pulled: float) -> None:
    """Their outcomes, all of one time."""
    spine.rows("OUTCOMES", *((serial, 50.0, at) for serial in serials))
    spine.run(spine.pull("outcomes"), after(pulled))


def told(spine: Spine, job: PerformanceJob, minute: float) -> list[str]:
    spine.run(job, after(minute))
    return [name for name, _ in spine.alerts(after(minute), gates=True) if name in (OUT, MISSING, UNMATCHED, DEGRADED)]


def shown(spine: Spine, minute: float) -> str:
    with spine.store.read() as connection:
        seen, bounds = metrics_snapshot(connection, after(minute)), Bounds(spine.plant)
        return index_page(seen, bounds, top_at(seen, bounds))


def values(spine: Spine, minute: float) -> dict[str, float]:
    with spine.store.read() as connection:
        found = StoreCollector(metrics_snapshot(connection, after(minute)), Bounds(spine.plant)).collect()
    return {s.name: s.value for family in found for s in family.samples if s.labels == {"gate": "form"}}


def test_a_new_gate_shows_how_far_it_is_and_is_no_alert(spine: Spine) -> None:
    job = new_gate(spine)
    assert told(spine, job, 0) == []
    assert "none: every part is held; 0 of 40 outcomes" in shown(spine, 0)
    measured(spine, passed(spine, 30), after(10), 20)
    assert told(spine, job, 21) == []
    assert "none: every part is held; 30 of 40 outcomes" in shown(spine, 21)
    found = values(spine, 21)
    assert (found["gatewatch_gate_outcomes"], found["gatewatch_gate_outcomes_needed"]) == (30.0, 40.0)
    assert (found["gatewatch_gate_learning"], found["gatewatch_gate_out_of_service"]) == (1.0, 0.0)


def test_a_gate_with_enough_outcomes_and_no_model_is_out_of_service(spine: Spine) -> None:
    job = new_gate(spine)
    measured(spine, passed(spine, 40), after(10), 20)
    assert told(spine, job, 21) == [OUT]
    assert "none: every part is held<" in shown(spine, 21)
    assert values(spine, 21)["gatewatch_gate_learning"] == 0.0


@pytest.mark.parametrize("first", [0, 10], ids=["none ever came", "they came and stopped"])
@pytest.mark.slow
def test_outcomes_that_stop_are_told_while_parts_pass(first: int, spine: Spine) -> None:
    job = new_gate(spine)
    serials = passed(spine, 20)
    if first:
        measured(spine, serials[:first], after(10), 20)
    passed(spine, 5, 2 * DAYS, first=100)
    assert told(spine, job, 2 * DAYS + 2) == []
    assert told(spine, job, 9 * DAYS) == [], "no parts pass: nothing is missing"
    passed(spine, 5, 9 * DAYS, first=200)
    assert told(spine, job, 9 * DAYS + 2) == [MISSING]
    measured(spine, serials[first:], after(9 * DAYS), 9 * DAYS + 20)
    assert told(spine, job, 9 * DAYS + 30) == []


@pytest.mark.slow
def test_nothing_is_missing_after_a_line_has_stood_still(spine: Spine) -> None:
    job = new_gate(spine)
    measured(spine, passed(spine, 20), after(10), 20)
    passed(spine, 5, 20 * DAYS, first=100)
    assert told(spine, job, 20 * DAYS + 2) == []
    passed(spine, 5, 24 * DAYS, first=200)
    assert told(spine, job, 24 * DAYS + 2) == [MISSING]


CAUSES = {
    "serial numbers of another form": (lambda serial: serial.removeprefix("P"), 10.0),
    "an hour early, by a wrong zone": (lambda serial: serial, -50.0),
    "the day instead of the time": (lambda serial: serial, -6 * 60.0),
}


@pytest.mark.parametrize(("named", "minute"), CAUSES.values(), ids=CAUSES)
def test_outcomes_that_belong_to_no_passage_are_counted_and_told(
    named: Callable[[str], str], minute: float, spine: Spine
) -> None:
    job = new_gate(spine)
    serials = passed(spine, 30)
    measured(spine, [named(serial) for serial in serials], after(minute), 20)
    assert told(spine, job, 21) == [UNMATCHED]
    found = values(spine, 21)
    assert found["gatewatch_gate_outcomes_unmatched"] == found["gatewatch_gate_outcomes_looked_at"] == 30.0


def test_passages_that_come_after_their_outcomes_are_matched_then(spine: Spine) -> None:
    job = new_gate(spine)
    serials = [f"P{n:04d}" for n in range(30)]
    measured(spine, serials, after(10), 20)
    assert told(spine, job, 21) == [UNMATCHED]
    passed(spine, 30)
    assert told(spine, job, 22) == []
    assert values(spine, 22)["gatewatch_gate_outcomes_unmatched"] == 0.0


def test_a_few_outcomes_without_a_passage_are_counted_and_not_told(spine: Spine) -> None:
    job = new_gate(spine)
    serials = passed(spine, 30)
    measured(spine, [*serials, "X1", "X2"], after(10), 20)
    assert told(spine, job, 21) == []
    assert values(spine, 21)["gatewatch_gate_outcomes_unmatched"] == 2.0


def _absent(spine: Spine, minute: float) -> list[str]:
    """The absent alerts on models, without any waiting."""
    plant = spine.plant
    spine.run(AlertsJob(spine.store, plant, lambda: bounds_of(plant, [])), after(minute))
    with spine.store.read() as connection:
        a = t.alert.c
        return list(
            connection.execute(sa.select(a.summary).where(a.name == DEGRADED, a.condition == "absent")).scalars()
        )


def test_nobody_is_told_that_outcomes_do_not_arrive_when_they_did(spine: Spine) -> None:
    """A gate that never had a model has no accuracy; one that has a model and no joined outcomes has none yet."""
    job = new_gate(spine)
    measured(spine, passed(spine, 30), after(10), 20)
    spine.run(job, after(21))
    assert _absent(spine, 21) == []
    since = after(30)
    in_force = {
        "gate": "form",
        "model": "w",
        "version": "1",
        "digest": "sum",
        "since": since,
        "changes": 1,
        "mirrored": 1,
    }
    with spine.store.write() as connection:
        connection.execute(t.model_in_force.insert(), [in_force])
    (said,) = _absent(spine, 31)
    assert "do not arrive" not in said
    assert said == BY_NAME[DEGRADED].absent.format(subject="form")
    assert timedelta(days=3) == BY_NAME[DEGRADED].absent_after


def test_outcomes_are_counted_once_by_what_was_recommended_and_what_was_right(spine: Spine) -> None:
    job = new_gate(spine)
    serials = passed(spine, 3)
    spine.rows("OUTCOMES", *((s, v, after(60)) for s, v in zip(serials, (50.0, 900.0, 50.0), strict=True)))
    spine.rows("OUTCOMES", ("never decided on", 50.0, after(60)))
    spine.run(spine.pull("outcomes"), after(61))
    for minute in (61, 62):
        spine.run(job, after(minute))
    spine.sql(f"UPDATE OUTCOMES SET WIDTH = 51 WHERE SN = '{serials[0]}'")
    with spine.store.write() as connection:
        connection.execute(t.cursor.delete())  # the source is read again: a correction is no second outcome
    spine.run(spine.pull("outcomes"), after(63))
    spine.run(new_gate(spine), after(64))
    name = "gatewatch_gate_verdict_outcomes_total"
    counted = {truth: spine.tally(name, gate="form", verdict="hold", truth=truth) for truth in ("continue", "scrap")}
    assert counted == {"continue": 2.0, "scrap": 1.0}


def test_what_people_did_is_counted_once_also_after_a_restart(spine: Spine) -> None:
    """In order of arrival: at a second slot and by a new process nothing is counted again."""
    decided = made.decision(0, serial="P", step="form", gate="form", verdict="scrap", reason="out_of_spec", arrival=1)
    made.fill(spine.store.engine, {t.decision: [decided]})
    name, labels = "gatewatch_gate_dispositions_total", {"gate": "form", "verdict": "scrap", "answer": "overridden"}
    counted = []
    for number, minute in ((5, 60), (6, 61)):
        row = made.disposition(number, serial="P", step="form", at=made.at(minute), disposition="used")
        made.fill(spine.store.engine, {t.disposition: [row]})
        for job in (new_gate(spine), new_gate(spine)):
            spine.run(job, after(minute))
            counted.append(spine.tally(name, **labels))
    assert counted == [1.0, 1.0, 2.0, 2.0]
