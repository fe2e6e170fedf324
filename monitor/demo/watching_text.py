"""The comparison of the demo's monitoring with the ground truth, as text."""

from __future__ import annotations

from monitor.model import JsonObject


def watching_lines(watching: JsonObject) -> list[str]:
    """Alerts by fault, then retraining and its effect."""
    lines = ["ALERTS: which faults raised the alert meant for them, and how soon"]
    lines += [_fault_line(fault) for fault in watching["faults"]] or ["  no fault was injected"]
    outside = f"{watching['alerts_outside']} of {watching['alerts']} alerts belong to no fault and no dirty row"
    lines.append(
        f"  {outside}, {watching['alerts_outside_a_day']:.2f} a day; {watching['notifications']} notifications"
    )
    lines += [f"    {text}" for text in watching["outside"][:5]]
    lines += ["", "MODELS: retraining that the alerts requested"]
    lines += [_retraining_line(row) for row in watching["retraining"]] or ["  no retraining was requested"]
    return lines + [line for gate, facts in watching["healing"].items() for line in _recovery_lines(gate, facts)]


def _fault_line(fault: JsonObject) -> str:
    what = f"{fault['kind'].replace('_', ' ')} at {fault['subject']}"
    expected = " or ".join(fault["meant"])
    result = f"NO {expected}"
    if fault["hours_to_alert"] is not None:
        result = f"{expected} {_when(fault['hours_to_alert'])}"
    elif fault["hours_to_finding"] is not None:
        result = f"found {_when(fault['hours_to_finding'])}, under an alert that was already firing"
    notifications = sum(fault["notifications"].values())
    told = f"{fault['episodes']} alerts in {notifications} notifications"
    return f"  {what:<28} -> {result}; {told}; {_cause(fault['cause'])}"


def _cause(cause: JsonObject) -> str:
    if not cause["cited"]:
        return "no cause is named"
    return f"cause named: {cause['words']}" + ("" if cause["right"] else ", WRONG")


def _when(hours: float) -> str:
    return f"after {hours:.1f} h" if hours >= 0 else f"{-hours:.1f} h before its level passes the limit"


def _retraining_line(row: JsonObject) -> str:
    when = row["requested_at"][:16].replace("T", " ")
    version = f", version {row['challenger']}" if row["challenger"] else ""
    return f"  {when} {row['gate']}, because of {row['cause']}: {row['state']} ({row['reason']}){version}"


def _recovery_lines(gate: str, facts: JsonObject) -> list[str]:
    if facts["before"] is None or facts["under"] is None:
        return []
    line = f"  {gate}: mean error {facts['before']:.2f} before the concept change, {facts['under']:.2f} under it"
    if facts["healed"] is None:
        return [f"{line}; no later version has decided yet"]
    return [f"{line}, {facts['healed']:.2f} with the later version ({facts['healed_to_before']:.2f} of before)"]
