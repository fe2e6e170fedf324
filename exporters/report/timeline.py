"""Alerts on a timeline; in the demo with the injected faults for comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from exporters.html.formatting import duration, in_currency, money, number
from exporters.html.html import Html, chip, table, tag
from exporters.report.elements import collapsed, legend, moment, plain, plot, until
from exporters.report.lanes import Block, Lane, lanes
from exporters.report.values import Episode, Fault, PlantReport

_SEVERITIES = ("critical", "warning", "info")
_LANES = 40


def timeline(report: PlantReport) -> Html:
    """The chart: faults first, then a lane for each alert and subject."""
    heads = [Lane("Injected faults", heading=True)] if report.faults else []
    shown = _alert_lanes(report.alerts)
    rows = [*heads, *map(_fault_lane, report.faults or ()), *_headed(report, shown[:_LANES])]
    if not rows:
        return tag("p", "No alert fired.", class_="muted")
    title = "Alerts over time" if not report.faults else "Injected faults and alerts"
    description = f"{len(report.alerts)} episodes of alerts; the table below has each with its times."
    keys = [("fault", "injected fault"), ("sign", "the alert meant for it fires")]
    severities = [(f"b-{s}", s) for s in _SEVERITIES if any(a.severity == s for a in report.alerts)]
    left_out = f"; {len(shown) - _LANES} more alerts are in the table" if len(shown) > _LANES else ""
    chart = lanes(title, description, rows, report.start, report.end)
    return tag("div", legend([*(keys if report.faults else []), *severities]), plot(f"{title}{left_out}", chart))


def _headed(report: PlantReport, rows: Sequence[Lane]) -> list[Lane]:
    if report.faults is None:
        return list(rows)
    return [Lane("Alerts that fired", heading=True), *(rows or [Lane("none")])]


def _fault_lane(fault: Fault) -> Lane:
    tooltip = f"{plain(fault.kind)} at {fault.where}, {fault.start:%Y-%m-%d %H:%M} to {fault.end:%Y-%m-%d %H:%M} UTC"
    block = Block(fault.start, None if fault.lasting else fault.end, "fault", tooltip)
    return Lane(f"{plain(fault.kind)}: {fault.where}", (block,), tuple(detection.at for detection in fault.detections))


def _alert_lanes(alerts: Iterable[Episode]) -> list[Lane]:
    """Worst first, then by when each first fired."""
    episodes: dict[tuple[str, str], list[Episode]] = defaultdict(list)
    for alert in alerts:
        episodes[(alert.name, alert.subject)].append(alert)
    ranked = sorted(episodes.items(), key=lambda item: (_rank(item[1][0]), item[1][0].since))
    return [Lane(f"{name}: {subject}", tuple(map(_episode_block, alerts))) for (name, subject), alerts in ranked]


def _rank(alert: Episode) -> int:
    return _SEVERITIES.index(alert.severity) if alert.severity in _SEVERITIES else len(_SEVERITIES)


def _episode_block(alert: Episode) -> Block:
    over = "still firing" if alert.ended_at is None else f"until {alert.ended_at:%Y-%m-%d %H:%M}"
    tooltip = f"{alert.name} {alert.subject}: {alert.summary} ({alert.since:%Y-%m-%d %H:%M} UTC, {over})"
    return Block(alert.since, alert.ended_at, f"b-{alert.severity}", tooltip)


def alerts_table(report: PlantReport) -> Html:
    """Every episode, newest first."""
    rows: list[tuple[str, ...]] = [
        (chip(a.severity), a.name, a.subject, a.team or "-", moment(a.since), until(a.ended_at),
         duration((a.ended_at or report.end) - a.since), a.summary, a.cause or "-")
        for a in sorted(report.alerts, key=lambda a: a.since, reverse=True)
    ]  # fmt: skip
    heads = ("", "Alert", "Where", "Team", "Since (UTC)", "Until", "Lasted", "What", "Likely cause")
    return tag("div", table(heads, rows, "No alert fired."), class_="texts")


def faults_table(faults: Sequence[Fault]) -> Html:
    """Injected faults, and what detected them after what time."""
    rows: list[tuple[str, ...]] = [
        (plain(f.kind), f.where, moment(f.start), _end(f), _detected_by(f), _verdicts(f)) for f in faults
    ]
    heads = ("Fault", "Where", "From (UTC)", "Until", "Detected by", "Recommendations for its parts")
    return tag("div", table(heads, rows, "No faults were injected."), class_="texts")


def _end(fault: Fault) -> str:
    return "ongoing" if fault.lasting else moment(fault.end)


def _detected_by(fault: Fault) -> Html:
    if not fault.detections:
        return tag("span", "not detected by the alert meant for it", class_="missed")
    first = fault.detections[0]
    since = fault.detectable_from or fault.start
    when = f"after {duration(first.at - since)}"
    if first.at < since:
        when = f"{duration(since - first.at)} before it exceeds the limit"
    return tag("span", f"{first.what}, {when}", class_="detected")


def _verdicts(fault: Fault) -> str:
    verdicts = (f"{gate}: {', '.join(f'{v} {n}' for v, n in by.items())}" for gate, by in fault.recommended.items())
    return "; ".join(verdicts) or "-"


def true_sections(report: PlantReport) -> list[Html]:
    """What decisions cost by the truth of a simulated plant, and which steps matter beside how its line was built."""
    sections = []
    if (known := report.true_costs) is not None:
        what = f"What became of {known.parts} parts at gate {known.gate}, by their true state."
        costs: list[tuple[str, ...]] = [(name, money(cost)) for name, cost in known.costs]
        facts: list[tuple[str, ...]] = list(known.facts)
        heads = "Rule", in_currency("Cost", report.currency)
        cost_table, fact_table = table(heads, costs, ""), table(("At the gate", "Parts"), facts, "")
        both = tag(
            "div", tag("div", cost_table, class_="narrow"), tag("div", fact_table, class_="narrow"), class_="plots two"
        )
        notes = [tag("p", note, class_="muted") for note in known.notes]
        sections.append(tag("section", tag("h2", "What the decisions cost"), tag("p", what), both, *notes))
    if report.built_steps:
        what = (
            "Share of all variance that each step explains, by the values of its parts and by how the line was built: "
            "what `gatewatch steps rank` calls explained; its gain is a share of what the steps before left. A step "
            "matters if it tells something that was not known before it."
        )
        rows: list[tuple[str, ...]] = [
            (one.step, f"{one.found:.0%}", f"{one.built:.0%}", "yes" if one.matters else "no")
            for one in report.built_steps
        ]
        found = tag("div", table(("Step", "Explained", "Built", "Matters"), rows, ""), class_="narrow")
        sections.append(tag("section", tag("h2", "Which steps matter"), tag("p", what), found))
    return sections


def values_table(report: PlantReport) -> Html:
    """The value and limit of each alert."""
    rows: list[tuple[str, ...]] = [
        (a.name, a.subject, moment(a.since), number(a.value), number(a.limit)) for a in report.alerts
    ]
    return collapsed("values and limits", table(("Alert", "Where", "Since (UTC)", "Value", "Limit"), rows, "None."))
