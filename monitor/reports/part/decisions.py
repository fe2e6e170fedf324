"""The newest decision of each gate on a part, with everything that people ask about it, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from inference.policy.regions import Rule, verdict_by_rule
from monitor.model import ClassSpec, JsonObject, ReworkBand, Verdict
from monitor.reports.part.adjustments import adjusted_steps
from monitor.reports.part.alternatives import alternatives
from monitor.reports.part.facts import Facts, facts_of, gate_of
from monitor.reports.part.inputs import inputs_of, picture_of_gate
from monitor.reports.part.reading import KnownPart, Lens
from monitor.reports.part.sentences import PASSED_ON, sentence, settled, todo
from monitor.reports.part.values import iso, json_value
from monitor.statuses import VersionStatus
from monitor.store.database.database import Connection
from monitor.store.models.retraining import list_requests
from monitor.store.models.versions import list_versions, model_in_force
from monitor.store.rows.decisions import StoredDecision
from monitor.store.rows.outcomes import StoredOutcome

_METRICS = ("skill", "mae", "coverage", "log_loss", "accuracy")
"""What is said of how good a version was on the parts it was measured on."""


def decisions_of_part(connection: Connection, known: KnownPart, lens: Lens) -> list[JsonObject]:
    """The newest decision of each gate, the newest first."""
    return [_decision(connection, row, known, lens) for row in known.newest_of_gates()]


def _decision(connection: Connection, row: StoredDecision, known: KnownPart, lens: Lens) -> JsonObject:
    plant = known.plants.get(row.plant_digest)
    gate = gate_of(plant, row.gate, row.characteristic)
    inputs = inputs_of(row, gate, plant, known)
    waits = _waits(row, known, lens)
    facts = facts_of(row, plant, tuple(one["name"] for one in inputs if one["value"] is None) if gate else ())
    return {
        "gate": row.gate, "step": row.step, "visit": row.visit, "at": iso(row.at), "decided_at": iso(row.decided_at),
        "verdict": row.verdict, "reason": row.reason, "on_hold": row.on_hold, "sentence": sentence(facts),
        "todo": _open_before(row, known, lens) + (_settled(row, known, waits, lens) or todo(facts)),
        "correction": facts.correction or None, "adjustment": row.adjustment, "characteristic": row.characteristic,
        "earlier_decisions": sum(one.gate == row.gate for one in known.decisions) - 1,
        **_prediction(facts),
        "expected_cost": facts.expected_cost, "currency": facts.currency or None,
        "alternatives": alternatives(facts),
        "inputs": inputs, "model": _model(connection, row),
        "picture": picture_of_gate(row, gate, known),
        "waits": waits, "sent": _sent(row, known),
        "dispositions": _dispositions(row, known),
        "outcomes": [outcome(one, facts.rule) for one in _since(known.outcomes, row) if _is_of(one, row)],
    }  # fmt: skip


def _prediction(facts: Facts) -> dict[str, object]:
    """What was predicted beside what it is compared with; `by` says who predicted it."""
    value, lower, upper = facts.interval or (None, None, None)
    by = None if facts.interval is None else "forecast" if facts.row.reason == "forecast" else "model"
    return {
        "by": by, "predicted": json_value(value), "lower": json_value(lower), "upper": json_value(upper),
        "unit": facts.unit, "coverage": None if facts.gate is None else facts.gate.coverage,
        "specification": _specification(facts), "classes": _classes(facts),
    }  # fmt: skip


def _specification(facts: Facts) -> JsonObject | None:
    spec = facts.spec
    if spec is None:
        return None
    rework = {"below": facts.band.below, "above": facts.band.above}
    return {"lower": spec.lower, "target": spec.target, "upper": spec.upper, "unit": spec.unit, "rework": rework}


def _classes(facts: Facts) -> list[JsonObject] | None:
    if not facts.shares:
        return None
    means = dict(zip(facts.classes.names, facts.classes.meanings, strict=True)) if facts.classes else {}
    return [{"name": name, "means": means.get(name), "probability": share} for name, share in facts.shares.items()]


def _model(connection: Connection, row: StoredDecision) -> JsonObject | None:
    """The version that decided, and what it was trained on; None where the gate had none."""
    if not row.version:
        return None
    found: dict[str, object] = {"name": row.model, "version": row.version, "digest": row.model_digest}
    versions = list_versions(connection, row.gate)
    version = next((one for one in versions if (one.model, one.version) == (row.model, row.version)), None)
    if version is not None:
        metrics = {name: version.metrics[name] for name in _METRICS if name in version.metrics}
        found |= {"trained_at": iso(version.trained_at), "trained_on": version.rows, "metrics": json_value(metrics),
                  "still_in_force": version.status == VersionStatus.IN_FORCE}  # fmt: skip
    since = _in_force_since(connection, row)
    return found | {"in_force_since": None if since is None else iso(since)}


def _in_force_since(connection: Connection, row: StoredDecision) -> datetime | None:
    """When the version was put in force: of the one that is, or of one that a retraining put there."""
    now = model_in_force(connection, row.gate)
    if now is not None and (now.model, now.version) == (row.model, row.version):
        return now.since
    ended = (one for one in list_requests(connection, row.gate) if one.challenger == row.version)
    return next((one.finished_at for one in ended if one.state == "promoted"), None)


def _is_of(found: StoredOutcome, row: StoredDecision) -> bool:
    return found.characteristic == row.characteristic


def _since(rows: Sequence[StoredOutcome], row: StoredDecision) -> list[StoredOutcome]:
    """The rows since the passage, of each instant the last revision."""
    last = {one.at: one for one in sorted(rows, key=lambda one: one.revision) if one.at >= row.at and _is_of(one, row)}
    return sorted(last.values(), key=lambda one: one.at)


def outcome(found: StoredOutcome, rule: Rule | None) -> JsonObject:
    """An outcome beside the rule of a decision: `inside` or not (None: not known), and of classes its name."""
    name = None
    if found.value is not None and isinstance(rule, ClassSpec):
        place = rule.index(found.value)
        name = None if place is None else rule.names[place]
    verdict = None if found.value is None or rule is None else verdict_by_rule(found.value, rule, ReworkBand())
    return {
        "characteristic": found.characteristic, "value": json_value(found.value), "name": name, "at": iso(found.at),
        "inside": None if verdict is None else verdict is Verdict.CONTINUE,
    }  # fmt: skip


def _sent(row: StoredDecision, known: KnownPart) -> list[JsonObject]:
    """The messages to the MES about this decision."""
    passage = (row.step, row.visit)
    return [
        {"channel": one.channel, "status": one.status.value, "sent_at": json_value(one.sent_at), "error": one.error,
         "created_at": iso(one.created_at), "attempts": one.attempts}
        for one in known.messages
        if (one.payload.get("step"), one.payload.get("visit", row.visit)) == passage
    ]  # fmt: skip


def _dispositions(row: StoredDecision, known: KnownPart) -> list[JsonObject]:
    """What people decided since the passage."""
    return [
        {"disposition": one.disposition, "step": one.step, "at": iso(one.at)}
        for one in known.dispositions
        if one.at >= row.at
    ]


def _waits(row: StoredDecision, known: KnownPart, lens: Lens) -> JsonObject | None:
    """Of a hold, whether it waits for people, until when, and whether that is over; None of anything else."""
    if row.verdict != Verdict.HOLD:
        return None
    passed = [(one.at, one.arrival) for one in known.steps if not one.revision]
    passed += [(one.at, one.arrival) for one in known.decisions]
    over = _heard_of(row, known) or any(key > (row.at, row.arrival) for key in passed)
    return waiting(row.step, row.decided_at, not over, lens)


def _heard_of(row: StoredDecision, known: KnownPart) -> bool:
    """Whether a disposition or an outcome is known since the passage."""
    return any(one.at >= row.at for one in known.dispositions) or any(one.at >= row.at for one in known.outcomes)


def _settled(row: StoredDecision, known: KnownPart, waits: JsonObject | None, lens: Lens) -> str | None:
    """What is to be done about a decision that is over; None of one that is not.

    A hold is over when it no longer waits; what else people were asked for, once they or an outcome said something of
    the part; an adjustment also where the part has passed the steps that it was for.
    """
    asked = row.verdict != Verdict.CONTINUE or bool(row.adjustment) or _is_audited(row)
    if not asked or (waits is not None and waits["waits"]):
        return None
    people = [one.disposition for one in known.dispositions if one.at >= row.at]
    if _heard_of(row, known) or _is_too_late(row, known):
        return settled(people[-1] if people else "", any(one.at >= row.at for one in known.outcomes))
    if waits is None:
        return None
    return PASSED_ON if _tells_dispositions(lens) else settled("", measured=False)


def _tells_dispositions(lens: Lens) -> bool:
    """Whether the plant says what people decide on parts; else nobody can know that they did not."""
    return lens.plant is not None and any(one.kind == "dispositions" for one in lens.plant.sources.values())


def _is_audited(row: StoredDecision) -> bool:
    return bool(row.signals and row.signals.get("audit"))


def _open_before(row: StoredDecision, known: KnownPart, lens: Lens) -> str:
    """Of the newest decision on a part: which gates before it asked for people, who have said nothing since."""
    newest, *older = known.newest_of_gates()
    if row != newest or not _tells_dispositions(lens):
        return ""
    asked = (
        one for one in older if one.verdict in (Verdict.HOLD, Verdict.CORRECT, Verdict.SCRAP) and not one.adjustment
    )
    waiting = [f"{one.gate} ({one.verdict})" for one in asked if not _heard_of(one, known)]
    return f"Nobody has answered {' and '.join(waiting)}, see below. " if waiting else ""


def _is_too_late(row: StoredDecision, known: KnownPart) -> bool:
    """Whether the part has passed every step since at which something was to be set otherwise."""
    if not row.adjustment:
        return False
    passed = {one.step for one in known.steps if (one.at, one.arrival) > (row.at, row.arrival)}
    return passed >= set(adjusted_steps(row.adjustment))


def waiting(step: str, decided_at: datetime, waits: bool, lens: Lens) -> JsonObject:
    """A hold as a queue has it: `due` by the step's `decide_by` of the plant file in force, None where it has none."""
    config = None if lens.plant is None else lens.plant.steps.get(step)
    due = None if config is None or config.decide_by is None else decided_at + config.decide_by
    overdue = waits and due is not None and lens.now is not None and lens.now > due
    return {"waits": waits, "due": None if due is None else iso(due), "overdue": overdue}
