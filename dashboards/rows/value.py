"""What the gates saved."""

from __future__ import annotations

from dashboards.blocks.panels import Panel, lines
from dashboards.blocks.queries import Query, by, series, value
from monitor.detection import LOG_LOSS, MAE, PERFORMANCE
from monitor.statuses import Answer


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


def _week(**matchers: str) -> str:
    """Dispositions of the last seven days by gate."""
    return by(
        "sum", ("gate",), f"increase({series('gatewatch_gate_dispositions_total', gate='=~$gate', **matchers)}[7d])"
    )


def trends() -> list[Panel]:
    """How the gates have done for months."""
    chosen = {"gate": "=~$gate"}
    error = {"detector": PERFORMANCE, "method": f"=~{MAE}|{LOG_LOSS}", "subject": "=~$gate", "feature": ""}
    return [
        lines(
            "Realised error",
            "Mean absolute error against outcomes (of classes the mean log loss). A slow rise "
            "that retraining does not undo is a change of the process: find out which.",
            [Query(value(("subject",), **error), "{{subject}}")],
        ),
        lines(
            "Share of holds",
            "Holds among the newest decisions. What a gate holds it does not decide: people do, "
            "and their time is part of its cost.",
            [
                Query(
                    by("max", ("gate",), series("gatewatch_gate_hold_ratio", **chosen)),
                    "{{gate}}",
                )
            ],
            unit="percentunit",
        ),
        lines(
            "Share of recommendations overridden",
            "Of the parts of the last seven days for which people recorded what they did, the share with which they "
            "did something else than was recommended. A rise says that people trust the gate "
            "less, whatever its error is.",
            [
                Query(
                    f"{_week(answer=Answer.OVERRIDDEN)} / {_week()}",
                    "{{gate}}",
                )
            ],
            unit="percentunit",
        ),
        lines(
            "Capability",
            "Ppk of each gate's newest outcomes. Below what the customer asks, often 1.33, the "
            "process makes defects that no gate can prevent.",
            [
                Query(
                    by(
                        "max",
                        ("gate",),
                        series("gatewatch_gate_capability_ratio", index="ppk", bound="value", **chosen),
                    ),
                    "{{gate}}",
                )
            ],
        ),
    ]
