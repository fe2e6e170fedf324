"""The pages people look at: the plant now, one part, the list of reports, and what is wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from exporters.catalog import Bounds
from exporters.collector import fresh_findings, overdue
from exporters.html import Html, chip, page, table, tag
from exporters.snapshot import BoardRow, GateRow, JobRow, MetricsSnapshot
from exporters.words import shown
from monitor.model import Status

_WORST_FIRST = (Status.BREACH, Status.CANNOT_JUDGE, Status.NO_DATA, Status.OK)
_MOST_NAMED = 5


def index_page(snapshot: MetricsSnapshot, bounds: Bounds, expiry: timedelta | None = None) -> str:
    """The plant at the instant of the snapshot."""
    fresh = fresh_findings(snapshot, bounds.plant, expiry)
    return page(
        bounds.plant.site,
        _header(snapshot, bounds),
        _search(),
        _section("Alerts", _alerts(snapshot)),
        _section("Gates", _gates(snapshot, bounds)),
        _section("Machines and sources", _subjects(snapshot, bounds, fresh)),
        _section("Jobs", _jobs(snapshot, bounds)),
        _section("Recommendations on their way", _outbox(snapshot)),
    )


def part_page(passport: Mapping[str, Any]) -> str:
    """The passport of one part."""
    serial = str(passport["serial"])
    rows = [_event(event) for event in passport["events"]]
    machine = tag("a", "as JSON", href=f"{part_path(serial)}&format=json")
    heads = ("Time (UTC)", "What", "", "")
    return page(
        f"Part {serial}",
        tag("header", tag("h1", f"Part {serial}"), tag("nav", _home(), machine)),
        _search(),
        tag("section", table(heads, rows, "nothing is known")),
    )


def part_path(serial: str) -> str:
    """Where a part's page is: as a query, because dots, slashes and line breaks do not survive as a path."""
    return f"/parts?serial={quote(serial.encode('utf-8', 'replace'), safe='')}"


def reports_page(names: Sequence[str]) -> str:
    """The list of report files, by their path below the reports folder."""
    rows: list[tuple[str, ...]] = [(tag("a", name, href=f"/reports/{quote(name)}"),) for name in names]
    header = tag("header", tag("h1", "Reports"), tag("nav", _home()))
    return page("Reports", header, tag("section", table(("File",), rows, "No report has been written yet.")))


def problem_page(title: str, sentence: str) -> str:
    """What is wrong, in a sentence."""
    return page(title, tag("header", tag("h1", title), tag("nav", _home())), tag("section", tag("p", sentence)))


def ago(at: datetime | None, now: datetime) -> Html:
    """How long ago, with the exact time at hand."""
    if at is None:
        return tag("span", "never", class_="muted")
    seconds = (now - at).total_seconds()
    word = "ago" if seconds >= 0 else "ahead"
    return tag("time", f"{_length(abs(seconds))} {word}", datetime=at.isoformat(), title=_clock(at))


