"""The results of the demo against the ground truth: recommendations and outcomes by gate, faults by machine."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from inference.policy.regions import verdict_by_rule
from monitor.demo.costs import costs_by_truth
from monitor.demo.costs_text import cost_lines, step_lines
from monitor.demo.savings import savings_by_truth
from monitor.demo.steps import steps_by_truth
from monitor.demo.timing import time_lines
from monitor.demo.truth import time_of
from monitor.demo.watching import compare_with_truth
from monitor.demo.watching_text import watching_lines
from monitor.detection import CAUSE, CHANGE, DEAD, LIMIT, STUCK
from monitor.model import JsonObject, Status, Verdict
from monitor.plant.plant import Plant
from monitor.simulator.truth import FINISH, RESONANCE
from monitor.store.database.database import Store
from monitor.store.delivery.outbox import MES, counts_by_status
from monitor.store.rows.decisions import StoredDecision, all_decisions
from monitor.store.rows.kinds import count_rows
from monitor.store.rows.outcomes import last_values
from monitor.store.rows.quarantine import counts_by_reason
from monitor.store.watching.findings import StoredFinding, all_findings

METHOD_FOR = {"slow_wear": LIMIT, "stuck_sensor": STUCK, "dead_sensor": DEAD}
"""The detection method for each kind of sensor fault."""

REPLAY = "replay the history"
"""The phase of the demo in which the jobs run."""

_AFTER = timedelta(hours=1)
"""A finding this long after a fault's end still belongs to it, because it rests on earlier samples."""


def summarise(store: Store, plant: Plant, truth: JsonObject, now: datetime) -> dict[str, object]:
    """The summary as data."""
    with store.read() as connection:
        decisions = all_decisions(connection)
        # A cause is what findings have in common, and no detector's finding of a machine.
        findings = [finding for finding in all_findings(connection) if finding.detector != CAUSE]
        outcomes = {g: last_values(connection, config.characteristic, config.step) for g, config in plant.gates.items()}
        sent = counts_by_status(connection, MES)
        rows = count_rows(connection)
        rejects = counts_by_reason(connection)
        watching = compare_with_truth(connection, plant, truth, now)
    return {
        "from": truth["start"],
        "to": now.isoformat(),
        "rows": rows,
        "gates": {g: _gate(plant, g, [d for d in decisions if d.gate == g], outcomes[g], truth) for g in plant.gates},
        "costs": costs_by_truth(plant, truth),
        "savings": savings_by_truth(store, plant, truth, decisions, now),
        "steps": steps_by_truth(store, plant, truth, now),
        "machines": {m: _machine(m, [f for f in findings if f.subject == m], truth["faults"]) for m in plant.machines},
        "process_faults": [_process_fault(f, decisions) for f in truth["faults"] if f["kind"] not in METHOD_FOR],
        "quarantine": {"found": rejects, "injected": truth["dirt"]},
        "recommendations": sent,
        "ceilings": truth["ceilings"],
        "watching": watching,
    }


def _gate(
    plant: Plant, gate: str, decisions: Sequence[StoredDecision], outcomes: Mapping[str, float], truth: JsonObject
) -> dict[str, object]:
    config = plant.gates[gate]
    rule_at, band, true_values = plant.rules_of(config), config.rework_band(), true_values_of(plant, gate, truth)
    by_outcome: dict[str, Counter[str]] = {v.value: Counter() for v in Verdict}
    by_truth: dict[str, Counter[str]] = {v.value: Counter() for v in Verdict}
    reasons: Counter[str] = Counter()
    for d in decisions:
        rule = rule_at(d.at)
        if rule is None:
            continue
        for counts, values in ((by_outcome, outcomes), (by_truth, true_values)):
            if d.serial in values:
                counts[d.verdict][verdict_by_rule(values[d.serial], rule, band) or "of_no_class"] += 1
        if d.serial not in outcomes:
            by_outcome[d.verdict]["not_known_yet"] += 1
        if d.verdict == Verdict.HOLD.value:
            reasons[d.reason] += 1
    return {
        "decided": len(decisions),
        "recommended": {
            v: {"parts": by_outcome[v].total(), "outcome": dict(by_outcome[v]), "truth": dict(by_truth[v])}
            for v in by_outcome
        },
        "hold_reasons": dict(reasons),
        "classes": {name: entry.means for name, entry in plant.characteristics[config.characteristic].classes.items()},
    }


