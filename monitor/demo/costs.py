"""What the decisions at the gate with costs cost, by the simulator's truth, beside what other rules would have cost.

A part fails later if the final test finds it outside the specification, also where the test rig reads wrong: that is
what the gate predicts, and what a plant would see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from inference.policy.costs import Correction, Costs
from inference.policy.regions import verdict_for
from monitor.demo.truth import time_of
from monitor.model import JsonObject, Reason, Spec, Verdict
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.simulator.people.operator import STEP

_UNSURE_SCRAPS = (Reason.SCRAP_UNCONFIRMED.value, Reason.SCRAP_SURGE.value)


@dataclass(frozen=True, slots=True)
class ActedPart:
    """A part that the operator acted on, with what it was and what an inspection would have found at the gate."""

    did: JsonObject
    true: Verdict
    then: Verdict
    inside: bool | None

    @property
    def went_on(self) -> bool:
        """Whether it went on as it came."""
        return self.did["did"] in ("went_on", "used")

    @property
    def escaped(self) -> bool:
        """Whether it went on and was not good."""
        return self.went_on and self.true is not Verdict.CONTINUE


def costs_by_truth(plant: Plant, truth: JsonObject) -> JsonObject | None:
    """What was done with the parts of the gate, and the costs; None where the gate has no costs."""
    gate, config = gate_of(plant)
    costs = config.priced()
    if costs is None:
        return None
    parts = list(acted_parts(plant, truth).values())
    corrected = [part for part in parts if part.did["did"] == "reworked"]
    unsure = [part for part in parts if part.did["said"] == "hold" and part.did["reason"] in _UNSURE_SCRAPS]
    escaped = [part for part in parts if part.escaped]
    return {
        "gate": gate,
        "parts": len(parts),
        "currency": plant.currency,
        "cost": {
            "of_the_gate": round(sum(_cost(part, costs) for part in parts)),
            "all_gone_on": round(sum(costs.escape for part in parts if part.true is not Verdict.CONTINUE)),
            "all_inspected": round(sum(_inspected(part, costs) for part in parts)),
        },
        "said": dict(Counter(part.did["said"] for part in parts)),
        "did": dict(Counter(part.did["did"] for part in parts)),
        "inspected": sum(part.did["inspected"] is not None for part in parts),
        "corrected": _corrected(corrected),
        "scraps": {
            "by_the_gate": sum(part.did["said"] == "scrap" for part in parts),
            "to_confirm": len(unsure),
            "confirmed": sum(part.did["did"] == "scrapped" for part in unsure),
        },
        "escapes": {"parts": len(escaped), "of_the_rig": sum(part.then is Verdict.CONTINUE for part in escaped)},
    }


def _corrected(parts: Sequence[ActedPart]) -> JsonObject:
    of_gate = [part for part in parts if part.did["said"] == "correct"]
    return {
        "parts": len(parts),
        "inside": sum(part.inside is True for part in parts),
        "by_the_gate": len(of_gate),
        "inside_by_the_gate": sum(part.inside is True for part in of_gate),
    }


def gate_of(plant: Plant) -> tuple[str, GateConfig]:
    """The gate that the operator listens to, with its name."""
    return next((name, config) for name, config in plant.gates.items() if config.step == STEP)


def acted_parts(plant: Plant, truth: JsonObject) -> dict[str, ActedPart]:
    """By serial the parts that the operator acted on, but for those made before the start."""
    _, config = gate_of(plant)
    rule_at, band = plant.rules_of(config), config.rework_band()
    change = next((fault for fault in truth["faults"] if fault["kind"] == "concept_change"), None)
    biased = frozenset() if change is None else frozenset(change["serials"])
    parts = {}
    for serial, did in truth["operator"].items():
        at, final = time_of(did["at"]), truth["parts"].get(serial)
        rule = rule_at(at)
        if final is None or not isinstance(rule, Spec):
            continue  # made before the start, or nothing is in force that says what is good
        early = change is not None and serial in biased and at < time_of(change["start"])
        then = final - change["magnitude"] if change is not None and early else final
        after = did["after"]
        inside = None if after is None else verdict_for(after, rule, band) is Verdict.CONTINUE
        parts[serial] = ActedPart(did, verdict_for(final, rule, band), verdict_for(then, rule, band), inside)
    return parts


def _cost(part: ActedPart, costs: Costs) -> float:
    """What was done with a part, and what came of it; a corrected one that is then not good is scrapped."""
    spent = costs.inspection if part.did["inspected"] is not None else 0.0
    if part.went_on:
        return spent + (costs.escape if part.escaped else 0.0)
    if part.did["did"] == "scrapped":
        return spent + costs.scrap
    tried = costs.corrections.get(part.did["correction"]) or cheapest(costs)
    return spent + tried.cost + (0.0 if part.inside else costs.scrap)


def _inspected(part: ActedPart, costs: Costs) -> float:
    """What the part would have cost if every one were inspected, with the correction's success as it is expected."""
    if part.then is Verdict.CONTINUE:
        return costs.inspection + (costs.escape if part.true is not Verdict.CONTINUE else 0.0)
    if part.then is Verdict.SCRAP:
        return costs.inspection + costs.scrap
    tried = cheapest(costs)
    return costs.inspection + tried.cost + (1 - tried.success) * costs.scrap


def cheapest(costs: Costs) -> Correction:
    """The correction of the least expected cost."""
    return min(costs.corrections.values(), key=lambda one: one.cost + (1 - one.success) * costs.scrap)
