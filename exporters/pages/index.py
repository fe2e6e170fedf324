"""The index page: the current state of the plant, without Grafana."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta

from exporters.html.formatting import number
from exporters.html.html import Html, chip, table, tag
from exporters.metrics.families.gates import learns, outcomes_by_gate
from exporters.metrics.families.holds import is_overdue
from exporters.metrics.families.jobs import overdue
from exporters.metrics.families.sources import newest_row
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import BoardRow, GateRow, JobRow, MetricsSnapshot
from exporters.pages.clock import Clock
from exporters.pages.estimates import estimated_error, with_limit
from exporters.pages.findings import (
    Findings,
    by_subject,
    limit_ratio,
    newest_samples,
    row_counts,
    states,
    time_left,
    units_of,
    worst_findings,
    worst_status,
)
from exporters.pages.lists import list_url
from exporters.pages.parts import (
    REFRESH_SECONDS,
    Top,
    andon_url,
    framed,
    links,
    runbook_link,
    search_form,
    section,
    subject_link,
)
from exporters.pages.status import firing
from monitor.detection import (
    BIAS,
    CHART,
    DRIFT,
    IMAGE_DRIFT,
    LOG_LOSS,
    MAE,
    MISCOVERAGE,
    PERFORMANCE,
    SKILL,
    WORST_RATIO,
)
from monitor.model import Status

_VERDICTS = ("continue", "correct", "scrap", "hold")


def index_page(snapshot: MetricsSnapshot, bounds: Bounds, top: Top, expiry: timedelta | None = None) -> str:
    """The plant at the instant of the snapshot."""
    findings, clock = by_subject(snapshot, bounds, expiry), top.clock
    gates = _gates(snapshot, bounds, clock), _holds(snapshot, bounds, clock)
    return framed(
        bounds.plant.site,
        top,
        _header(snapshot, bounds, clock),
        search_form(),
        section("Alerts", _alerts(snapshot, clock)),
        section("Gates", *gates, _performance(snapshot, bounds, findings, clock)),
        section("Drift of the steps", _steps(snapshot, bounds, findings, clock)),
        section("Machines", _machines(snapshot, bounds, findings, clock)),
        section("Sources", _sources(snapshot, bounds, findings, clock)),
        section("Jobs", _jobs(snapshot, bounds, clock)),
        section("Deliveries", _outbox(snapshot, clock)),
        refresh=REFRESH_SECONDS,
    )


def _header(snapshot: MetricsSnapshot, bounds: Bounds, clock: Clock) -> Html:
    subtitle = f"{clock.exact(snapshot.at)} · plant file {snapshot.plant_digest[:12] or 'not recorded'}"
    title = tag("div", tag("h1", bounds.plant.site), tag("p", subtitle, class_="muted"))
    lines = dict.fromkeys(step.line for step in bounds.plant.steps.values())
    screens = (tag("a", f"Andon {line}", href=andon_url(line)) for line in lines)
    return tag(
        "header", title, links(*screens, tag("a", "Metrics", href="/metrics"), tag("a", "Ready", href="/readyz"))
    )


def _alerts(snapshot: MetricsSnapshot, clock: Clock) -> Html:
    """The firing alerts, worst and oldest first."""
    rows: list[tuple[str, ...]] = [
        (
            chip(a.severity), runbook_link(a.name), subject_link(a.subject), a.team or "-", a.summary, a.cause or "-",
            clock.ago(a.since),
        )
        for a in firing(snapshot)
    ]  # fmt: skip
    return table(("", "Alert", "Where", "Team", "What", "Likely cause", "Since"), rows, "No alert is active.")


def _gates(snapshot: MetricsSnapshot, bounds: Bounds, clock: Clock) -> Html:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in snapshot.tallies:
        if row.name == "gatewatch_gate_decisions_total":
            counts[row.labels.get("gate", "")][row.labels.get("verdict", "")] += int(row.value or 0)
    by_name = {row.gate: row for row in snapshot.gates}
    outcomes = outcomes_by_gate(snapshot)
    rows = [
        _gate_row(name, by_name.get(name), counts[name], outcomes[name], clock, bounds) for name in bounds.plant.gates
    ]
    heads = ("Gate", "Step", "Model in force", "Continue", "Correct", "Scrap", "Hold", "Recent holds", "Last decision")
    return table(heads, rows, "The plant file has no gate.")


def _gate_row(
    name: str, row: GateRow | None, counts: Counter[str], outcomes: int, clock: Clock, bounds: Bounds
) -> tuple[str, ...]:
    config = bounds.plant.gates[name]
    model: str = chip("hold", "none: every part is held")
    if row and row.version:
        model = f"{row.model} {row.version}"
    elif learns(row, outcomes, config):
        model = chip("hold", f"none: every part is held; {outcomes} of {config.training.min_outcomes} outcomes")
    decisions = (
        tag("a", str(counts[verdict]), href=list_url({"verdict": verdict, "gate": name})) for verdict in _VERDICTS
    )
    recent_holds = f"{row.holds} of {row.recent}" if row and row.recent else "-"
    last = clock.ago(row and row.last_decision_at)
    return subject_link(name), subject_link(config.step), model, *decisions, recent_holds, last


def _holds(snapshot: MetricsSnapshot, bounds: Bounds, clock: Clock) -> Html:
    """How many holds wait for people, and for how long."""
    late = [row for row in snapshot.holds if is_overdue(row, bounds.plant, snapshot.at)]
    oldest = min((row.decided_at for row in snapshot.holds), default=None)
    said: list[str] = [tag("a", f"{len(snapshot.holds)} holds wait for a decision", href="/holds")]
    said += [", the oldest held ", clock.ago(oldest)] if oldest else []
    said += [", ", chip("overdue", f"{len(late)} overdue")] if late else []
    return tag("p", *said)


def _performance(snapshot: MetricsSnapshot, bounds: Bounds, findings: Findings, clock: Clock) -> Html:
    """Accuracy of the gates against outcomes: value and limit of each measure, and the worst slice."""
    rows = [_performance_row(name, bounds, findings.get(name, ()), snapshot, clock) for name in bounds.plant.gates]
    heads = (
        "Against outcomes", "", "Error", "Bias", "Outside intervals", "Skill", "Worst slice", "Newest outcome",
        "Error of the parts that wait, estimated",
    )  # fmt: skip
    return table(heads, rows, "The plant file has no gate.")


def _performance_row(
    gate: str, bounds: Bounds, rows: Sequence[BoardRow], snapshot: MetricsSnapshot, clock: Clock
) -> tuple[str, ...]:
    judged = [row for row in rows if row.detector == PERFORMANCE]
    overall = {row.method: row for row in judged if not row.feature}
    unit = bounds.plant.characteristics[bounds.plant.gates[gate].characteristic].unit
    loss = (LOG_LOSS, "log loss") if bounds.plant.gates[gate].of_classes else (MAE, unit)
    errors = (with_limit(overall.get(method), u) for method, u in (loss, (BIAS, unit), (MISCOVERAGE, "")))
    slices = [row for row in judged if row.feature and row.status == Status.BREACH]
    worst = max(slices, key=limit_ratio, default=None)
    slice_ = f"{worst.feature}: {worst.method} {with_limit(worst)}" if worst else "-"
    # Higher skill is better: its limit is a lower bound.
    skill = overall.get(SKILL)
    newest = snapshot.newest_outcomes.get(bounds.plant.gates[gate].characteristic)
    told = number(skill and skill.value), slice_, clock.ago(newest), estimated_error(rows, loss[1])
    return subject_link(gate), worst_status(list(overall.values())), *errors, *told


def _steps(snapshot: MetricsSnapshot, bounds: Bounds, findings: Findings, clock: Clock) -> Html:
    rows = [_step_row(name, bounds, findings.get(name, ()), snapshot, clock) for name in bounds.plant.steps]
    heads = ("Step", "Line", "", "Worst feature, times its limit", "Because of", "Newest part")
    return table(heads, rows, "The plant file has no step.")


def _step_row(
    step: str, bounds: Bounds, rows: Sequence[BoardRow], snapshot: MetricsSnapshot, clock: Clock
) -> tuple[str, ...]:
    detectors = (DRIFT, IMAGE_DRIFT, CHART)
    overall = [r for r in rows if r.detector in detectors and not r.feature and r.method == WORST_RATIO]
    worst = max(overall, key=limit_ratio, default=None)
    causes = ", ".join(name for row in sorted(overall, key=limit_ratio, reverse=True) for name in row.causes[:3])
    drift = (number(worst and worst.value), causes or "-", clock.ago(snapshot.newest_parts.get(step)))
    return subject_link(step), bounds.plant.steps[step].line, worst_status(overall), *drift


def _machines(snapshot: MetricsSnapshot, bounds: Bounds, findings: Findings, clock: Clock) -> Html:
    """Machines, and subjects that are no longer in the plant file."""
    plant = bounds.plant
    elsewhere = {*plant.machines, *plant.gates, *plant.steps, *plant.sources}
    others = sorted({row.subject for row in snapshot.board} - elsewhere)
    newest = newest_samples(snapshot)
    rows: list[tuple[str, ...]] = []
    for name in (*plant.machines, *others):
        step: str = subject_link(plant.machines[name].step) if name in plant.machines else ""
        judged = states(findings.get(name, ()))
        told = *worst_findings(judged, units_of(bounds, name)), time_left(findings.get(name, ()))
        rows.append((subject_link(name), step, *told, clock.ago(newest.get(name))))
    heads = ("Machine", "Step", "Status", "What", "Running hours until a limit", "Newest sample")
    return table(heads, rows, "The plant file has no machine.")


def _sources(snapshot: MetricsSnapshot, bounds: Bounds, findings: Findings, clock: Clock) -> Html:
    refused = {row.source: f"{row.refused} of {row.accepted + row.refused}" for row in snapshot.intakes}
    rows: list[tuple[str, ...]] = [
        (
            subject_link(name),
            source.kind.replace("_", " "),
            *row_counts(findings.get(name, ())),
            refused.get(name, "-"),
            clock.ago(newest_row(snapshot, name)),
        )
        for name, source in bounds.plant.sources.items()
    ]
    return table(
        ("Source", "Kind", "Row counts", "", "Newest rows refused", "Read up to"), rows, "The plant file has no source."
    )


def _jobs(snapshot: MetricsSnapshot, bounds: Bounds, clock: Clock) -> Html:
    by_name = {row.name: row for row in snapshot.jobs}
    names = sorted({*by_name, *bounds.jobs})
    rows = [_job_row(name, by_name.get(name), overdue(snapshot, bounds, name), clock) for name in names]
    heads = ("Job", "", "Last success", "Duration", "Runs", "Failed", "Missed slots", "Rows", "Last error")
    return table(heads, rows, "No job has run yet.")


def _job_row(name: str, row: JobRow | None, late: bool, clock: Clock) -> tuple[str, ...]:
    state: str = chip("overdue") if late else ""
    if row is None:
        return subject_link(name), state, clock.ago(None), "-", "0", "0", "0", "0", ""
    duration = "-" if row.duration_seconds is None else f"{row.duration_seconds:.2f} s"
    counts = (str(n) for n in (row.runs, row.failures, row.missed_slots, row.rows))
    return subject_link(name), state, clock.ago(row.last_success_at), duration, *counts, row.error or ""


def _outbox(snapshot: MetricsSnapshot, clock: Clock) -> Html:
    rows: list[tuple[str, ...]] = [
        (row.channel, str(row.pending), clock.ago(row.oldest_pending_at) if row.pending else "-",
         chip("dead", f"{row.dead} dead") if row.dead else "0")
        for row in snapshot.outbox
    ]  # fmt: skip
    return table(("Channel", "Pending", "Oldest", "Dead"), rows, "No messages.")
