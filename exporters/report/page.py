"""The report as one self-contained HTML page: no scripts, no other files, no server."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from exporters.html.alarm_quality import quality_tables
from exporters.html.formatting import duration
from exporters.html.html import Html, page, table, tag
from exporters.report.changes import changes_section
from exporters.report.elements import counts, moment, share
from exporters.report.gates import gates_section
from exporters.report.machines import machines_section
from exporters.report.models import models_section
from exporters.report.savings import savings_section
from exporters.report.style import REPORT_STYLE
from exporters.report.timeline import alerts_table, faults_table, timeline, true_sections, values_table
from exporters.report.trend import drift_section
from exporters.report.values import Intake, PlantReport
from monitor.model import WATCHDOG

_PARTS = (
    ("changes", "What changed"), ("alerts", "Alerts"), ("alarms", "Alarm quality"), ("gates", "Gates"),
    ("savings", "Savings"), ("drift", "Drift"), ("machines", "Machines"), ("models", "Models"), ("intake", "Data"),
)  # fmt: skip


def report_page(report: PlantReport) -> str:
    """The report of a plant over a period."""
    report = replace(report, alerts=tuple(alert for alert in report.alerts if alert.name != WATCHDOG))
    return page(
        f"{report.site}, {report.start:%Y-%m-%d %H:%M} to {report.end:%Y-%m-%d %H:%M} UTC",
        _header(report),
        _section("changes", changes_section(report.changes, report.currency)),
        _tiles(report),
        *_truth(report),
        _section("alerts", [timeline(report), alerts_table(report), values_table(report)]),
        _section("alarms", quality_tables(report.alarms, report.end, moment)),
        _section("gates", gates_section(report)),
        _section("savings", savings_section(report)),
        _section("drift", drift_section(report)),
        _section("machines", machines_section(report)),
        _section("models", models_section(report)),
        _section("intake", _intake(report.intake)),
        style=REPORT_STYLE,
    )


def _header(report: PlantReport) -> Html:
    length = duration(report.end - report.start)
    subtitle = (
        f"{report.start:%Y-%m-%d %H:%M} to {report.end:%Y-%m-%d %H:%M}, {length}; all times are UTC · "
        f"plant file {report.plant_digest[:12] or 'not recorded'}"
    )
    links = (tag("a", title, href=f"#{name}") for name, title in _PARTS)
    title = tag("div", tag("h1", f"Report of {report.site}"), tag("p", subtitle, class_="muted"))
    return tag("header", title, tag("nav", *links, class_="contents", aria_label="Contents"))


def _section(name: str, body: list[Html]) -> Html:
    return tag("section", tag("h2", dict(_PARTS)[name]), *body, id=name)


def _truth(report: PlantReport) -> list[Html]:
    if report.faults is None:
        return []
    detected = sum(bool(fault.detections) for fault in report.faults)
    count = f"{detected} of {len(report.faults)} faults were detected"
    summary = f"This plant is simulated, so its faults are known. {count} by the alert meant for each."
    return [
        tag(
            "section", tag("h2", "Injected faults and their detection"), tag("p", summary), faults_table(report.faults)
        ),
        *true_sections(report),
    ]


def _tiles(report: PlantReport) -> Html:
    verdicts: Counter[str] = Counter()
    for gate in report.gates:
        for row in gate.verdicts:
            verdicts[row.verdict] += row.parts
    held = share(verdicts["hold"], verdicts.total())
    # A hold is no recommendation: the step's own procedure applies.
    recommended = Counter({verdict: parts for verdict, parts in verdicts.items() if verdict != "hold"})
    active = sum(alert.ended_at is None for alert in report.alerts)
    in_breach = [m.name for m in report.machines if m.breaches or any(s.breaches for s in m.sensors)]
    drifted = [s.name for s in report.steps if s.features]
    states = Counter(r.state for r in report.retrainings)
    return tag(
        "div",
        _tile(str(recommended.total()), "recommendations", counts(recommended)),
        _tile(held, "held", "the step's own procedure applied"),
        _tile(str(len(report.alerts)), "alerts fired", f"{active} still firing"),
        _tile(f"{len(in_breach)} of {len(report.machines)}", "machines with a breach", ", ".join(in_breach) or "none"),
        _tile(f"{len(drifted)} of {len(report.steps)}", "steps drifted", ", ".join(drifted) or "none"),
        _tile(str(len(report.retrainings)), "retrainings requested", counts(states) or "none"),
        class_="tiles",
    )


def _tile(figure: str, name: str, note: str) -> Html:
    return tag("div", tag("strong", figure), tag("span", name), tag("p", note, class_="muted"), class_="tile")


def _intake(intake: Intake) -> list[Html]:
    rows: list[tuple[str, ...]] = [
        ("Rows accepted", counts(intake.rows) or "none"),
        ("Rows quarantined", counts(intake.quarantined) or "none"),
        ("Failed job runs", counts(intake.failed_runs) or "none"),
        ("Messages for the MES", counts(intake.recommendations) or "none"),
    ]
    return [table(("", ""), rows, "")]
