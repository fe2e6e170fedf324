"""The index page: the current state of the plant, without Grafana."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from exporters.html.formatting import number
from exporters.html.html import Html, chip, page, table, tag
from exporters.metrics.families.findings import WINDOWED, fresh_findings
from exporters.metrics.families.gates import learns, outcomes_by_gate
from exporters.metrics.families.holds import is_overdue
from exporters.metrics.families.jobs import overdue
from exporters.metrics.shared.labels import outside_limit, time_left_text
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import AlertRow, BoardRow, GateRow, JobRow, MetricsSnapshot
from exporters.pages.estimates import estimated_error, with_limit
from exporters.pages.lists import list_url
from exporters.pages.parts import ago, clock, search_form, section
from monitor.detection import (
    BIAS,
    CHART,
    DRIFT,
    IMAGE_DRIFT,
    LIMIT,
    LIMITS,
    LOG_LOSS,
    MAE,
    MEASURES,
    MISCOVERAGE,
    NO_STATES,
    PERFORMANCE,
    RECONCILIATION,
    SKILL,
    TIME_LEFT,
    TIME_LEFT_EARLIEST,
    TIME_LEFT_LATEST,
    WORST_RATIO,
)
from monitor.model import WATCHDOG, Status

_WORST_FIRST = (Status.BREACH, Status.CANNOT_JUDGE, Status.NO_DATA, Status.OK)
_SEVERITIES = ("critical", "warning", "info")
_MOST_LISTED = 5
_VERDICTS = ("continue", "correct", "scrap", "hold")

Findings = Mapping[str, Sequence[BoardRow]]


def index_page(snapshot: MetricsSnapshot, bounds: Bounds, expiry: timedelta | None = None) -> str:
    """The plant at the instant of the snapshot."""
    findings: dict[str, list[BoardRow]] = defaultdict(list)
    for row in fresh_findings(snapshot, bounds.plant, expiry):
        findings[row.subject].append(row)
    return page(
        bounds.plant.site,
        _header(snapshot, bounds),
        search_form(),
        section("Alerts", _alerts(snapshot)),
        section("Gates", _gates(snapshot, bounds), _holds(snapshot, bounds), _performance(snapshot, bounds, findings)),
        section("Drift of the steps", _steps(snapshot, bounds, findings)),
        section("Machines", _machines(snapshot, bounds, findings)),
        section("Sources", _sources(snapshot, bounds, findings)),
        section("Jobs", _jobs(snapshot, bounds)),
        section("Deliveries", _outbox(snapshot)),
    )


def _header(snapshot: MetricsSnapshot, bounds: Bounds) -> Html:
    links = (
        ("Parts", "/parts"), ("Holds", "/holds"), ("Reports", "/reports/"), ("Metrics", "/metrics"),
        ("Ready", "/readyz"),
    )  # fmt: skip
    subtitle = f"{clock(snapshot.at)} · plant file {snapshot.plant_digest[:12] or 'not recorded'}"
    title = tag("div", tag("h1", bounds.plant.site), tag("p", subtitle, class_="muted"))
    return tag("header", title, tag("nav", *(tag("a", text, href=href) for text, href in links)))


def _alerts(snapshot: MetricsSnapshot) -> Html:
    """The firing alerts, worst and oldest first."""
    active = [alert for alert in snapshot.alerts if alert.active and alert.name != WATCHDOG]
    rows: list[tuple[str, ...]] = [
        (chip(a.severity), a.name, a.subject, a.team or "-", a.summary, a.cause or "-", ago(a.since, snapshot.at))
        for a in sorted(active, key=_rank)
    ]
    return table(("", "Alert", "Where", "Team", "What", "Likely cause", "Since"), rows, "No alert is active.")


def _rank(alert: AlertRow) -> tuple[int, datetime]:
    severity = _SEVERITIES.index(alert.severity) if alert.severity in _SEVERITIES else len(_SEVERITIES)
    return severity, alert.since


def _gates(snapshot: MetricsSnapshot, bounds: Bounds) -> Html:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in snapshot.tallies:
        if row.name == "gatewatch_gate_decisions_total":
            counts[row.labels.get("gate", "")][row.labels.get("verdict", "")] += int(row.value or 0)
    by_name = {row.gate: row for row in snapshot.gates}
    outcomes = outcomes_by_gate(snapshot)
    rows = [
        _gate_row(name, by_name.get(name), counts[name], outcomes[name], snapshot.at, bounds)
        for name in bounds.plant.gates
    ]
    heads = ("Gate", "Step", "Model in force", "Continue", "Correct", "Scrap", "Hold", "Recent holds", "Last decision")
    return table(heads, rows, "The plant file has no gate.")


def _gate_row(
    name: str, row: GateRow | None, counts: Counter[str], outcomes: int, now: datetime, bounds: Bounds
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
    link = tag("a", name, href=list_url({"gate": name}))
    return link, config.step, model, *decisions, recent_holds, ago(row and row.last_decision_at, now)


def _holds(snapshot: MetricsSnapshot, bounds: Bounds) -> Html:
    """How many holds wait for people, and for how long."""
    late = [row for row in snapshot.holds if is_overdue(row, bounds.plant, snapshot.at)]
    oldest = min((row.decided_at for row in snapshot.holds), default=None)
    said: list[str] = [tag("a", f"{len(snapshot.holds)} holds wait for a decision", href="/holds")]
    said += [", the oldest held ", ago(oldest, snapshot.at)] if oldest else []
    said += [", ", chip("overdue", f"{len(late)} overdue")] if late else []
    return tag("p", *said)


def _performance(snapshot: MetricsSnapshot, bounds: Bounds, findings: Findings) -> Html:
    """Accuracy of the gates against outcomes: value and limit of each measure, and the worst slice."""
    rows = [_performance_row(name, bounds, findings.get(name, ()), snapshot) for name in bounds.plant.gates]
    heads = (
        "Against outcomes", "", "Error", "Bias", "Outside intervals", "Skill", "Worst slice", "Newest outcome",
        "Error of the parts that wait, estimated",
    )  # fmt: skip
    return table(heads, rows, "The plant file has no gate.")


def _performance_row(gate: str, bounds: Bounds, rows: Sequence[BoardRow], snapshot: MetricsSnapshot) -> tuple[str, ...]:
    judged = [row for row in rows if row.detector == PERFORMANCE]
    overall = {row.method: row for row in judged if not row.feature}
    unit = bounds.plant.characteristics[bounds.plant.gates[gate].characteristic].unit
    loss = (LOG_LOSS, "log loss") if bounds.plant.gates[gate].of_classes else (MAE, unit)
    errors = (with_limit(overall.get(method), u) for method, u in (loss, (BIAS, unit), (MISCOVERAGE, "")))
    slices = [row for row in judged if row.feature and row.status == Status.BREACH]
    worst = max(slices, key=_limit_ratio, default=None)
    slice_ = f"{worst.feature}: {worst.method} {with_limit(worst)}" if worst else "-"
    # Higher skill is better: its limit is a lower bound.
    skill = overall.get(SKILL)
    newest = snapshot.newest_outcomes.get(bounds.plant.gates[gate].characteristic)
    now = snapshot.at
    told = number(skill and skill.value), slice_, ago(newest, now), estimated_error(rows, loss[1])
    return gate, _worst_status(list(overall.values())), *errors, *told


def _limit_ratio(row: BoardRow) -> float:
    return row.value / row.limit if row.value is not None and row.limit else 0.0


def _worst_status(rows: Sequence[BoardRow]) -> Html:
    """The worst status; without fresh findings no data, never OK."""
    status = next((s for s in _WORST_FIRST if any(row.status == s for row in rows)), Status.NO_DATA)
    return chip(status)


def _steps(snapshot: MetricsSnapshot, bounds: Bounds, findings: Findings) -> Html:
    rows = [_step_row(name, bounds, findings.get(name, ()), snapshot) for name in bounds.plant.steps]
    heads = ("Step", "Line", "", "Worst feature, times its limit", "Because of", "Newest part")
    return table(heads, rows, "The plant file has no step.")


def _step_row(step: str, bounds: Bounds, rows: Sequence[BoardRow], snapshot: MetricsSnapshot) -> tuple[str, ...]:
    detectors = (DRIFT, IMAGE_DRIFT, CHART)
    overall = [r for r in rows if r.detector in detectors and not r.feature and r.method == WORST_RATIO]
    worst = max(overall, key=_limit_ratio, default=None)
    causes = ", ".join(name for row in sorted(overall, key=_limit_ratio, reverse=True) for name in row.causes[:3])
    drift = (number(worst and worst.value), causes or "-", ago(snapshot.newest_parts.get(step), snapshot.at))
    return step, bounds.plant.steps[step].line, _worst_status(overall), *drift


def _machines(snapshot: MetricsSnapshot, bounds: Bounds, findings: Findings) -> Html:
    """Machines, and subjects that are no longer in the plant file."""
    plant = bounds.plant
    elsewhere = {*plant.machines, *plant.gates, *plant.steps, *plant.sources}
    others = sorted({row.subject for row in snapshot.board} - elsewhere)
    rows: list[tuple[str, ...]] = []
    for name in (*plant.machines, *others):
        step = plant.machines[name].step if name in plant.machines else ""
        judged = [
            row
            for row in findings.get(name, ())
            if row.detector not in WINDOWED and row.method not in (*NO_STATES, *MEASURES)
        ]
        newest = max((row.at for row in judged), default=None)
        units = {s: c.unit for s, c in plant.machines[name].sensors.items()} if name in plant.machines else {}
        left = _time_left(findings.get(name, ()))
        rows.append((name, step, *_worst_findings(judged, units), left, ago(newest, snapshot.at)))
    heads = ("Machine", "Step", "Status", "What", "Running hours until a limit", "Newest sample")
    return table(heads, rows, "The plant file has no machine.")


def _time_left(rows: Sequence[BoardRow]) -> str:
    """The sensors that have a trend, the one that reaches its limit first at the head."""
    methods = (TIME_LEFT, TIME_LEFT_EARLIEST, TIME_LEFT_LATEST)
    hours = {(row.feature, row.method): row.value for row in rows if row.method in methods and row.value is not None}
    first = sorted({(min(h for (s, _), h in hours.items() if s == sensor), sensor) for sensor, _ in hours})
    told = (f"{sensor} {time_left_text(*(hours.get((sensor, method)) for method in methods))}" for _, sensor in first)
    return "; ".join(told) or "-"


def _sources(snapshot: MetricsSnapshot, bounds: Bounds, findings: Findings) -> Html:
    positions: dict[str, datetime | None] = {}
    for cursor in snapshot.cursors:
        so_far = positions.get(cursor.source)
        # A source has been read up to the position of its slowest partition.
        positions[cursor.source] = cursor.position if so_far is None else min(so_far, cursor.position or so_far)
    refused = {row.source: f"{row.refused} of {row.accepted + row.refused}" for row in snapshot.intakes}
    rows: list[tuple[str, ...]] = [
        (
            name,
            source.kind.replace("_", " "),
            *_row_counts(findings.get(name, ())),
            refused.get(name, "-"),
            ago(positions.get(name), snapshot.at),
        )
        for name, source in bounds.plant.sources.items()
    ]
    return table(
        ("Source", "Kind", "Row counts", "", "Newest rows refused", "Read up to"), rows, "The plant file has no source."
    )


def _row_counts(rows: Sequence[BoardRow]) -> tuple[Html, str]:
    gap = next((row for row in rows if row.detector == RECONCILIATION), None)
    if gap is None:
        return chip(Status.NO_DATA, "not compared yet"), ""
    return chip(gap.status), "" if gap.status == Status.OK else f"{number(gap.value)} rows are missing in the store"


def _worst_findings(rows: Sequence[BoardRow], units: Mapping[str, str]) -> tuple[str, str]:
    """The worst status and its findings; without fresh findings no data, never OK."""
    if not rows:
        return chip(Status.NO_DATA), "no fresh finding"
    worst = next((status for status in _WORST_FIRST if any(row.status == status for row in rows)), Status.CANNOT_JUDGE)
    if worst is Status.OK:
        return chip(worst), f"{len(rows)} {'check' if len(rows) == 1 else 'checks'}"
    bad = [row for row in rows if row.status != Status.OK]
    bad.sort(key=lambda row: (row.status != worst, row.feature, row.method))
    listed = "; ".join(_finding(row, units) for row in bad[:_MOST_LISTED])
    return chip(worst), listed + (f"; and {len(bad) - _MOST_LISTED} more" if len(bad) > _MOST_LISTED else "")


def _finding(row: BoardRow, units: Mapping[str, str]) -> str:
    if (row.detector, row.method, row.status) == (LIMITS, LIMIT, Status.BREACH):
        return outside_limit(row.feature, row.value, row.limit, units.get(row.feature, ""))
    causes = f" ({', '.join(row.causes)})" if row.causes else ""
    against = f" {number(row.value)} against {number(row.limit)}" if row.limit is not None else ""
    return f"{row.feature or row.subject}: {row.method}{against}{causes}, {row.status.replace('_', ' ')}"


def _jobs(snapshot: MetricsSnapshot, bounds: Bounds) -> Html:
    by_name = {row.name: row for row in snapshot.jobs}
    names = sorted({*by_name, *bounds.jobs})
    rows = [_job_row(name, by_name.get(name), overdue(snapshot, bounds, name), snapshot.at) for name in names]
    heads = ("Job", "", "Last success", "Duration", "Runs", "Failed", "Missed slots", "Rows", "Last error")
    return table(heads, rows, "No job has run yet.")


def _job_row(name: str, row: JobRow | None, late: bool, now: datetime) -> tuple[str, ...]:
    state: str = chip("overdue") if late else ""
    if row is None:
        return name, state, ago(None, now), "-", "0", "0", "0", "0", ""
    duration = "-" if row.duration_seconds is None else f"{row.duration_seconds:.2f} s"
    counts = (str(n) for n in (row.runs, row.failures, row.missed_slots, row.rows))
    return name, state, ago(row.last_success_at, now), duration, *counts, row.error or ""


def _outbox(snapshot: MetricsSnapshot) -> Html:
    rows: list[tuple[str, ...]] = [
        (row.channel, str(row.pending), ago(row.oldest_pending_at, snapshot.at) if row.pending else "-",
         chip("dead", f"{row.dead} dead") if row.dead else "0")
        for row in snapshot.outbox
    ]  # fmt: skip
    return table(("Channel", "Pending", "Oldest", "Dead"), rows, "No messages.")
