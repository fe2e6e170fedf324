"""The demo's monitoring against the ground truth: faults detected, false alerts, recovery of the models.

A fault reaches beyond its own place: its parts go on through the line, and their outcomes come a day later. An alert
belongs to a fault if it began at a place and within a time that the fault reached; any other alert is false.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import Protocol

from alerting.notifications.decide import FOR_THE_LOG
from alerting.notifications.likely_causes import LikelyCause, cause_of
from monitor.demo.causes import cited
from monitor.demo.truth import time_of
from monitor.detection import (
    ANOMALY,
    CHART,
    CONDITION_ALARM,
    DEAD,
    DRIFT,
    IMAGE_DRIFT,
    LIMIT,
    LIMITS,
    MISSING_RATE,
    PERFORMANCE,
    SKILL,
    STUCK,
    TIME_LEFT,
    WASSERSTEIN,
    WORST_RATIO,
)
from monitor.model import WATCHDOG, JsonObject
from monitor.plant.plant import Plant
from monitor.scheduling.slots import slots
from monitor.simulator.records import UNKNOWN_MACHINE
from monitor.simulator.truth import RESONANCE
from monitor.store.database.database import Connection
from monitor.store.delivery.notifications import Notification, all_notifications
from monitor.store.models import retraining
from monitor.store.models.retraining import RetrainingRequest
from monitor.store.rows.decisions import predictions_of
from monitor.store.rows.outcomes import StoredOutcome, outcomes_of
from monitor.store.rows.parts import PartStep, part_history
from monitor.store.watching.alerts import Alert, fired_alerts
from monitor.store.watching.causes import causes_since, likely_causes
from monitor.store.watching.findings import breaches_between

ALERTS_FOR: Mapping[str, tuple[str, ...]] = {
    "slow_wear": ("MachineAnomalous", "MachineWearing", "MachineOutOfSpec"),
    "stuck_sensor": ("SensorStuck",),
    "dead_sensor": ("SensorDead",),
    "camera_change": ("ImageDrift",),
    "step_offset": ("DataDrift", "ProcessShifted"),
    "lot_shift": ("DataDrift", "ProcessShifted"),
    "wrong_recipe": ("DataDrift", "ProcessShifted"),
    "concept_change": ("ModelDegraded", "ModelWithoutSkill"),
}
"""The alerts that each kind of fault should raise."""

METHODS_FOR: Mapping[str, tuple[tuple[str, str], ...]] = {
    "slow_wear": ((ANOMALY, CONDITION_ALARM), (ANOMALY, TIME_LEFT), (LIMITS, LIMIT)),
    "stuck_sensor": ((LIMITS, STUCK),),
    "dead_sensor": ((LIMITS, DEAD),),
    "camera_change": ((IMAGE_DRIFT, WASSERSTEIN), (IMAGE_DRIFT, MISSING_RATE)),
    "step_offset": ((DRIFT, WASSERSTEIN), (CHART, WORST_RATIO)),
    "lot_shift": ((DRIFT, WASSERSTEIN), (CHART, WORST_RATIO)),
    "wrong_recipe": ((DRIFT, WASSERSTEIN), (CHART, WORST_RATIO)),
    "concept_change": ((PERFORMANCE, WORST_RATIO), (PERFORMANCE, SKILL)),
}
"""The detectors and methods that should find each kind of fault."""

_OUTCOME_ALERTS = (
    "ModelDegraded",
    "ModelWithoutSkill",
    "OutcomeShifted",
    "EstimatedErrorHigh",
    "GateOutOfService",
    "HoldRateHigh",
)
"""What outcomes show or bring about: a gate whose outcomes left its intervals holds its parts."""
_AFTER = timedelta(hours=2)
"""An alert this long after the last affected row still belongs to the fault, because windows contain the row."""

Span = tuple[datetime, datetime]


class Began(Protocol):
    """An alert: its name, what it is about, and since when its condition held."""

    @property
    def name(self) -> str:
        """Of the rule."""

    @property
    def subject(self) -> str:
        """A machine, step, gate ..."""

    @property
    def since(self) -> datetime:
        """Aware, in UTC."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where and when a fault has effects: by place (machine, step or gate); in the outcomes of its parts, by gate."""

    places: Mapping[str, Span]
    outcomes: Mapping[str, Span]

    def contains(self, alert: Began) -> bool:
        """Whether the alert began at a place and within a time of the reach."""
        spans = [self.places.get(alert.subject)]
        if alert.name in _OUTCOME_ALERTS:
            spans.append(self.outcomes.get(alert.subject))
        return any(span is not None and span[0] <= alert.since <= span[1] + _AFTER for span in spans)


def is_of_dirt(alert: Began, truth: JsonObject) -> bool:
    """Whether the alert tells of rows that the simulator made dirty on purpose: those of a machine that is none."""
    injected = any(truth.get("dirt", {}).get(f"unknown_machine_{rows}") for rows in ("parts", "readings"))
    return injected and alert.name == "UnknownMachineOrStep" and alert.subject.endswith(f"/{UNKNOWN_MACHINE}")


