"""Findings in words and as rows of tables: the worst status, what is wrong, how long a limit is away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from exporters.html.formatting import number
from exporters.html.html import Html, chip
from exporters.metrics.families.findings import WINDOWED, fresh_findings
from exporters.metrics.shared.labels import outside_limit, time_left_text
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import BoardRow, MetricsSnapshot
from monitor.detection import (
    LIMIT,
    LIMITS,
    MEASURES,
    NO_STATES,
    RECONCILIATION,
    TIME_LEFT_HOURS,
)
from monitor.model import Status

WORST_FIRST = (Status.BREACH, Status.CANNOT_JUDGE, Status.NO_DATA, Status.OK)
_MOST_LISTED = 5

Findings = Mapping[str, Sequence[BoardRow]]


def by_subject(snapshot: MetricsSnapshot, bounds: Bounds, expiry: timedelta | None = None) -> Findings:
    """The findings that are not too old, by subject."""
    found: dict[str, list[BoardRow]] = defaultdict(list)
    for row in fresh_findings(snapshot, bounds.plant, expiry):
        found[row.subject].append(row)
    return found


def states(rows: Sequence[BoardRow]) -> list[BoardRow]:
    """Of a machine's findings those that say in what state it is."""
    return [row for row in rows if row.detector not in WINDOWED and row.method not in (*NO_STATES, *MEASURES)]


def newest_sample(rows: Sequence[BoardRow]) -> datetime | None:
    """When the newest sample was taken that findings rest on; None without any."""
    return max((row.at for row in rows), default=None)


def newest_samples(snapshot: MetricsSnapshot) -> Mapping[str, datetime]:
    """By subject the newest sample that findings on its state rest on, also those that are too old to be shown."""
    newest: dict[str, datetime] = {}
    for row in states(snapshot.board):
        newest[row.subject] = max(row.at, newest.get(row.subject, row.at))
    return newest


def units_of(bounds: Bounds, machine: str) -> dict[str, str]:
    """The unit of each sensor of a machine; none of what is no machine."""
    config = bounds.plant.machines.get(machine)
    return {name: sensor.unit for name, sensor in config.sensors.items()} if config else {}


def limit_ratio(row: BoardRow) -> float:
    """A value as a multiple of its limit; 0 where there is none."""
    return row.value / row.limit if row.value is not None and row.limit else 0.0


def worst_status(rows: Sequence[BoardRow]) -> Html:
    """The worst status; without fresh findings no data, never OK."""
    status = next((s for s in WORST_FIRST if any(row.status == s for row in rows)), Status.NO_DATA)
    return chip(status)


def time_left(rows: Sequence[BoardRow]) -> str:
    """The sensors that have a trend, the one that reaches its limit first at the head."""
    hours = {
        (row.feature, row.method): row.value for row in rows if row.method in TIME_LEFT_HOURS and row.value is not None
    }
    first = sorted({(min(h for (s, _), h in hours.items() if s == sensor), sensor) for sensor, _ in hours})
    told = (
        f"{sensor} {time_left_text(*(hours.get((sensor, method)) for method in TIME_LEFT_HOURS))}"
        for _, sensor in first
    )
    return "; ".join(told) or "-"


def worst_findings(rows: Sequence[BoardRow], units: Mapping[str, str]) -> tuple[str, str]:
    """The worst status and its findings; without fresh findings no data, never OK."""
    if not rows:
        return chip(Status.NO_DATA), "no fresh finding"
    worst = next((status for status in WORST_FIRST if any(row.status == status for row in rows)), Status.CANNOT_JUDGE)
    if worst is Status.OK:
        return chip(worst), f"{len(rows)} {'check' if len(rows) == 1 else 'checks'}"
    bad = [row for row in rows if row.status != Status.OK]
    bad.sort(key=lambda row: (row.status != worst, row.feature, row.method))
    listed = "; ".join(finding_text(row, units) for row in bad[:_MOST_LISTED])
    return chip(worst), listed + (f"; and {len(bad) - _MOST_LISTED} more" if len(bad) > _MOST_LISTED else "")


def finding_text(row: BoardRow, units: Mapping[str, str]) -> str:
    """A finding in words: which sensor or feature, by which method, the value against its limit, and why."""
    if (row.detector, row.method, row.status) == (LIMITS, LIMIT, Status.BREACH):
        return outside_limit(row.feature, row.value, row.limit, units.get(row.feature, ""))
    causes = f" ({', '.join(row.causes)})" if row.causes else ""
    against = f" {number(row.value)} against {number(row.limit)}" if row.limit is not None else ""
    return f"{row.feature or row.subject}: {row.method}{against}{causes}, {row.status.replace('_', ' ')}"


def row_counts(rows: Sequence[BoardRow]) -> tuple[Html, str]:
    """Whether a source and the store had the same rows when last compared, and by how many they differ."""
    gap = next((row for row in rows if row.detector == RECONCILIATION), None)
    if gap is None:
        return chip(Status.NO_DATA, "not compared yet"), ""
    return chip(gap.status), "" if gap.status == Status.OK else f"{number(gap.value)} rows are missing in the store"
