"""The status of the plant in one line: how old its data are, and its worst alert. Old data are never called healthy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from exporters.metrics.families.jobs import overdue
from exporters.metrics.families.sources import newest_row, staleness
from exporters.metrics.shared.labels import SEVERITIES
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import AlertRow, MetricsSnapshot
from exporters.pages.clock import Clock
from monitor.model import WATCHDOG

_ALERTS_JOB, _PULLS = "alerts", "pull:"
_MOST_REASONS = 2


class Level(StrEnum):
    """How bad it is: nothing is wrong, something is, or what is shown cannot be trusted."""

    GOOD = "good"
    POOR = "poor"
    BAD = "bad"


class Ranked(Protocol):
    """An alert, as far as it matters for which is the worst."""

    @property
    def severity(self) -> str:
        """Its severity."""

    @property
    def since(self) -> datetime:
        """Since when it holds."""


Row = TypeVar("Row", bound=Ranked)


@dataclass(frozen=True, slots=True)
class Status:
    """The line; `old` says why the data are old, '' if they are not."""

    text: str
    level: Level
    old: str = ""


def status_of(snapshot: MetricsSnapshot, bounds: Bounds, clock: Clock) -> Status:
    """The state of the plant in words."""
    old = old_data(snapshot, bounds, clock)
    if not snapshot.store_readable:
        return Status(f"NO DATA: {old}", Level.BAD, old)
    alerts = firing(snapshot)
    said = _worst(alerts, clock) if alerts else "no alert"
    if old:
        return Status(f"DATA IS OLD: {old}; {said}", Level.BAD, old)
    if alerts:
        worst = alerts[0].severity == SEVERITIES[0]
        return Status(said, Level.BAD if worst else Level.POOR)
    newest = newest_part(snapshot)
    if newest is None:
        return Status("no alert; no part has come yet", Level.POOR)
    return Status(f"no alert; newest part {clock.ago_text(newest)}", Level.GOOD)


def firing(snapshot: MetricsSnapshot) -> list[AlertRow]:
    """The firing alerts, worst and oldest first; the watchdog always fires and is none."""
    return worst_first([alert for alert in snapshot.alerts if alert.active and alert.name != WATCHDOG])


def worst_first(alerts: Iterable[Row]) -> list[Row]:
    """Alerts by severity, the oldest of each first."""
    return sorted(alerts, key=_rank)


def newest_part(snapshot: MetricsSnapshot) -> datetime | None:
    """When the last part passed any step."""
    return max(snapshot.newest_parts.values(), default=None)


def old_data(snapshot: MetricsSnapshot, bounds: Bounds, clock: Clock) -> str:
    """Why the data are old, in words; '' if they are not."""
    reasons = list(_reasons(snapshot, bounds, clock))
    more = f" and {len(reasons) - _MOST_REASONS} more" if len(reasons) > _MOST_REASONS else ""
    return ", ".join(reasons[:_MOST_REASONS]) + more


def _reasons(snapshot: MetricsSnapshot, bounds: Bounds, clock: Clock) -> Iterator[str]:
    if not snapshot.store_readable:
        yield "the store cannot be read"
        return
    if not snapshot.store_writable:
        yield "the store cannot be written"
    rows = {row.name: row for row in snapshot.jobs}
    for name in bounds.jobs:
        if (name == _ALERTS_JOB or name.startswith(_PULLS)) and overdue(snapshot, bounds, name):
            last = rows[name].last_slot if name in rows else None
            yield f"job {name} {_since('has not run', last, clock)}"
    for name, source in bounds.plant.sources.items():
        ratio = 0.0 if source.stale_after is None else staleness(snapshot, name, source.stale_after)
        if ratio is None or ratio > 1:
            yield f"source {name} {_since('has no new row', newest_row(snapshot, name), clock)}"


def _since(what: str, at: datetime | None, clock: Clock) -> str:
    return f"{what} at all" if at is None else f"{what} since {clock.text(at)}"


def _worst(alerts: list[AlertRow], clock: Clock) -> str:
    worst = alerts[0]
    count = f"{len(alerts)} alerts, the worst" if len(alerts) > 1 else "1 alert,"
    return f"{count} {worst.severity}: {worst.name} {worst.subject} since {clock.text(worst.since)}"


def _rank(alert: Ranked) -> tuple[int, datetime]:
    severity = SEVERITIES.index(alert.severity) if alert.severity in SEVERITIES else len(SEVERITIES)
    return severity, alert.since
