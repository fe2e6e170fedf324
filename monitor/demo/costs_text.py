"""What decisions cost and which steps matter, for the demo's summary and report."""

from __future__ import annotations

from collections.abc import Sequence

from exporters.html.formatting import money
from monitor.model import JsonObject

RULES = (
    ("as recommended", "of_the_gate"),
    ("had every part gone on", "all_gone_on"),
    ("had every part been inspected", "all_inspected"),
)
"""The rules that are compared, each with its key among the costs."""
_OF_COSTS = (
    "The costs are of every part that the operator has acted on, by what the final test finds, false readings of the "
    "rig included; a part that was corrected in vain is scrapped. Parts made before the start are left out."
)
_OF_SAVINGS = (
    "The cost avoided is of the parts of which the plant knows at the end what became of them; its truth is of these "
    "parts too, as they came to the gate. There a part that was corrected in vain is an escape, as nobody recorded "
    "that it was scrapped. So it is not the difference of the costs."
)


def cost_lines(facts: JsonObject | None, savings: Sequence[JsonObject]) -> list[str]:
    """The costs of the gate beside two rules without it, and what was done."""
    if facts is None:
        return ["COSTS: no gate decides by cost"]
    title = f"COSTS: what the recommendations of gate {facts['gate']} cost, by the true state of {facts['parts']} parts"
    costs = [f"  {name:<30}{money(facts['cost'][key], facts['currency']):>14}" for name, key in RULES]
    said = [f"  {name}: {said}" for name, said in cost_facts(facts, savings)]
    return [title, *costs, *said, *(f"  {note}" for note in cost_notes(savings))]


def cost_notes(savings: Sequence[JsonObject]) -> list[str]:
    """What each sum counts, so that nobody takes one for the other."""
    return [_OF_COSTS, *([_OF_SAVINGS] if savings else [])]


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
        *((f"cost avoided in {one['month']}", _saved(one, facts["currency"])) for one in savings),
    ]


def _saved(one: JsonObject, currency: str) -> str:
    estimate, true = money(one["estimate"], currency), money(one["true"], currency)
    said = f"{estimate} as gatewatch savings states it (90 % interval {money(one['lower'])} to {money(one['upper'])})"
    return f"{said}, {true} in truth; {one['waiting']} of {one['parts']} parts wait and are in neither"


def step_lines(facts: JsonObject) -> list[str]:
    """Each step's share of the variance as it was found, beside that by which the line was built."""
    title = "STEPS: the share of all variance that each explains (not its gain), and how the line was built"
    if "refused" in facts:
        return [title, f"  not ranked: {facts['refused']}"]
    return [title, *(_step_line(step, facts) for step in facts["explained"])]


def _step_line(step: str, facts: JsonObject) -> str:
    matters = "matters" if facts["matter"][step] else "does not matter"
    return f"  {step:<12}{facts['explained'][step]:>6.1%} found, {facts['built'].get(step, 0.0):.1%} built; {matters}"
