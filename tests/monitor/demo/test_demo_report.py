"""The truth in the demo's report: each fault that began, with the alert that noticed it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from exporters.report.values import Detection, Fault, Recovery
from monitor.demo.report import faults_of, recoveries_of

T0 = datetime(2026, 3, 1, tzinfo=UTC)
END = T0 + timedelta(days=2)


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def injected(kind: str, subject: str, hours: float, **changes: Any) -> dict[str, Any]:
    return {
        "kind": kind, "subject": subject, "step": "forging", "sensor": "", "start": at(hours).isoformat(),
        "end": at(hours + 5).isoformat(), "lasting": False, "beyond_limits_from": None,
    } | changes  # fmt: skip


def told(fault: dict[str, Any], hours: float | None, *meant: str) -> dict[str, Any]:
    start = fault["beyond_limits_from"] or fault["start"]
    return {
        "kind": fault["kind"], "subject": fault["subject"], "start": fault["start"], "from": start,
        "hours_to_alert": hours, "meant": list(meant),
    }  # fmt: skip


WORN = injected("slow_wear", "mill-2", 3, sensor="heat", beyond_limits_from=at(6).isoformat(), lasting=True)
LOT = injected("lot_shift", "forging", 10)
LATER = injected("lot_shift", "forging", 60)


def test_a_fault_stands_with_the_alert_meant_for_it_and_with_what_the_gates_said_of_its_parts() -> None:
    met = {"kind": "lot_shift", "subject": "forging", "start": LOT["start"], "recommended": {"g": {"hold": 4}}}
    summary = {
        "watching": {"faults": [told(WORN, -1.5, "MachineOutOfSpec"), told(LOT, None, "DataDrift")]},
        "process_faults": [met],
    }
    assert faults_of({"faults": [WORN, LOT, LATER]}, summary, END) == (
        Fault("slow_wear", "mill-2", "heat", "forging", at(3), at(8), True, at(6),
              (Detection("MachineOutOfSpec", at(4.5)),)),
        Fault("lot_shift", "forging", "", "forging", at(10), at(15), recommended={"g": {"hold": 4}}),
    )  # fmt: skip


def test_either_of_two_alerts_may_notice_a_fault() -> None:
    summary = {"watching": {"faults": [told(LOT, 2.0, "ModelDegraded", "ModelWithoutSkill")]}, "process_faults": []}
    (fault,) = faults_of({"faults": [LOT]}, summary, END)
    assert fault.detections == (Detection("ModelDegraded or ModelWithoutSkill", at(12)),)


def test_what_a_concept_change_did_stands_by_gate_where_something_was_decided_under_it() -> None:
    facts = {"before": 4.0, "under": 9.0, "healed": None, "before_parts": 10}
    healing = {"forging": facts, "coating": facts | {"under": None}}
    assert recoveries_of({"watching": {"healing": healing}}) == (Recovery("forging", 4.0, 9.0, None),)
    assert recoveries_of({"watching": {"healing": {}}}) == ()
