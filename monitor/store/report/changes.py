"""What changed in the period of a report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from detectors.window.roster import step_detector_names
from exporters.report.changes import Changes, DriftBegun, ModelChange
from exporters.report.values import Episode, GateReport, Retraining, SavedMonth
from monitor.model import WATCHDOG, RetrainingState
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.report.machines import breaches_of

_INSTANT = timedelta(microseconds=1)


def changes(
    connection: sa.Connection, plant: Plant, start: datetime, end: datetime,
    gates: Iterable[GateReport], alerts: Sequence[Episode], requests: Iterable[Retraining],
) -> Changes:  # fmt: skip
    """What is different at the end of the period; the cost avoided is added by `with_savings`."""
    told = _told(alerts)
    asked = list(requests)
    return Changes(
        sum(one.since >= start for one in told),
        sum(one.ended_at is not None for one in told),
        sum(one.ended_at is None for one in told),
        tuple(_models(connection, gates, start)),
        tuple(_drifted(connection, plant, start, end)),
        sum(one.requested_at >= start for one in asked),
        sum(one.state == RetrainingState.PROMOTED.value and _ended_in(one, start, end) for one in asked),
    )


def with_savings(found: Changes, saved: Sequence[SavedMonth], last: Mapping[str, float] | None) -> Changes:
    """With the cost avoided, and how much more it is than `last`, by month; None without a last report."""
    if not saved:
        return found
    now = avoided_by_month(saved)
    more = None if last is None else sum(now.values()) - sum(last.get(month, 0.0) for month in now)
    return found._replace(avoided=sum(now.values()), avoided_more=more)


def avoided_by_month(saved: Iterable[SavedMonth]) -> dict[str, float]:
    """The cost avoided by all gates, by month as YYYY-MM."""
    found: dict[str, float] = defaultdict(float)
    for one in saved:
        found[f"{one.month:%Y-%m}"] += one.avoided
    return dict(found)


def _ended_in(one: Retraining, start: datetime, end: datetime) -> bool:
    return one.finished_at is not None and start <= one.finished_at < end


def _models(connection: sa.Connection, gates: Iterable[GateReport], start: datetime) -> Iterator[ModelChange]:
    d = t.decision.c
    for gate in gates:
        query = sa.select(d.version).where(d.gate == gate.name, d.at < start, d.version != "")
        before = connection.scalar(query.order_by(d.at.desc(), d.arrival.desc()).limit(1)) or ""
        if gate.version_periods and gate.version_periods[-1].version != before:
            last = gate.version_periods[-1]
            yield ModelChange(gate.name, before, last.version, last.start)


def _drifted(connection: sa.Connection, plant: Plant, start: datetime, end: datetime) -> Iterator[DriftBegun]:
    """The steps with a breach of their data as a whole that began in the period."""
    detectors = step_detector_names()
    for step in plant.steps:
        # Breaches from before then have the start of what was asked for.
        found = breaches_of(connection, step, start - _INSTANT, end)
        begun = [b for b in found if b.detector in detectors and not b.feature and b.start >= start]
        if begun:
            yield DriftBegun(step, begun[0].start, begun[0].causes)


def _told(alerts: Iterable[Episode]) -> list[Episode]:
    return [one for one in alerts if one.name != WATCHDOG]
