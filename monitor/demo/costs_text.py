"""What decisions cost and which steps matter, for the demo's summary and report."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.model import JsonObject

RULES = (
    ("as recommended", "of_the_gate"),
    ("had every part gone on", "all_gone_on"),
    ("had every part been inspected", "all_inspected"),
)
"""The rules that are compared, each with its key among the costs."""


def cost_lines(facts: JsonObject | None, savings: Sequence[JsonObject]) -> list[str]:
    """The costs of the gate beside two rules without it, and what was done."""
    if facts is None:
        return ["COSTS: no gate decides by cost"]
    title = f"COSTS: what the recommendations of gate {facts['gate']} cost, by the true state of {facts['parts']} parts"
    costs = [f"  {name:<30}{facts['cost'][key]:>10,}" for name, key in RULES]
    return [title, *costs, *(f"  {name}: {said}" for name, said in cost_facts(facts, savings))]


def cost_facts(facts: JsonObject, savings: Sequence[JsonObject]) -> list[tuple[str, str]]:
    """What was done with the parts: name and figures of each kind; what that saved by month."""
    corrected, scraps, escapes = facts["corrected"], facts["scraps"], facts["escapes"]
    of_gate, inside_of_gate = corrected["by_the_gate"], corrected["inside_by_the_gate"]
    of_people, inside_of_people = corrected["parts"] - of_gate, corrected["inside"] - inside_of_gate
    confirmed = f"{scraps['confirmed']} of {scraps['to_confirm']} scraps that waited for a person were confirmed"
    of_rig = f", {escapes['of_the_rig']} of them only because the test rig read too high by then"
    return [
        ("went on uninspected", str(facts["did"].get("went_on", 0))),
        ("inspected", str(facts["inspected"])),
        ("corrected on recommendation", f"{of_gate}, then within specification: {inside_of_gate}"),
        ("corrected after an inspection", f"{of_people}, then within specification: {inside_of_people}"),
        ("scrapped", f"{facts['did'].get('scrapped', 0)}; {confirmed}, {scraps['by_the_gate']} needed none"),
        ("escapes", f"{escapes['parts']}{of_rig if escapes['of_the_rig'] else ''}"),
        *((f"cost avoided in {one['month']}, estimated", _saved(one)) for one in savings),
    ]


def _saved(one: JsonObject) -> str:
    interval = f"{one['estimate']:,} (90 % interval {one['lower']:,} to {one['upper']:,})"
    return f"{interval}, in truth {one['true']:,}; {one['waiting']} of {one['parts']} parts wait"


def step_lines(facts: JsonObject) -> list[str]:
    """Each step's share of the variance as it was found, beside that by which the line was built."""
    title = "STEPS: the share of variance that each explains, and how the line was built"
    if "refused" in facts:
        return [title, f"  not ranked: {facts['refused']}"]
    return [title, *(_step_line(step, facts) for step in facts["explained"])]


def _step_line(step: str, facts: JsonObject) -> str:
    matters = "matters" if facts["matter"][step] else "does not matter"
    return f"  {step:<12}{facts['explained'][step]:>6.1%} found, {facts['built'].get(step, 0.0):.1%} built; {matters}"