def true_values_of(plant: Plant, gate: str, truth: JsonObject) -> dict[str, float]:
    """By serial the truth of what the gate predicts, as in outcomes: a number, or the number of a class."""
    characteristic = plant.gates[gate].characteristic
    if characteristic == FINISH:
        classes = plant.characteristics[FINISH].classes
        return {serial: float(classes[name].value) for serial, name in truth["finish"].items()}
    return dict(truth["parts"]) if characteristic == RESONANCE else {}


def _machine(machine: str, findings: Sequence[StoredFinding], faults: Sequence[JsonObject]) -> dict[str, object]:
    machine_faults = [f for f in faults if f["subject"] == machine]
    sensor_faults = [f for f in machine_faults if f["kind"] in METHOD_FOR]
    breaches = [f for f in findings if f.status == Status.BREACH.value]
    alarms = [b for b in breaches if b.method != CHANGE]
    unexplained = [b for b in alarms if not any(_within(b.at, f) for f in machine_faults)]
    counts: Counter[str] = Counter(f"{b.detector}.{b.method}" for b in breaches)
    return {
        "findings": dict(counts),
        "faults": [_sensor_fault(f, breaches) for f in sensor_faults],
        "findings_without_a_fault": len(unexplained),
        "first_without_a_fault": [
            f"{b.at:%Y-%m-%d %H:%M} {b.detector}.{b.method} {b.feature or ','.join(b.causes[:2])}"
            for b in unexplained[:3]
        ],
    }


def _sensor_fault(fault: JsonObject, breaches: Sequence[StoredFinding]) -> dict[str, object]:
    method = METHOD_FOR[fault["kind"]]
    facts: dict[str, object] = {
        "kind": fault["kind"],
        "sensor": fault["sensor"],
        "start": fault["start"],
        "method": method,
    }
    during = [b for b in breaches if _within(b.at, fault)]
    expected = [b for b in during if b.method == method and b.feature == fault["sensor"]]
    start = time_of(fault["beyond_limits_from"] or fault["start"])
    facts["minutes_to_notice"] = round((expected[0].at - start).total_seconds() / 60, 1) if expected else None
    facts["first_sign"] = f"{during[0].detector}.{during[0].method}" if during else None
    hours = (during[0].at - time_of(fault["start"])).total_seconds() / 3600 if during else None
    facts["hours_to_first_sign"] = None if hours is None else round(hours, 1)
    facts["to_notice_from"] = start.isoformat()
    return facts


def _process_fault(fault: JsonObject, decisions: Sequence[StoredDecision]) -> dict[str, object]:
    serials = set(fault["serials"])
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    for d in decisions:
        if d.serial in serials:
            verdicts[d.gate][d.verdict] += 1
    return {
        "kind": fault["kind"], "subject": fault["subject"], "start": fault["start"], "end": fault["end"],
        "parts": len(serials), "recommended": {gate: dict(v) for gate, v in verdicts.items()},
    }  # fmt: skip


def _within(at: datetime, fault: JsonObject) -> bool:
    return time_of(fault["start"]) <= at <= time_of(fault["end"]) + _AFTER


def as_text(summary: JsonObject) -> str:
    """The summary for readers who are new to the product."""
    now = time_of(summary["to"])
    period = f"{_format_time(summary['from'])} to {_format_time(summary['to'])} UTC"
    lines = [
        "", f"A simulated line for compressor blades, {period}", "",
        "GATES: recommendations against the true state of the parts", *_LEGEND,
    ]  # fmt: skip
    for gate, facts in summary["gates"].items():
        lines += ["", *_gate_lines(gate, facts)]
    lines += ["", *cost_lines(summary["costs"], summary["savings"]), "", *step_lines(summary["steps"])]
    lines += ["", "MACHINES: detector findings, and the sensor faults that the simulator injected"]
    for machine, facts in summary["machines"].items():
        lines += _machine_lines(machine, facts, now)
    lines += ["", "FAULTS OF PARTS AND PROCESS: recommendations for the parts made under each"]
    lines += [_process_line(fault, now) for fault in summary["process_faults"]] or ["  none in this period"]
    lines += ["", *watching_lines(summary["watching"])]
    return "\n".join([*lines, "", *_footer_lines(summary)])


_LEGEND = (
    "  continue: within specification; correct: can be reworked; scrap: cannot; hold: the gate must not decide.",
    "  The truth is the simulator's; the final test measures it a day later, so that the newest parts still wait.",
    "  A part that was corrected stands there as it was before, if it was measured then; else it waits for good.",
    "  A gate that judges pictures decides on the last day only; people see the coat some hours later.",
)  # fmt: skip
_CLASSES, _WIDTHS = ("continue", "correct", "scrap"), (8, 12, 9)