def _length(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _home() -> Html:
    return tag("a", "Overview", href="/")


def _section(title: str, body: Html) -> Html:
    return tag("section", tag("h2", title), body)


def _header(snapshot: MetricsSnapshot, bounds: Bounds) -> Html:
    links = (("Metrics", "/metrics"), ("Ready", "/readyz"), ("Reports", "/reports/"))
    said = f"{_clock(snapshot.at)} · plant file {snapshot.plant_digest[:12] or 'not recorded'}"
    title = tag("div", tag("h1", bounds.plant.site), tag("p", said, class_="muted"))
    return tag("header", title, tag("nav", *(tag("a", text, href=href) for text, href in links)))


def _search() -> Html:
    field = tag("input", name="serial", placeholder="Serial number of a part", aria_label="Serial number", required="")
    return tag("form", field, tag("button", "Show part"), action="/parts", method="get")


def _alerts(snapshot: MetricsSnapshot) -> Html:
    active = [alert for alert in snapshot.alerts if alert.active]
    rows: list[tuple[str, ...]] = [
        (chip(alert.severity), alert.name, alert.subject, alert.summary, ago(alert.since, snapshot.at))
        for alert in active
    ]
    return table(("", "Alert", "Where", "What", "Since"), rows, "No alert is active.")


def _gates(snapshot: MetricsSnapshot, bounds: Bounds) -> Html:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in snapshot.tallies:
        if row.name == "gatewatch_gate_decisions_total":
            counts[row.labels.get("gate", "")][row.labels.get("verdict", "")] += int(row.value or 0)
    known = {row.gate: row for row in snapshot.gates}
    rows = [_gate(name, known.get(name), counts[name], snapshot.at, bounds) for name in bounds.plant.gates]
    heads = ("Gate", "Step", "Model in force", "Continue", "Correct", "Scrap", "Hold", "Holds lately", "Last decision")
    return table(heads, rows, "The plant file has no gate.")


def _gate(name: str, row: GateRow | None, counts: Counter[str], now: datetime, bounds: Bounds) -> tuple[str, ...]:
    model: str = f"{row.model} {row.version}" if row and row.version else chip("hold", "none: every part is held")
    told = (str(counts[verdict]) for verdict in ("continue", "correct", "scrap", "hold"))
    lately = f"{row.holds} of {row.recent}" if row and row.recent else "-"
    return name, bounds.plant.gates[name].step, model, *told, lately, ago(row and row.last_decision_at, now)


def _subjects(snapshot: MetricsSnapshot, bounds: Bounds, fresh: Sequence[BoardRow]) -> Html:
    found: dict[str, list[BoardRow]] = defaultdict(list)
    for row in fresh:
        found[row.subject].append(row)
    expired = {row.subject for row in snapshot.board}
    machines = bounds.plant.machines
    rows: list[tuple[str, ...]] = []
    for name in (*machines, *sorted((set(found) | expired) - set(machines))):
        step = machines[name].step if name in machines else ""
        rows.append(
            (name, step, *_standing(found[name]), ago(max((r.at for r in found[name]), default=None), snapshot.at))
        )
    return table(("Subject", "Step", "Status", "What", "Newest sample"), rows, "The plant file has no machine.")


def _standing(rows: Sequence[BoardRow]) -> tuple[str, str]:
    """The worst status and what makes it; no fresh finding is no data, never OK."""
    if not rows:
        return chip(Status.NO_DATA), "no fresh finding"
    worst = next((status for status in _WORST_FIRST if any(row.status == status for row in rows)), Status.CANNOT_JUDGE)
    if worst is Status.OK:
        return chip(worst), f"{len(rows)} {'check' if len(rows) == 1 else 'checks'}"
    bad = [row for row in rows if row.status != Status.OK]
    bad.sort(key=lambda row: (row.status != worst, row.feature, row.method))
    named = "; ".join(map(_finding, bad[:_MOST_NAMED]))
    return chip(worst), named + (f"; and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else "")


def _finding(row: BoardRow) -> str:
    causes = f" ({', '.join(row.causes)})" if row.causes else ""
    against = f" {_number(row.value)} against {_number(row.limit)}" if row.limit is not None else ""
    return f"{row.feature or row.subject}: {row.method}{against}{causes}, {row.status.replace('_', ' ')}"


def _jobs(snapshot: MetricsSnapshot, bounds: Bounds) -> Html:
    known = {row.name: row for row in snapshot.jobs}
    names = sorted({*known, *bounds.jobs})
    rows = [_job(name, known.get(name), overdue(snapshot, bounds, name), snapshot.at) for name in names]
    heads = ("Job", "", "Last success", "Took", "Runs", "Failed", "Missed slots", "Rows", "Last error")
    return table(heads, rows, "No job has run yet.")


def _job(name: str, row: JobRow | None, late: bool, now: datetime) -> tuple[str, ...]:
    state: str = chip("overdue") if late else ""
    if row is None:
        return name, state, ago(None, now), "-", "0", "0", "0", "0", ""
    took = "-" if row.duration_seconds is None else f"{row.duration_seconds:.2f} s"
    counts = (str(n) for n in (row.runs, row.failures, row.missed_slots, row.rows))
    return name, state, ago(row.last_success_at, now), took, *counts, row.error or ""


def _outbox(snapshot: MetricsSnapshot) -> Html:
    rows: list[tuple[str, ...]] = [
        (row.channel, str(row.pending), ago(row.oldest_pending_at, snapshot.at) if row.pending else "-",
         chip("dead", f"{row.dead} dead") if row.dead else "0")
        for row in snapshot.outbox
    ]  # fmt: skip
    return table(("Channel", "Waiting", "Oldest", "Given up"), rows, "Nothing waits.")


def _event(event: Mapping[str, Any]) -> tuple[str, ...]:
    status = str(event["details"].get("verdict") or event["details"].get("status") or "")
    kind = tag("div", str(event["kind"]).replace("_", " "))
    terms = [
        element for name, value in event["details"].items() for element in (tag("dt", name), tag("dd", shown(value)))
    ]
    folded = tag("details", tag("summary", "details"), tag("dl", *terms))
    time = tag("time", str(event["at"]).replace("T", " "), datetime=str(event["at"]))
    return time, kind, chip(status) if status else "", tag("div", str(event["summary"]), folded)
