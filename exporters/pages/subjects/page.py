"""The page of what an alert is about: a machine, step, gate or source; its alerts, findings and what belongs to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from alerting.specs.roster import BY_NAME
from exporters.html.html import Html, chip, table, tag
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import AlertRow, MetricsSnapshot
from exporters.pages.clock import Clock
from exporters.pages.findings import Findings, by_subject, newest_samples, states, units_of, worst_findings
from exporters.pages.part_style import PART_STYLE
from exporters.pages.parts import REFRESH_SECONDS, Top, framed, links, runbook_link, search_form, section, subject_link
from exporters.pages.status import worst_first
from exporters.pages.subjects.facts import Fact, belonging, facts_of, kinds_of, machines_at
from exporters.pages.subjects.tables import findings_table, sensors_table
from monitor.model import WATCHDOG, Status
from monitor.statuses import AlertStatus


def subject_page(name: str, snapshot: MetricsSnapshot, bounds: Bounds, top: Top) -> str | None:
    """What is known of a subject now; None if neither the plant nor an alert knows it."""
    kinds = kinds_of(name, snapshot, bounds)
    if not kinds:
        return None
    findings, clock = by_subject(snapshot, bounds), top.clock
    title = tag("div", tag("h1", name), tag("p", " and ".join(kinds), class_="muted"))
    alerts = _alerts_of({name, *belonging(name, bounds)}, snapshot)
    facts = {kind: list(facts_of(kind, name, snapshot, bounds, findings, clock)) for kind in kinds}
    return framed(
        name,
        top,
        tag("header", title, search_form(), links()),
        section("Now", _now(name, alerts, findings), *_terms(facts)),
        section("Alerts of the last day", _alerts(alerts, clock)),
        *_machines(name, snapshot, bounds, findings, clock),
        *_findings(name, bounds, findings, clock),
        refresh=REFRESH_SECONDS,
        style=PART_STYLE,
    )


def _alerts_of(names: Iterable[str], snapshot: MetricsSnapshot) -> list[AlertRow]:
    """The alerts of these subjects that fire or ended lately: firing ones first, worst and oldest first."""
    about = set(names)
    rows = [row for row in snapshot.alerts if row.subject in about and row.name != WATCHDOG]
    fired = [row for row in worst_first(rows) if row.state is not AlertStatus.PENDING]
    return sorted(fired, key=lambda row: row.ended_at is not None)


def _now(name: str, alerts: Sequence[AlertRow], findings: Findings) -> Html:
    """In one sentence: how many alerts fire, and which is the worst; else the worst finding."""
    active = [row for row in alerts if row.active]
    if active:
        count = f"{len(active)} alerts fire, the worst: " if len(active) > 1 else ""
        return tag("p", chip(active[0].severity), f" {count}{active[0].summary}", class_="say")
    breaches = [row for row in findings.get(name, ()) if row.status == Status.BREACH]
    if breaches:
        return tag("p", chip(Status.BREACH), " no alert fires, but a finding is beyond its limit", class_="say")
    return tag("p", "no alert fires", class_="say")


def _terms(facts: Mapping[str, Sequence[Fact]]) -> Iterator[Html]:
    """The facts of each thing that bears the name."""
    for kind, known in facts.items():
        if len(facts) > 1:
            yield tag("h3", f"The {kind}")
        terms = [element for fact in known for element in (tag("dt", fact.name), tag("dd", *fact.said))]
        yield tag("dl", *terms)


def _alerts(alerts: Sequence[AlertRow], clock: Clock) -> Html:
    rows: list[tuple[str, ...]] = [
        (
            chip(row.severity) if row.active else chip("over"), runbook_link(row.name), subject_link(row.subject),
            row.summary, row.cause or "-", _action(row), clock.moment(row.since),
            clock.moment(row.ended_at) if row.ended_at else "fires",
        )
        for row in alerts
    ]  # fmt: skip
    heads = ("", "Alert", "Where", "What", "Likely cause", "To do", "Since", "Until")
    return table(heads, rows, "No alert fires, and none has ended in the last day.")


def _action(row: AlertRow) -> str:
    return BY_NAME[row.name].action if row.active and row.name in BY_NAME else "-"


def _machines(step: str, snapshot: MetricsSnapshot, bounds: Bounds, findings: Findings, clock: Clock) -> Iterator[Html]:
    """The machines of a step, each with its worst findings."""
    if step not in bounds.plant.steps:
        return
    newest = newest_samples(snapshot)
    rows: list[tuple[str, ...]] = []
    for name in machines_at(step, bounds):
        told = worst_findings(states(findings.get(name, ())), units_of(bounds, name))
        rows.append((subject_link(name), *told, clock.ago(newest.get(name))))
    yield section("Machines", table(("Machine", "Status", "What", "Newest sample"), rows, "The step has no machine."))


def _findings(name: str, bounds: Bounds, findings: Findings, clock: Clock) -> Iterator[Html]:
    rows = findings.get(name, ())
    if name in bounds.plant.machines:
        yield section("Sensors", sensors_table(bounds.plant.machines[name], rows, clock))
        rows = [row for row in rows if row.feature not in bounds.plant.machines[name].sensors]
    yield section("Findings", *findings_table(rows, clock))