def reach_of(fault: JsonObject, plant: Plant, passages: Sequence[PartStep], outcomes: Sequence[StoredOutcome]) -> Reach:
    """The reach of a fault; `passages` and `outcomes` are the part steps and the outcomes of the parts it affected."""
    span = time_of(fault["start"]), time_of(fault["end"])
    places: dict[str, Span] = {fault["subject"]: span, fault["step"]: span}
    for row in passages:
        if row.at >= span[0]:
            for place in (row.step, *(name for name, gate in plant.gates.items() if gate.step == row.step)):
                begins, ends = places.get(place, (row.at, row.at))
                places[place] = min(begins, row.at), max(ends, row.at)
    gates = plant.gates
    if fault["kind"] == "concept_change":
        # The rig reads wrong: the parts are as before, only their outcomes at the rig differ.
        places = {fault["subject"]: span}
        gates = {name: gate for name, gate in gates.items() if gate.characteristic == RESONANCE}
    times = {
        name: [row.available_at for row in outcomes if row.characteristic == gate.characteristic and row.at >= span[0]]
        for name, gate in gates.items()
    }
    return Reach(places, {name: (min(known), max(known)) for name, known in times.items() if known})


def reaches_until(
    connection: Connection, plant: Plant, truth: JsonObject, now: datetime
) -> Iterator[tuple[JsonObject, Reach]]:
    """Every fault that began by then, with its reach as far as parts and outcomes are known."""
    for fault in truth["faults"]:
        if time_of(fault["start"]) <= now:
            yield fault, reach_of(fault, plant, _passages(connection, fault), _outcomes(connection, fault, now))


def is_meant(fault: JsonObject, alert: Began) -> bool:
    """Whether an alert is one that the fault should raise, at its place."""
    return alert.name in ALERTS_FOR[fault["kind"]] and _at_its_place(fault, alert)


def compare_with_truth(connection: Connection, plant: Plant, truth: JsonObject, now: datetime) -> dict[str, object]:
    """The comparison as data."""
    alerts = [alert for alert in fired_alerts(connection) if alert.name != WATCHDOG and alert.severity != "info"]
    notices = [n for n in all_notifications(connection) if n.kind not in FOR_THE_LOG]
    causes = {cause.id: cause for cause in causes_since(connection, time_of(truth["start"]))}
    likely = likely_causes(connection, time_of(truth["start"]))
    faults: list[dict[str, object]] = []
    reaches: list[tuple[datetime, Reach]] = []
    for fault, reach in reaches_until(connection, plant, truth, now):
        alerts_of_fault = [alert for alert in alerts if reach.contains(alert)]
        reaches.append((time_of(fault["start"]), reach))
        faults.append(
            _fault(fault, alerts_of_fault, notices)
            | {"cause": cited(fault, [causes[c.id] for c in _cited_by(fault, alerts_of_fault, likely)])}
            | {"hours_to_finding": _hours_to_finding(connection, plant, fault, now)}
        )
    by_fault = [_newest_reach(alert, reaches) for alert in alerts]
    for i, fault in enumerate(faults):
        own = {alert.id for alert, of in zip(alerts, by_fault, strict=True) if of == i}
        fault["own_notifications_by_team"] = dict(Counter(n.team for n in notices if _mentions(n, own)))
    outside = [a for a, of in zip(alerts, by_fault, strict=True) if of is None and not is_of_dirt(a, truth)]
    days = (now - time_of(truth["start"])) / timedelta(days=1)
    return {
        "faults": faults,
        "alerts": len(alerts),
        "alerts_outside": len(outside),
        "alerts_outside_a_day": round(len(outside) / days, 3),
        "outside": [f"{a.since:%Y-%m-%d %H:%M} {a.name} {a.subject}: {a.summary}" for a in outside],
        "notifications": len(notices),
        "retraining": [_retraining(row) for row in retraining.list_requests(connection)],
        "healing": recoveries(connection, plant, truth, now),
    }


def _passages(connection: Connection, fault: JsonObject) -> list[PartStep]:
    return [row for row in part_history(connection, fault["serials"]) if row.revision == 0]


def _outcomes(connection: Connection, fault: JsonObject, now: datetime) -> list[StoredOutcome]:
    return [row for row in outcomes_of(connection, fault["serials"]) if row.available_at <= now]


