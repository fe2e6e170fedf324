"""The account of the demo's watching, for people."""

from __future__ import annotations

from monitor.model import JsonObject


def watch_lines(watching: JsonObject) -> list[str]:
    """Alerts beside the faults, then retraining and what it healed."""
    lines = ["ALERTS: which faults raised the alert meant for them, and how soon"]
    lines += [_fault_line(fault) for fault in watching["faults"]] or ["  no fault was injected"]
    outside = f"{watching['alerts_outside']} of {watching['alerts']} alerts belong to no fault"
    lines.append(
        f"  {outside}, {watching['alerts_outside_a_day']:.2f} a day; {watching['notifications']} notifications"
    )
    lines += [f"    {text}" for text in watching["outside"][:5]]
    lines += ["", "MODELS: retraining that the alerts requested"]
    lines += [_retraining_line(row) for row in watching["retraining"]] or ["  no retraining was asked for"]
    return lines + [line for gate, facts in watching["healing"].items() for line in _healing_lines(gate, facts)]


def _fault_line(fault: JsonObject) -> str:
    what = f"{fault['kind'].replace('_', ' ')} at {fault['subject']}"
    meant = " or ".join(fault["meant"])
    outcome = f"NO {meant}"
    if fault["hours_to_alert"] is not None:
        outcome = f"{meant} {_when(fault['hours_to_alert'])}"
    elif fault["hours_to_finding"] is not None:
        outcome = f"found {_when(fault['hours_to_finding'])}, under an alert that already fired"
    notifications = sum(fault["notifications"].values())
    return f"  {what:<28} -> {outcome}; {fault['episodes']} alerts in {notifications} notifications"


def _when(hours: float) -> str:
    return f"after {hours:.1f} h" if hours >= 0 else f"{-hours:.1f} h before its level passes the limit"


def _retraining_line(row: JsonObject) -> str:
    when = row["requested_at"][:16].replace("T", " ")
    version = f", version {row['challenger']}" if row["challenger"] else ""
    return f"  {when} {row['gate']}, because of {row['cause']}: {row['state']} ({row['reason']}){version}"


def _healing_lines(gate: str, facts: JsonObject) -> list[str]:
    if facts["before"] is None or facts["under"] is None:
        return []
    line = f"  {gate}: mean error {facts['before']:.2f} before the concept change, {facts['under']:.2f} under it"
    if facts["healed"] is None:
        return [f"{line}; no later version has decided yet"]
    return [f"{line}, {facts['healed']:.2f} with the later version ({facts['healed_to_before']:.2f} of before)"]
