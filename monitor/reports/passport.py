"""The passport of a part: what was decided and why, then everything the store knows about one serial number.

A passport is a map of JSON values: `serial`; `decisions`, the newest one of each gate, newest first
(`monitor.reports.part.decisions`); `neighbours`, the parts before and after on the same machine and in the same lot;
and `events` in chronological order, each with `at` (ISO 8601, UTC), `kind`, a `summary` as text and its `details`.
Equal stores give equal passports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from exporters.html.formatting import format_value
from monitor.model import JsonObject, Status
from monitor.plant.plant import Plant
from monitor.reports.part.adjustments import adjustment_clause, units_of
from monitor.reports.part.around import neighbours_of
from monitor.reports.part.decisions import decisions_of_part
from monitor.reports.part.reading import ClassNames, Lens, read_part
from monitor.reports.part.signals import signal_clauses
from monitor.reports.part.values import iso, json_value, storable
from monitor.statuses import OutboxStatus
from monitor.store.database.database import Connection
from monitor.store.delivery.outbox import OutboxMessage
from monitor.store.rows.decisions import StoredDecision
from monitor.store.rows.outcomes import StoredDisposition, StoredOutcome
from monitor.store.rows.parts import PartStep, neighbours
from monitor.store.rows.quarantine import quarantined_with_key
from monitor.store.rows.readings import MachineWindow, window_before
from monitor.store.watching.findings import findings_about

FINDINGS_BEFORE = timedelta(minutes=30)
FINDINGS_AFTER = timedelta(minutes=5)
MAX_FINDINGS = 20
"""Findings of the machine for each step, the newest ones around its time."""

LONGEST_WINDOW = timedelta(hours=1)
"""How long before a step the machine window that contains it may have started."""

Event = JsonObject
"""`at`, `kind`, `summary` and `details`."""

# Events of one instant are listed in the order of cause and effect.
_ORDER = ("machine_window", "machine_finding", "part_step", "quarantine", "decision", "recommendation", "disposition",
          "outcome")  # fmt: skip


def passport(
    connection: Connection, serial: str, classes: ClassNames | None = None, lens: Lens | None = None
) -> dict[str, object] | None:
    """The passport of `serial`; None if the store knows nothing about it.

    `classes` are those of the plant file in force; an event about other ones is shown by its numbers. `lens` gives the
    plant files that decisions were made by, and the time; without it, no specification and no due time is known.
    """
    classes, lens = classes or {}, lens or Lens()
    if not storable(serial):
        return None
    known = read_part(connection, serial, lens)
    events = [_part_step(row, known.pictures.get(row.arrival, ())) for row in known.steps]
    events += [_decision(row, classes, known.plants.get(row.plant_digest) or lens.plant) for row in known.decisions]
    events += [_recommendation(row) for row in known.messages]
    events += [_outcome(row, classes) for row in known.outcomes]
    events += [_disposition(row) for row in known.dispositions]
    events += _quarantined(connection, serial)
    if not events:
        return None
    events += _machine_context(connection, known.steps)
    return {
        "serial": serial,
        "decisions": decisions_of_part(connection, known, lens),
        "neighbours": neighbours_of(connection, known, lens),
        "events": sorted(events, key=_sort_key),
    }


def _sort_key(event: Event) -> tuple[str, int, str]:
    return event["at"], _ORDER.index(event["kind"]), json.dumps(event, sort_keys=True)


def _event(at: datetime, kind: str, summary: str, details: Mapping[str, object]) -> Event:
    return {
        "at": iso(at),
        "kind": kind,
        "summary": summary,
        "details": {name: json_value(value) for name, value in details.items()},
    }


def _details(row: NamedTuple, *names: str) -> dict[str, object]:
    return {name: getattr(row, name) for name in names}


def _part_step(row: PartStep, pictures: Sequence[str]) -> Event:
    action = f"correction {row.revision} of" if row.revision else "passed"
    machine = f" on {row.machine}" if row.machine else ""
    batch = "".join(f", {name} {value}" for name, value in (("recipe", row.recipe), ("lot", row.lot)) if value)
    details = _details(
        row, "step", "visit", "revision", "machine", "recipe", "lot", "available_at", "arrival", "source", "values"
    )
    details |= {"pictures": list(pictures)} if pictures else {}
    return _event(row.at, "part_step", f"{action} step {row.step}, visit {row.visit}{machine}{batch}", details)


def _decision(row: StoredDecision, classes: ClassNames, plant: Plant | None) -> Event:
    summary = f"gate {row.gate} at {row.step}, visit {row.visit}: {row.verdict} ({row.reason})"
    of_classes = {} if row.probabilities is None else {"probabilities": _named(row, row.probabilities, classes)}
    if row.predicted is not None and row.probabilities is not None:
        shares = ", ".join(f"{name} {format_value(share)}" for name, share in of_classes["probabilities"].items())
        summary += f", {row.characteristic} not good with probability {format_value(row.predicted)} ({shares})"
    elif row.predicted is not None:
        interval = f"[{format_value(row.lower)}, {format_value(row.upper)}]"
        summary += f", {row.characteristic} predicted {format_value(row.predicted)} in {interval}"
    if to_set := adjustment_clause(row, units_of(row, plant)):
        summary += f"; {to_set}"
    if row.costs:
        summary += f"; expected costs: {_costs(row.costs)}"
    summary += "".join(f"; {clause}" for clause in signal_clauses(row))
    names = (
        "gate", "step", "visit", "revision", "verdict", "reason", "on_hold", "characteristic", "predicted", "lower",
        "upper", "distance", "distance_limit", "model", "version", "model_digest", "plant_digest", "arrival", "inputs",
    )  # fmt: skip
    of_adjusted = {"adjustment": row.adjustment} if row.adjustment else {}
    return _event(row.decided_at, "decision", summary, _details(row, *names) | of_classes | of_adjusted)


def _costs(costs: Sequence[JsonObject]) -> str:
    """Every action with its expected cost, the least first."""
    return ", ".join(f"{one['correction'] or one['action']} {format_value(one['cost'])}" for one in costs)


def _named(row: StoredDecision, probabilities: Sequence[float | None], classes: ClassNames) -> dict[str, float | None]:
    """The probabilities by class, in their order; by place where the plant file has other classes now."""
    names = list(classes.get(row.characteristic, {}).values())
    names = names if len(names) == len(probabilities) else [f"class {i + 1}" for i in range(len(probabilities))]
    return dict(zip(names, probabilities, strict=True))


def _recommendation(row: OutboxMessage) -> Event:
    status = {OutboxStatus.PENDING: "waits to be sent", OutboxStatus.DEAD: "could not be delivered"}.get(
        row.status, row.status
    )
    summary = f"recommendation {row.payload.get('recommendation')} for {row.payload.get('step')}: {status}"
    details = _details(row, "channel", "key", "status", "attempts", "created_at", "sent_at", "error")
    return _event(row.sent_at or row.created_at, "recommendation", summary, details)


def _outcome(row: StoredOutcome, classes: ClassNames) -> Event:
    prefix = f"correction {row.revision}: " if row.revision else ""
    details = _details(row, "characteristic", "value", "revision", "available_at", "arrival", "source")
    name = None if row.value is None else classes.get(row.characteristic, {}).get(int(row.value))
    said = f"found {name} ({format_value(row.value)})" if name else f"measured {format_value(row.value)}"
    return _event(row.at, "outcome", f"{prefix}{row.characteristic} {said}", details)


def _disposition(row: StoredDisposition) -> Event:
    prefix = f"correction {row.revision}: " if row.revision else ""
    step = f" at {row.step}" if row.step else ""
    details = _details(row, "step", "disposition", "revision", "arrival", "source")
    return _event(row.at, "disposition", f"{prefix}{row.disposition}{step}", details)


def _quarantined(connection: Connection, serial: str) -> Iterator[Event]:
    for row in quarantined_with_key(connection, serial):
        what = f" ({row.column}: {row.value or 'no value'})" if row.column else ""
        since = "; it has left it since" if row.resolved_at else ""
        summary = f"a row of {row.source} went to quarantine: {row.reason}{what}{since}"
        details = _details(row, "source", "reason", "at", "first_seen_at", "row", "resolved_at")
        yield _event(row.at or row.first_seen_at, "quarantine", summary, details)


def _machine_context(connection: Connection, steps: Iterable[PartStep]) -> Iterator[Event]:
    """Findings and windows of each step's machine around the time of the step, each of them once."""
    events: dict[str, Event] = {}
    for step in steps:
        if step.machine:
            for event in (*_findings(connection, step), *_windows(connection, step)):
                events[json.dumps(event, sort_keys=True)] = event
    yield from events.values()


