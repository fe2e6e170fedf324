"""Alerts on a time line, and in the demo beside them what was put in, so that the two can be compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from exporters.html.html import Html, chip, table, tag
from exporters.html.words import number
from exporters.report.lanes import Block, Lane, lanes
from exporters.report.values import Episode, Fault, PlantReport
from exporters.report.words import folded, lasted, legend, moment, plain, plot, until

_SEVERITIES = ("critical", "warning", "info")
_LANES = 40


def timeline(report: PlantReport) -> Html:
    """The picture: faults first, then a lane for each alert and subject."""
    heads = [Lane("What was put in", heading=True)] if report.faults else []
    shown = _alert_lanes(report.alerts)
    rows = [*heads, *map(_fault_lane, report.faults or ()), *_headed(report, shown[:_LANES])]
    if not rows:
        return tag("p", "No alert fired.", class_="muted")
    title = "Alerts over time" if not report.faults else "What was put in, and the alerts it raised"
    described = f"{len(report.alerts)} episodes of alerts; the table after the picture has each with its times."
    keys = [("fault", "a fault that the simulator put in"), ("sign", "the alert meant for it fires")]
    severities = [(f"b-{s}", s) for s in _SEVERITIES if any(a.severity == s for a in report.alerts)]
    left_out = f"; {len(shown) - _LANES} more alerts are in the table" if len(shown) > _LANES else ""
    picture = lanes(title, described, rows, report.start, report.end)
    return tag("div", legend([*(keys if report.faults else []), *severities]), plot(f"{title}{left_out}", picture))


def _headed(report: PlantReport, rows: Sequence[Lane]) -> list[Lane]:
    if report.faults is None:
        return list(rows)
    return [Lane("Alerts that fired", heading=True), *(rows or [Lane("none")])]


def _fault_lane(fault: Fault) -> Lane:
    said = f"{plain(fault.kind)} at {fault.where}, {fault.start:%Y-%m-%d %H:%M} to {fault.end:%Y-%m-%d %H:%M} UTC"
    put_in = Block(fault.start, None if fault.lasting else fault.end, "fault", said)
    return Lane(f"{plain(fault.kind)}: {fault.where}", (put_in,), tuple(sign.at for sign in fault.signs))


def _alert_lanes(alerts: Iterable[Episode]) -> list[Lane]:
    """Worst first, then by the time at which each fired first."""
    found: dict[tuple[str, str], list[Episode]] = defaultdict(list)
    for alert in alerts:
        found[(alert.name, alert.subject)].append(alert)
    ranked = sorted(found.items(), key=lambda item: (_rank(item[1][0]), item[1][0].since))
    return [Lane(f"{name}: {subject}", tuple(map(_episode_block, some))) for (name, subject), some in ranked]


def _rank(alert: Episode) -> int:
    return _SEVERITIES.index(alert.severity) if alert.severity in _SEVERITIES else len(_SEVERITIES)


def _episode_block(alert: Episode) -> Block:
    over = "still holds" if alert.ended_at is None else f"until {alert.ended_at:%Y-%m-%d %H:%M}"
    said = f"{alert.name} {alert.subject}: {alert.summary} ({alert.since:%Y-%m-%d %H:%M} UTC, {over})"
    return Block(alert.since, alert.ended_at, f"b-{alert.severity}", said)


def alerts_table(report: PlantReport) -> Html:
    """Every episode, newest first."""
    rows: list[tuple[str, ...]] = [
        (chip(a.severity), a.name, a.subject, a.team or "-", moment(a.since), until(a.ended_at),
         lasted((a.ended_at or report.end) - a.since), a.summary)
        for a in sorted(report.alerts, key=lambda a: a.since, reverse=True)
    ]  # fmt: skip
    heads = ("", "Alert", "Where", "Team", "Since (UTC)", "Until", "Lasted", "What")
    return tag("div", table(heads, rows, "No alert fired."), class_="told")


def faults_table(faults: Sequence[Fault]) -> Html:
    """What was put in, and what noticed it how soon."""
    rows: list[tuple[str, ...]] = [
        (plain(f.kind), f.where, moment(f.start), "goes on" if f.lasting else moment(f.end), _noticed(f), _met(f))
        for f in faults
    ]
    heads = ("Put in", "Where", "From (UTC)", "Until", "Noticed by", "What the gates recommended for its parts")
    return tag("div", table(heads, rows, "Nothing was put in."), class_="told")


def _noticed(fault: Fault) -> Html:
    if not fault.signs:
        return tag("span", "not noticed by the alert meant for it", class_="missed")
    sign = fault.signs[0]
    since = fault.matters_from or fault.start
    when = f"after {lasted(sign.at - since)}"
    if sign.at < since:
        when = f"{lasted(since - sign.at)} before its level passes the limit"
    return tag("span", f"{sign.what}, {when}", class_="found")


def _met(fault: Fault) -> str:
    said = (f"{gate}: {', '.join(f'{v} {n}' for v, n in met.items())}" for gate, met in fault.recommended.items())
    return "; ".join(said) or "-"


def values_table(report: PlantReport) -> Html:
    """The number each alert fired on, beside its limit."""
    rows: list[tuple[str, ...]] = [
        (a.name, a.subject, moment(a.since), number(a.value), number(a.limit)) for a in report.alerts
    ]
    return folded("values and limits", table(("Alert", "Where", "Since (UTC)", "Value", "Limit"), rows, "None."))