def _fault(fault: JsonObject, alerts: Sequence[Alert], notices: Sequence[Notification]) -> dict[str, object]:
    expected = [a for a in alerts if is_meant(fault, a)]
    start = time_of(fault["beyond_limits_from"] or fault["start"])
    first = min((a.fired_at for a in expected if a.fired_at is not None), default=None)
    notifications = [n for n in notices if _mentions(n, {a.id for a in alerts})]
    kinds, teams = (Counter(getattr(n, name) for n in notifications) for name in ("kind", "team"))
    return {
        "kind": fault["kind"], "subject": fault["subject"], "start": fault["start"], "from": start.isoformat(),
        "parts": len(fault["serials"]), "meant": list(ALERTS_FOR[fault["kind"]]),
        "hours_to_alert": None if first is None else round((first - start) / timedelta(hours=1), 2),
        "alerts": sorted({f"{a.name} {a.subject}" for a in alerts}), "episodes": len(alerts),
        "notifications": dict(kinds), "notifications_by_team": dict(teams),
    }  # fmt: skip


def _newest_reach(alert: Alert, reaches: Sequence[tuple[datetime, Reach]]) -> int | None:
    """Of the faults that an alert may be of, the place of the one that began last."""
    possible = [i for i, (_, reach) in enumerate(reaches) if reach.contains(alert)]
    return max(possible, key=lambda i: reaches[i][0], default=None)


def _cited_by(fault: JsonObject, alerts: Sequence[Alert], causes: Sequence[LikelyCause]) -> Iterator[LikelyCause]:
    """The causes that the alerts meant for the fault cite."""
    for a in alerts:
        if is_meant(fault, a):
            cause = cause_of(a.name, a.subject, a.since, a.ended_at, causes)
            if cause is not None:
                yield cause


def _hours_to_finding(connection: Connection, plant: Plant, fault: JsonObject, now: datetime) -> float | None:
    """Hours until a detector that should find the fault changed to breach at its place; None if none did.

    This also counts if the alert was already firing for an earlier fault. A finding of a window counts from the slot
    that judged it.
    """
    start = time_of(fault["start"])
    until = now if fault["lasting"] else time_of(fault["end"]) + _AFTER
    intervals = {PERFORMANCE: plant.performance.every}
    for row in breaches_between(connection, start, until):
        if fault["kind"] != "concept_change" and row.subject not in (fault["subject"], fault["step"]):
            continue
        if fault["sensor"] and row.feature != fault["sensor"]:
            continue
        if (row.detector, row.method) in METHODS_FOR[fault["kind"]]:
            interval = intervals.get(row.detector, plant.drift.every)
            found_at = row.at if row.detector == LIMITS else next(slots(interval, row.at, row.at + 2 * interval))
            begins = time_of(fault["beyond_limits_from"] or fault["start"])
            return round((found_at - begins) / timedelta(hours=1), 2)
    return None


def _at_its_place(fault: JsonObject, alert: Began) -> bool:
    return fault["kind"] == "concept_change" or alert.subject in (fault["subject"], fault["step"])


def _mentions(notice: Notification, ids: Iterable[int]) -> bool:
    return not {int(alert["id"]) for alert in notice.alerts}.isdisjoint(ids)


def _retraining(row: RetrainingRequest) -> dict[str, object]:
    return {
        "gate": row.gate, "cause": row.cause, "state": row.state, "reason": row.reason,
        "requested_at": row.requested_at.isoformat(),
        "finished_at": None if row.finished_at is None else row.finished_at.isoformat(),
        "challenger": row.challenger,
    }  # fmt: skip


def recoveries(connection: Connection, plant: Plant, truth: JsonObject, now: datetime) -> dict[str, dict[str, object]]:
    """By gate the mean absolute error against the ground truth before a concept change, under it, and after retraining.

    The gates are those that predict what the rig measures. The parts are those that no other fault affected: `before`
    those measured correctly, `under` those measured with bias and decided by the version in force before, `healed`
    those measured with bias and decided by a later version.
    """
    change = next((f for f in truth["faults"] if f["kind"] == "concept_change"), None)
    if change is None or time_of(change["start"]) > now:
        return {}
    affected = {s for f in truth["faults"] if f is not change for s in f["serials"]}
    biased, start = set(change["serials"]), time_of(change["start"])
    means_by_gate: dict[str, dict[str, object]] = {}
    for gate in (name for name, config in plant.gates.items() if config.characteristic == RESONANCE):
        errors: dict[str, list[float]] = {"before": [], "under": [], "healed": []}
        rows = [r for r in predictions_of(connection, gate) if r.serial not in affected]
        old = {r.version for r in rows if r.decided_at < start}
        for row in rows:
            if row.serial in truth["parts"]:
                when = "before" if row.serial not in biased else "under" if row.version in old else "healed"
                errors[when].append(abs((row.predicted or 0.0) - truth["parts"][row.serial]))
        means = {when: round(fmean(e), 3) if e else None for when, e in errors.items()}
        counts = {f"{when}_parts": len(e) for when, e in errors.items()}
        ratio = means["healed"] / means["before"] if means["healed"] and means["before"] else None
        means_by_gate[gate] = {**means, **counts, "healed_to_before": None if ratio is None else round(ratio, 3)}
    return means_by_gate
