"""What the gates saved."""

from __future__ import annotations

from dashboards.blocks.panels import Panel, lines
from dashboards.blocks.queries import Query, by, series

TITLE = "Value"


def panels() -> list[Panel]:
    """The panels of the row."""
    return [
        lines(
            "Cost avoided this month",
            "What the gates with costs avoided this month so far, with 90 % bounds, in the currency of their costs. If "
            "it is below 0, the gate costs more than it saves: look at its false scraps and holds in 'gatewatch "
            "savings', and at its costs. If the bounds are far apart, audit more parts.",
            [
                _query("gatewatch_gate_cost_avoided", "{{gate}}"),
                _query("gatewatch_gate_cost_avoided_lower", "{{gate}} lower"),
                _query("gatewatch_gate_cost_avoided_upper", "{{gate}} upper"),
            ],
            zero=False,
        ),
        lines(
            "Parts stopped and waiting",
            "Parts of this month that did not go on, and those that wait for an outcome or a disposition and are not "
            "in the cost avoided. If the waiting ones only grow, look at the sources of outcomes and dispositions.",
            [
                _query("gatewatch_gate_parts_stopped", "{{gate}} stopped"),
                _query("gatewatch_gate_parts_waiting", "{{gate}} waiting"),
            ],
        ),
    ]


def _query(metric: str, legend: str) -> Query:
    return Query(by("max", ("gate",), series(metric, gate="=~$gate")), legend)
