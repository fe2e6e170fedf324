"""The state of a plant on one screen of a terminal, as the index page has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from exporters.metrics.families.jobs import overdue
from exporters.metrics.families.sources import newest_row
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import MetricsSnapshot
from exporters.pages.clock import Clock
from exporters.pages.status import firing, status_of

_ALERTS_SHOWN = 15


def summary(snapshot: MetricsSnapshot, bounds: Bounds) -> dict[str, Any]:
    """The state as JSON values: the line that pages begin with and its level, then what it is made of."""
    clock = Clock(snapshot.at, bounds.plant.time_zone)
    state = status_of(snapshot, bounds, clock)
    gates = {row.gate: row for row in snapshot.gates}
    refused = {row.source: row for row in snapshot.intakes}
    jobs = {row.name: row for row in snapshot.jobs}
    return {
        "site": bounds.plant.site, "at": snapshot.at, "status": state.text, "level": state.level.value,
        "alerts": [
            {"severity": a.severity, "name": a.name, "subject": a.subject, "team": a.team, "since": a.since,
             "summary": a.summary, "cause": a.cause} for a in firing(snapshot)
        ],
        "gates": [
            {"gate": name, "model": f"{row.model} {row.version}" if row and row.version else None,
             "held": row.holds if row else 0, "of_newest": row.recent if row else 0,
             "last_decision": row.last_decision_at if row else None}
            for name in bounds.plant.gates for row in (gates.get(name),)
        ],
        "sources": [
            {"source": name, "read_up_to": newest_row(snapshot, name),
             "refused": refused[name].refused if name in refused else 0,
             "accepted": refused[name].accepted if name in refused else 0}
            for name in bounds.plant.sources
        ],
        "jobs": [
            {"job": name, "overdue": overdue(snapshot, bounds, name),
             "last_success": row.last_success_at if row else None,
             "error": row.error if row and row.result != "success" else None}
            for name in sorted(bounds.jobs) for row in (jobs.get(name),)
        ],
        "waiting": [{"channel": row.channel, "pending": row.pending, "dead": row.dead} for row in snapshot.outbox],
    }  # fmt: skip


def as_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The state for people; jobs and channels only where something is wrong."""
    yield f"{found['site']}: {found['status']}"
    for alert in found["alerts"][:_ALERTS_SHOWN]:
        cause = f"; likely cause: {alert['cause']}" if alert["cause"] else ""
        which = f"{alert['severity']}  {alert['name']}  {alert['subject']}"
        yield f"  {which}  since {_time(alert['since'])}  {alert['summary']}{cause}"
    if len(found["alerts"]) > _ALERTS_SHOWN:
        yield f"  and {len(found['alerts']) - _ALERTS_SHOWN} more: gatewatch alerts list"
    for gate in found["gates"]:
        held = f"{gate['held']} of the newest {gate['of_newest']} held" if gate["of_newest"] else "no decision yet"
        model = gate["model"] or "no model in force"
        yield f"gate {gate['gate']}: {model}; {held}; last decision {_time(gate['last_decision'])}"
    for source in found["sources"]:
        rows = source["refused"] + source["accepted"]
        refused = f", {source['refused']} of {rows} new rows refused" if source["refused"] else ""
        yield f"source {source['source']}: read up to {_time(source['read_up_to'])}{refused}"
    for job in found["jobs"]:
        if job["overdue"] or job["error"]:
            late = f"overdue, last success {_time(job['last_success'])}" if job["overdue"] else "failed"
            yield f"job {job['job']}: {late}{': ' + job['error'] if job['error'] else ''}"
    for channel in found["waiting"]:
        if channel["pending"] or channel["dead"]:
            yield f"to {channel['channel']}: {channel['pending']} waiting, {channel['dead']} dead"


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "never"
