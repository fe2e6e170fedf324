"""Which alert belongs to which fault, and what a healed model is, on rows made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.watching import ALERTS_FOR, compare_with_truth
from monitor.demo.watching_text import watching_lines
from monitor.plant.file.load import parse
from monitor.plant.plant import Plant
from monitor.simulator.faults import FaultKind
from monitor.store.database import tables as t
from monitor.store.database.database import Store

START = datetime(2026, 3, 2, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@pytest.fixture(scope="module")
def plant() -> Plant:
    return parse(files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8"), Path()).plant


def fault(kind: str, subject: str, step: str, begins: float, ends: float, *serials: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": kind, "subject": subject, "step": step, "sensor": "", "start": at(begins).isoformat(),
        "end": at(ends).isoformat(), "magnitude": 1.0, "serials": list(serials), "lots": [], "lasting": False,
        "beyond_limits_from": None,
    } | more  # fmt: skip


def truth(*faults: dict[str, Any], **parts: float) -> dict[str, Any]:
    return {"start": START.isoformat(), "faults": list(faults), "parts": parts}


def alert(name: str, subject: str, since: float, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "subject": subject, "severity": "warning", "summary": "said", "since": at(since),
        "fired_at": at(since + 0.25), "ended_at": None, "state": "firing",
    } | more  # fmt: skip


def passage(number: int, serial: str, step: str, hours: float) -> dict[str, Any]:
    return {
        "arrival": number, "source": "mes", "serial": serial, "step": step, "visit": 1, "revision": 0, "at": at(hours),
        "available_at": at(hours), "machine": "forge-1", "recipe": "", "lot": "", "values": {}, "digest": str(number),
    }  # fmt: skip


def decision(serial: str, hours: float, version: str, predicted: float | None) -> dict[str, Any]:
    return {
        "serial": serial, "step": "forging", "visit": 1, "revision": 0, "gate": "forging", "arrival": 1, "inputs": {},
        "characteristic": "resonance", "model": "m", "version": version, "model_digest": "", "plant_digest": "",
        "predicted": predicted, "lower": None, "upper": None, "distance": None, "distance_limit": None,
        "verdict": "hold", "reason": "uncertain", "on_hold": "", "decided_at": at(hours), "at": at(hours),
    }  # fmt: skip


def told(
    store: Store, plant: Plant, said: dict[str, Any], hours: float, **rows: list[dict[str, Any]]
) -> dict[str, Any]:
    with store.write() as connection:
        for table, values in rows.items():
            connection.execute(t.metadata.tables[table].insert(), values)
    with store.read() as connection:
        return compare_with_truth(connection, plant, said, at(hours))


@pytest.mark.parametrize(
    ("name", "subject", "injected", "outside"),
    [
        ("UnknownMachineOrStep", "mes/MC-99", 3, 0),
        ("UnknownMachineOrStep", "mes/MC-99", 0, 1),
        ("UnknownMachineOrStep", "mes/MC-98", 3, 1),
        ("RejectsHigh", "mes/MC-99", 3, 1),
    ],
)
def test_an_alert_on_rows_that_were_made_dirty_is_not_false(
    name: str, subject: str, injected: int, outside: int, store: Store, plant: Plant
) -> None:
    said = truth() | {"dirt": {"unknown_machine_parts": injected}}
    assert told(store, plant, said, 48, alert=[alert(name, subject, 20.0)])["alerts_outside"] == outside


def test_every_kind_of_fault_has_an_alert_meant_for_it() -> None:
    assert set(ALERTS_FOR) == {kind.value for kind in FaultKind}


MINE = {
    "at its place while it lasts": (alert("SensorStuck", "forge-2", 20.0), True),
    "just after its end": (alert("SensorStuck", "forge-2", 24.5), True),
    "long after its end": (alert("SensorStuck", "forge-2", 26.0), False),
    "before it began": (alert("SensorStuck", "forge-2", 17.0), False),
    "at another machine": (alert("SensorStuck", "forge-1", 20.0), False),
    "at the step the machine works at": (alert("DataDrift", "forging", 20.0), True),
}


@pytest.mark.parametrize(("row", "mine"), MINE.values(), ids=MINE)
def test_an_alert_belongs_to_a_fault(row: dict[str, Any], mine: bool, store: Store, plant: Plant) -> None:
    found = told(store, plant, truth(fault("stuck_sensor", "forge-2", "forging", 18, 23)), 48, alert=[row])
    assert found["faults"][0]["episodes"] == int(mine)
    assert found["alerts_outside"] == int(not mine)
    assert found["alerts_outside_a_day"] == (0.0 if mine else 0.5)


def test_the_meant_alert_is_timed_from_where_the_fault_matters(store: Store, plant: Plant) -> None:
    worn = fault("slow_wear", "mill-2", "machining", 10, 30, beyond_limits_from=at(20).isoformat())
    rows = [alert("MachineAnomalous", "mill-2", 12.0), alert("MachineOutOfSpec", "mill-2", 20.5)]
    found = told(store, plant, truth(worn), 48, alert=rows)["faults"][0]
    assert found["hours_to_alert"] == -7.75
    assert found["alerts"] == ["MachineAnomalous mill-2", "MachineOutOfSpec mill-2"]


def test_the_parts_of_a_fault_carry_it_down_the_line(store: Store, plant: Plant) -> None:
    rows = [passage(1, "B1", "forging", 19), passage(2, "B1", "coating", 44)]
    alerts = [alert("HoldRateHigh", "coating", 44.5), alert("HoldRateHigh", "coating", 20.0)]
    said = truth(fault("step_offset", "forging", "forging", 18, 23, "B1"))
    found = told(store, plant, said, 48, part_step=rows, alert=alerts)
    assert (found["faults"][0]["episodes"], found["alerts_outside"]) == (1, 1)
    assert found["faults"][0]["hours_to_alert"] is None


def outcome(number: int, serial: str, characteristic: str, hours: float, value: float) -> dict[str, Any]:
    return {
        "arrival": number, "source": "s", "serial": serial, "characteristic": characteristic, "at": at(hours),
        "available_at": at(hours), "revision": 0, "value": value, "digest": str(number),
    }  # fmt: skip


def test_outcomes_carry_a_fault_to_the_gates_that_predict_them(store: Store, plant: Plant) -> None:
    known = [outcome(1, "B1", "resonance", 40, 1250.0), outcome(2, "B1", "finish", 20, 0.0)]
    alerts = [
        alert("ModelDegraded", "forging", 41), alert("ModelDegraded", "inspection", 21),
        alert("ModelDegraded", "inspection", 41), alert("HoldRateHigh", "forging", 41),
    ]  # fmt: skip
    parts = truth(fault("step_offset", "forging", "forging", 10, 12, "B1"))
    found = told(store, plant, parts, 48, outcome=known, alert=alerts)
    assert (found["faults"][0]["episodes"], found["alerts_outside"]) == (3, 1)


def test_a_rig_that_reads_wrong_is_nothing_to_a_gate_that_predicts_something_else(store: Store, plant: Plant) -> None:
    change = fault("concept_change", "testing", "testing", 10, 48, "B1", lasting=True)
    known = [outcome(1, "B1", "resonance", 40, 1250.0), outcome(2, "B1", "finish", 41, 0.0)]
    alerts = [alert("ModelDegraded", "inspection", 41), alert("ModelDegraded", "machining", 41)]
    found = told(store, plant, truth(change), 48, outcome=known, alert=alerts)
    assert (found["faults"][0]["episodes"], found["alerts_outside"]) == (1, 1)
    assert set(found["healing"]) == {"forging", "machining", "coating"}


def test_what_was_measured_before_the_rig_read_wrong_is_no_effect_of_it(store: Store, plant: Plant) -> None:
    change = fault("concept_change", "testing", "testing", 30, 48, "B1", lasting=True)
    known = [outcome(1, "B1", "resonance", 20, 1250.0), outcome(2, "B1", "resonance", 40, 1259.0)]
    alerts = [alert("ModelDegraded", "coating", 25), alert("ModelDegraded", "coating", 41)]
    found = told(store, plant, truth(change), 48, outcome=known, alert=alerts)
    assert (found["faults"][0]["hours_to_alert"], found["alerts_outside"]) == (11.25, 1)


def test_a_pending_alert_and_the_watchdog_count_for_nothing(store: Store, plant: Plant) -> None:
    rows = [alert("DataDrift", "forging", 5.0, fired_at=None), alert("Watchdog", "gatewatch", 0.0)]
    assert told(store, plant, truth(), 24, alert=rows)["alerts"] == 0


def test_a_fault_still_to_come_is_not_told(store: Store, plant: Plant) -> None:
    assert told(store, plant, truth(fault("stuck_sensor", "forge-2", "forging", 30, 35)), 24)["faults"] == []


def test_a_model_is_healed_where_a_later_version_errs_as_little_as_before(store: Store, plant: Plant) -> None:
    change = fault("concept_change", "testing", "testing", 10, 48, "B2", "B3", "B4", lasting=True)
    rows = [
        decision("B1", 5, "1", 101.0), decision("B2", 9, "1", 100.0), decision("B3", 20, "2", 108.0),
        decision("B4", 21, "2", None),
    ]  # fmt: skip
    parts = {"B1": 100.0, "B2": 109.0, "B3": 109.0, "B4": 109.0}
    found = told(store, plant, truth(change, **parts), 48, decision=rows)["healing"]
    assert found["forging"] == {
        "before": 1.0, "under": 9.0, "healed": 1.0, "before_parts": 1, "under_parts": 1, "healed_parts": 1,
        "healed_to_before": 1.0,
    }  # fmt: skip
    assert found["coating"]["before"] is None


def cause(kind: str, subject: str, *names: str, findings: Sequence[Sequence[str]]) -> dict[str, Any]:
    return {
        "kind": kind, "subject": subject, "step": "forging", "names": list(names), "since": at(4), "found_at": at(5),
        "ended_at": None, "findings": findings, "parts": [], "gates": [], "shift": 0.0, "certainty": 1.0, "instead": "",
    }  # fmt: skip


DRIFTED = [["drift", "wasserstein", "forging", "hardness"]]
STUCK = [["limits", "stuck", "forge-2", "pressure"]]
CITED = {
    "its lots": (
        fault("lot_shift", "forging", "forging", 3, 6, lots=["A", "B"]), alert("DataDrift", "forging", 4.0),
        cause("lot", "forging", "A", "B", findings=DRIFTED), "lot", True,
    ),
    "one of three lots": (
        fault("lot_shift", "forging", "forging", 3, 6, lots=["A", "B", "C"]), alert("DataDrift", "forging", 4.0),
        cause("lot", "forging", "A", findings=DRIFTED), "lot", False,
    ),
    "its sensor": (
        fault("stuck_sensor", "forge-2", "forging", 3, 6, sensor="pressure"), alert("SensorStuck", "forge-2", 4.0),
        cause("sensor", "forge-2", "pressure", findings=STUCK), "sensor", True,
    ),
    "another kind": (
        fault("step_offset", "forging", "forging", 3, 6), alert("DataDrift", "forging", 4.0),
        cause("lot", "forging", "A", findings=DRIFTED), "lot", False,
    ),
    "none": (
        fault("step_offset", "forging", "forging", 3, 6), alert("DataDrift", "forging", 4.0),
        cause("sensor", "forge-2", "pressure", findings=STUCK), "", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "row", "known", "kind", "right"), CITED.values(), ids=CITED)
def test_the_cause_that_a_faults_own_alerts_cite_is_compared_with_it(
    said: dict[str, Any], row: dict[str, Any], known: dict[str, Any], kind: str, right: bool, store: Store, plant: Plant
) -> None:
    found = told(store, plant, truth(said), 24, alert=[row], cause=[known])
    assert (found["faults"][0]["cause"]["cited"], found["faults"][0]["cause"]["right"]) == (kind, right)
    text = "\n".join(watching_lines(found))
    assert ("cause named: " in text, ", WRONG" in text) == (bool(kind), bool(kind) and not right)


def test_the_text_tells_misses_and_false_alerts(store: Store, plant: Plant) -> None:
    said = truth(fault("camera_change", "coating", "coating", 3, 6))
    found = told(store, plant, said, 24, alert=[alert("MachineAnomalous", "rig-1", 4.0)])
    text = "\n".join(watching_lines(found))
    assert "camera change at coating     -> NO ImageDrift; 0 alerts in 0 notifications; no cause is named" in text
    assert "1 of 1 alerts belong to no fault and no dirty row, 1.00 a day" in text
    assert "2026-03-02 04:00 MachineAnomalous rig-1: said" in text
    assert "no retraining was requested" in text
