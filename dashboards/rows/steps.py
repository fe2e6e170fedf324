"""A step: what passes it, what its gate recommends, its machines, and whether its measurements are as they were."""

from __future__ import annotations

from dashboards.blocks.panels import Panel, bars, lines, number, statuses
from dashboards.blocks.queries import Query, by, hourly, limit, or_zero, series, share_of_limit, value
from dashboards.rows.gates import VERDICTS
from dashboards.rows.machines import STATUS, worst_status
from monitor.detection import ANOMALY, CHART, DRIFT, WORST_MACHINE, WORST_RATIO


def panels() -> list[Panel]:
    """What to know of a step."""
    chart = {"detector": CHART, "subject": "=~$step", "feature": "", "method": WORST_RATIO}
    drift = {"detector": DRIFT, "subject": "=~$step", "feature": "", "method": WORST_RATIO}
    anomaly = {"detector": ANOMALY, "method": WORST_MACHINE, "subject": "=~$step"}
    gates = {"gate": "=~$gate"}
    return [
        number(
            "Holds waiting",
            "Parts held at the chosen steps about which nobody has decided yet. The hold queue on Gatewatch's own page "
            "lists them with the time by which each is due.",
            Query(or_zero(by("sum", (), series("gatewatch_holds_waiting", step="=~$step"))), "parts"),
            bad=None, height=8,
        ),
        number(
            "Holds overdue",
            "Those that have waited longer than the step's decide_by. If above 0, ask who decides on held parts at "
            "the step.",
            Query(or_zero(by("sum", (), series("gatewatch_holds_overdue", step="=~$step"))), "parts"), height=8,
        ),
        bars(
            "Decisions per hour",
            "Recommendations of the gates at the chosen steps. If there are none while parts pass, the gate is out of "
            "service; after more scrap than usual look at the machines first, then at drift.",
            [Query(hourly("gatewatch_gate_decisions_total", ("verdict",), **gates), "{{verdict}}")],
            width=16, colours=VERDICTS,
        ),
        statuses(
            "Machines, gates and measurements of the step",
            "The worst finding of each. Red: its own board shows what. Grey or orange while the line runs: nothing "
            "watches it.",
            Query(worst_status("subject", step="=~$step"), "{{subject}}"), STATUS, width=12,
        ),
        lines(
            "Worst machine, as a share of its limit",
            "Anomaly score of the worst machine at each step, from which it is called; the board of the machine shows "
            "which sensors make it.",
            [Query(share_of_limit(("subject",), **anomaly), "{{subject}}")], unit="percentunit", width=12,
        ),
        lines(
            "Worst feature, as a share of its limit",
            "How far the newest parts are from the frozen reference of the step. Above the limit, see the board of "
            "drift: it names the features.",
            [Query(value(("subject",), **drift), "{{subject}}"), Query(limit((), **drift), "limit")],
            unit="percentunit", width=12,
        ),
        lines(
            "Worst control chart, as a share of its limit",
            "Of the step's characteristics and scores. Above the limit, the alert says which, at which machine, which "
            "way and since when.",
            [Query(value(("subject",), **chart), "{{subject}}"), Query(limit((), **chart), "limit")],
            unit="percentunit", width=12,
        ),
    ]  # fmt: skip
