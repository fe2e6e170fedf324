"""The report of a demo: what the store knows, compared with the truth of the simulated plant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from exporters.report.page import report_page
from exporters.report.values import BuiltStep, Detection, Fault, Recovery, TrueCosts
from monitor.demo.costs_text import RULES, cost_facts, cost_notes
from monitor.demo.truth import time_of
from monitor.model import JsonObject
from monitor.plant.plant import Plant
from monitor.reports.plant import write
from monitor.store.database.database import Store
from monitor.store.report.reading import read_report


def write_demo_report(
    file: Path, store: Store, plant: Plant, truth: JsonObject, summary: JsonObject, end: datetime
) -> None:
    """Write the report of the whole demo."""
    report = read_report(store, plant, time_of(truth["start"]), end)
    known = replace(
        report, faults=faults_of(truth, summary, end), recoveries=recoveries_of(summary),
        true_costs=true_costs_of(summary["costs"], summary["savings"]), built_steps=built_steps_of(summary["steps"]),
    )  # fmt: skip
    write(file, report_page(known))


def true_costs_of(facts: JsonObject | None, savings: Sequence[JsonObject]) -> TrueCosts | None:
    """The costs of the gate that decides by cost, if there is one, and what it saved."""
    if facts is None:
        return None
    costs = tuple((name, facts["cost"][key]) for name, key in RULES)
    said, notes = tuple(cost_facts(facts, savings)), tuple(cost_notes(savings))
    return TrueCosts(facts["gate"], facts["parts"], costs, said, notes)


def built_steps_of(facts: JsonObject) -> tuple[BuiltStep, ...]:
    """The ranked steps; none where they could not be ranked."""
    return tuple(
        BuiltStep(step, found, facts["built"].get(step, 0.0), facts["matter"][step])
        for step, found in facts.get("explained", {}).items()
    )


def recoveries_of(summary: JsonObject) -> tuple[Recovery, ...]:
    """The errors of each gate around a concept change, if it decided parts during one."""
    return tuple(
        Recovery(gate, facts["before"], facts["under"], facts["healed"])
        for gate, facts in summary["watching"]["healing"].items()
        if facts["under"] is not None
    )


def faults_of(truth: JsonObject, summary: JsonObject, end: datetime) -> tuple[Fault, ...]:
    """Every fault that began before the end, with what detected it."""
    alerted = {(f["kind"], f["subject"], f["start"]): f for f in summary["watching"]["faults"]}
    recommended = {(f["kind"], f["subject"], f["start"]): f["recommended"] for f in summary["process_faults"]}
    return tuple(
        _fault(f, alerted.get(key, {}), recommended.get(key, {}), end)
        for f in truth["faults"]
        for key in [(f["kind"], f["subject"], f["start"])]
        if time_of(f["start"]) < end
    )


def _fault(fault: JsonObject, alerted: JsonObject, recommended: JsonObject, end: datetime) -> Fault:
    place = (fault["kind"], fault["subject"], fault["sensor"], fault["step"])
    start, matters = time_of(fault["start"]), fault["beyond_limits_from"]
    hours = alerted.get("hours_to_alert")
    detections: tuple[Detection, ...] = ()
    if hours is not None:
        at = time_of(alerted["from"]) + timedelta(hours=hours)
        detections = (Detection(" or ".join(alerted["meant"]), at),)
    detectable_from = None if matters is None else time_of(matters)
    return Fault(*place, start, time_of(fault["end"]), fault["lasting"], detectable_from, detections, recommended)