def _gate_lines(gate: str, facts: JsonObject) -> list[str]:
    heads, told = ("in spec", "reworkable", "scrap"), "final test so far"
    if facts["classes"]:
        good, bad, worst = (_classes_that_mean(verdict, facts["classes"]) for verdict in _CLASSES)
        heads, told = (good, bad, worst), "visual check so far"
    row = "".join(f"{head:>{width}}" for head, width in zip(heads, _WIDTHS, strict=True))
    lines = [
        f"  {'gate ' + gate:<16}{'':>5} | {'truth':<29} | {told}",
        f"  {'recommended':<14}{'parts':>7} | {row} | {row}{'waiting':>9}",
    ]
    for verdict, found in facts["recommended"].items():
        truth, tested = (_cells(found[kind]) for kind in ("truth", "outcome"))
        waiting = found["outcome"].get("not_known_yet", 0)
        lines.append(f"  {verdict:<14}{found['parts']:>7} | {truth} | {tested}{waiting:>9}")
    return [*lines, "  held because: " + (_format_counts(facts["hold_reasons"]) or "nothing was held")]


def _classes_that_mean(verdict: str, classes: JsonObject) -> str:
    return "/".join(name for name, means in classes.items() if means == verdict) or "-"


def _cells(counts: Mapping[str, int]) -> str:
    return "".join(f"{counts.get(name, 0):>{width}}" for name, width in zip(_CLASSES, _WIDTHS, strict=True))


def _machine_lines(machine: str, facts: JsonObject, now: datetime) -> list[str]:
    counts = _format_counts(facts["findings"]) or "none"
    lines = [f"  {machine:<9} findings: {counts}; outside any fault: {facts['findings_without_a_fault']}"]
    lines += [f"{'':12}outside any fault: {text}" for text in facts["first_without_a_fault"]]
    lines += [f"{'':12}{_sensor_line(fault, now)}" for fault in facts["faults"]]
    return lines if facts["faults"] else [f"{lines[0]}; no fault was injected", *lines[1:]]


def _sensor_line(fault: JsonObject, now: datetime) -> str:
    injected = f"injected: {_readable(fault['kind'])} of {fault['sensor']} from {_format_time(fault['start'])}"
    minutes, hours = fault["minutes_to_notice"], fault["hours_to_first_sign"]
    sign = "no sign yet" if hours is None else f"first sign by {fault['first_sign']} after {hours:.1f} h"
    if time_of(fault["to_notice_from"]) > now:
        return f"{injected} -> starts to matter at {_format_time(fault['to_notice_from'])}, still to come; {sign}"
    if minutes is None:
        return f"{injected} -> NOT found by the detector meant for it ({fault['method']}); {sign}"
    when = f"within {minutes:.0f} min"
    if fault["kind"] == "slow_wear":
        # Noise crosses the limit before the level does.
        when = f"{abs(minutes) / 60:.1f} h {'before' if minutes < 0 else 'after'} its level passes the limit"
    return f"{injected} -> found by {fault['method']} {when}; {sign}"


def _process_line(fault: JsonObject, now: datetime) -> str:
    recommended = "; ".join(f"{gate}: {_format_counts(v)}" for gate, v in fault["recommended"].items())
    where = f"{_readable(fault['kind'])} at {fault['subject']} from {_format_time(fault['start'])}"
    if time_of(fault["start"]) > now:
        return f"  {where}: still to come while the demo is served"
    return f"  {where}, {fault['parts']} parts -> {recommended or 'no gate has decided on any of them yet'}"


def _footer_lines(summary: JsonObject) -> list[str]:
    q, c = summary["quarantine"], summary["ceilings"]
    return [
        "Rows that could not be read, kept in quarantine: " + (_format_counts(q["found"]) or "none"),
        "  injected by the simulator: " + _format_counts(q["injected"]),
        "Recommendations for the MES: " + (_format_counts(summary["recommendations"]) or "none"),
        "Best R2 that any model could reach here: " + ", ".join(f"{_readable(k)} {v:.2f}" for k, v in c.items()),
        "Rows stored: " + _format_counts(summary["rows"]),
        *([f"The same as a page with charts: {summary['report']}"] if "report" in summary else []),
        "",
        "TIMING in seconds",
        *time_lines(summary["seconds"], REPLAY),
    ]


def _format_time(text: str) -> str:
    return time_of(text).strftime("%Y-%m-%d %H:%M")


def _readable(name: str) -> str:
    return name.replace("_", " ")


def _format_counts(counts: JsonObject) -> str:
    return ", ".join(f"{key} {value}" for key, value in sorted(counts.items()))