def _findings(connection: Connection, step: PartStep) -> Iterator[Event]:
    """What changed on the machine since the part before left it, and the breaches that lasted then."""
    since, until = step.at - FINDINGS_BEFORE, step.at + FINDINGS_AFTER
    before, after = neighbours(connection, step.machine, step.at, since, until)
    start, end = before or since, step.at if after is not None else until
    seen: set[tuple[str, str, str]] = set()
    for row in findings_about(connection, step.machine, since, end, MAX_FINDINGS):
        key = (row.detector, row.method, row.feature)
        newest_before = row.at <= start and key not in seen
        seen.add(key)
        if row.at <= start and before is not None and not (newest_before and row.status == Status.BREACH):
            continue
        value = f", value {format_value(row.value)}, limit {format_value(row.limit)}" if row.value is not None else ""
        summary = f"{row.subject} {row.feature}: {row.status} by {row.detector} ({row.method}){value}"
        names = ("subject", "feature", "detector", "method", "status", "value", "limit", "causes")
        yield _event(row.at, "machine_finding", summary.replace(" :", ":"), _details(row, *names))


def _windows(connection: Connection, step: PartStep) -> Iterator[Event]:
    windows = window_before(connection, step.machine, step.at, step.at - LONGEST_WINDOW)
    if not windows:
        return
    sensors = {window.sensor: _statistics(window) for window in windows}
    means = ", ".join(f"{sensor} {format_value(statistics['mean'])}" for sensor, statistics in sensors.items())
    yield _event(
        windows[0].start,
        "machine_window",
        f"means of {step.machine} in the window of the step: {means}",
        {"machine": step.machine, "sensors": sensors},
    )


def _statistics(row: MachineWindow) -> dict[str, object]:
    measured = row.rows - row.missing
    mean = row.total / measured if measured and row.total is not None else None
    return {"mean": mean, **_details(row, "minimum", "maximum", "rows", "missing")}
