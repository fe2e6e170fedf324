"""What makes a scrap by cost stand, as pure functions of what was known when it was decided."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from inference.policy.audit import is_audited
from inference.policy.confirming import BY_MODEL, NOT_GOOD, confirm, is_surge
from inference.policy.regions import Rule, verdict_by_rule
from monitor.model import FOUND_SCRAP, LARGEST_NUMBER, ClassSpec, Decision, JsonObject, Reason, Verdict
from monitor.plant.gates import root_inputs
from monitor.plant.plant import Plant
from monitor.store.rows.decisions import EarlierDecision, StoredDecision
from monitor.store.rows.outcomes import StoredOutcome


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest decisions of a gate on predictions: how many, how many found a scrap, when the oldest part passed."""

    decisions: int = 0
    scraps: int = 0
    oldest: datetime | None = None

    def record(self) -> JsonObject:
        """What a decision keeps of them."""
        oldest = None if self.oldest is None else self.oldest.isoformat()
        return {"decisions": self.decisions, "scraps": self.scraps, "oldest": oldest}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a gate knew beside its own prediction: rows up to number `arrival`, and those from `page` on to its own.

    `visits`: by step the part's newest earlier passage. `decisions` are those on the part, by step and visit, and
    `outcomes` its outcomes, in such rows. `deleted`: recorded signals of which the rows are no longer stored.
    """

    arrival: int = 0
    page: int = 0
    visits: Mapping[str, int] = field(default_factory=dict)
    decisions: Mapping[tuple[str, int], EarlierDecision] = field(default_factory=dict)
    outcomes: Sequence[StoredOutcome] = ()
    newest: Newest = Newest()
    deleted: Sequence[JsonObject] = ()


def is_scrap_by_cost(row: StoredDecision, plant: Plant) -> bool:
    """Whether a decision, as the gate made it, is a scrap that needs more than the least cost."""
    return row.reason == Reason.OUT_OF_SPEC and plant.gates[row.gate].costs is not None


def counts(reason: str) -> bool:
    """Whether a decision with this reason rests on a prediction, and so counts among the newest."""
    return reason in BY_MODEL


def finds_scrap(reason: str) -> bool:
    """Whether a decision with this reason found a scrap, recommended or not."""
    return reason in FOUND_SCRAP


def settled(row: StoredDecision, plant: Plant, seen: Seen) -> StoredDecision:
    """The decision as it stands: with the signals that it rests on, a hold where a scrap must not be, its audit.

    `row` is the decision as the gate made it. Decisions of gates without costs are returned as they are.
    """
    costs = plant.gates[row.gate].costs
    if costs is None:
        return row
    record: dict[str, object] = {}
    if is_scrap_by_cost(row, plant):
        found = sorted(_signals(row, plant, seen), key=_as_text)
        found += [one for one in seen.deleted if one not in found]
        surge = is_surge(seen.newest.decisions, seen.newest.scraps, costs.surge)
        stands = confirm(Decision(Verdict.SCRAP, Reason.OUT_OF_SPEC), bool(found) or not costs.confirm_scrap, surge)
        on_hold = plant.steps[row.step].on_hold if stands.verdict is Verdict.HOLD else ""
        row = row._replace(verdict=stands.verdict.value, reason=stands.reason.value, on_hold=on_hold)
        record = {"arrival": seen.arrival, "page": seen.page, "confirmed_by": found, "newest": seen.newest.record()}
    share = costs.audited_share(row.verdict)
    if is_audited(row.gate, row.serial, share):
        record |= {"audit": True, "audit_share": share}
    return row._replace(signals=record or None)


def _as_text(signal: JsonObject) -> str:
    return json.dumps(signal, sort_keys=True)


def _signals(row: StoredDecision, plant: Plant, seen: Seen) -> Iterator[JsonObject]:
    """Every signal that agrees with a scrap and rests on something else."""
    for step, visit in seen.visits.items():
        earlier = seen.decisions.get((step, visit))
        # Of another plant file, the inputs or the specification may have been others.
        if earlier is None or earlier.plant_digest != row.plant_digest:
            continue
        same = earlier.gate == row.gate
        if _same_again(row, earlier, plant) if same else _by_other_inputs(row, earlier, plant):
            yield {
                "signal": "visit" if same else "gate", "gate": earlier.gate, "step": step, "visit": visit,
                "reason": str(earlier.reason), "at": earlier.at.isoformat(),
            }  # fmt: skip
    outcome = _newest_outcome(row, plant, seen.outcomes)
    if outcome is not None and outcome.value is not None and _is_bad(outcome.value, row, plant):
        yield {
            "signal": "outcome", "characteristic": outcome.characteristic, "value": outcome.value,
            "arrival": outcome.arrival, "at": outcome.at.isoformat(),
        }  # fmt: skip


def _same_again(row: StoredDecision, earlier: EarlierDecision, plant: Plant) -> bool:
    """Whether the gate found the same on an earlier visit, of which no measurement is one of this visit too.

    A gate that uses what others predicted has measurements that its own rows do not show: it does not count.
    """
    anew = not plant.gates[row.gate].earlier and not set(row.inputs.values()) & set(earlier.inputs.values())
    return anew and finds_scrap(earlier.reason)


def _by_other_inputs(row: StoredDecision, earlier: EarlierDecision, plant: Plant) -> bool:
    """Whether another gate with no input in common found the part not good."""
    if earlier.reason not in NOT_GOOD or earlier.gate not in plant.gates:
        return False
    return not root_inputs(plant.gates, row.gate) & root_inputs(plant.gates, earlier.gate)


def _newest_outcome(
    row: StoredDecision, plant: Plant, outcomes: Sequence[StoredOutcome]
) -> StoredOutcome | None:  # fmt: skip
    """The part's last outcome with a value that was available; serial numbers are used again, so no older ones."""
    since = row.at - plant.steps[row.step].max_age
    known = [
        outcome
        for outcome in outcomes
        if outcome.characteristic == row.characteristic and outcome.available_at <= row.decided_at
        and outcome.at >= since and outcome.value is not None and abs(outcome.value) <= LARGEST_NUMBER
    ]  # fmt: skip
    return max(known, key=lambda outcome: (outcome.at, outcome.revision), default=None)


def _is_bad(value: float, row: StoredDecision, plant: Plant) -> bool:
    """Whether an outcome is outside the specification; of classes, whether its class means scrap."""
    config = plant.gates[row.gate]
    rule: Rule | None = plant.rules_of(config)(row.at)
    if rule is None:
        return False
    verdict = verdict_by_rule(value, rule, config.rework_band())
    bad = (Verdict.SCRAP,) if isinstance(rule, ClassSpec) else (Verdict.CORRECT, Verdict.SCRAP)
    return verdict in bad
