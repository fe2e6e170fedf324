"""What the summary of an alert adds to its text: which sensors, which error, which reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import sqlalchemy as sa

from alerting.specs.spec import AlertSpec
from exporters.metrics.shared.labels import outside_limit, time_left_text
from monitor.detection import (
    LIMIT,
    LIMITS,
    RECONCILIATION,
    TIME_LEFT,
    TIME_LEFT_EARLIEST,
    TIME_LEFT_LATEST,
    UNWATCHED,
)
from monitor.model import Status
from monitor.plant.plant import Plant
from monitor.store.database import tables as t


def detail_of(connection: sa.Connection, spec: AlertSpec, subject: str, plant: Plant) -> str:
    """Details for the summary: sensors with values and limits, features, a job's error, the reason of holds."""
    if spec.metric.startswith("gatewatch_finding_"):
        match = dict(spec.match)
        if match.get("method") == LIMIT:
            return _outside(connection, subject, plant)
        if match.get("method") == TIME_LEFT:
            return _time_left(connection, subject)
        return _causes(connection, match, subject)
    if spec.metric == "gatewatch_source_reconciliation_gap_rows":
        return _causes(connection, {"detector": RECONCILIATION}, subject)
    if spec.kind == "job":
        return _error(connection, t.job.c.name == subject)
    if spec.metric == "gatewatch_source_unreadable":
        j = t.job.c
        return _error(connection, sa.and_(j.source == subject, j.partition != "", j.unreadable != ""))
    if spec.metric == "gatewatch_clock_stepped":
        return _clock_step(connection)
    if spec.metric in ("gatewatch_source_refused_ratio", "gatewatch_source_nothing_understood"):
        return _newest_refusal(connection, subject)
    if spec.metric == "gatewatch_machine_unwatched":
        return _unwatched(connection, subject)
    if spec.metric == "gatewatch_gate_out_of_service":
        return _newest_reason(connection, subject)
    return ""


def _causes(connection: sa.Connection, match: Mapping[str, str], subject: str) -> str:
    b = t.board.c
    where = [b.subject == subject, b.status == Status.BREACH.value]
    where += [b[name] == match[name] for name in ("detector", "method", "feature") if name in match]
    rows = connection.execute(sa.select(b.feature, b.causes).where(*where).order_by(b.feature))
    return ", ".join(dict.fromkeys(name for row in rows for name in (row.causes or [row.feature]) if name))


def _outside(connection: sa.Connection, machine: str, plant: Plant) -> str:
    """The sensors outside their operating limits, each with its value and the limit that it crossed."""
    b = t.board.c
    where = (b.subject == machine, b.status == Status.BREACH.value, b.detector == LIMITS, b.method == LIMIT)
    sensors = plant.machines[machine].sensors if machine in plant.machines else {}
    told = []
    for row in connection.execute(sa.select(b.feature, b.value, b["limit"]).where(*where).order_by(b.feature)):
        unit = sensors[row.feature].unit if row.feature in sensors else ""
        told.append(outside_limit(row.feature, row.value, row.limit, unit))
    return ", ".join(told)


def _time_left(connection: sa.Connection, machine: str) -> str:
    """The sensors that will reach their limits, each with the hours until then."""
    b = t.board.c
    methods = (TIME_LEFT, TIME_LEFT_EARLIEST, TIME_LEFT_LATEST)
    query = sa.select(b.feature, b.method, b.value, b.status).where(b.subject == machine, b.method.in_(methods))
    rows = list(connection.execute(query.order_by(b.feature)))
    hours = {(row.feature, row.method): row.value for row in rows}
    breach = [row.feature for row in rows if row.method == TIME_LEFT and row.status == Status.BREACH.value]
    return ", ".join(
        f"{sensor} {time_left_text(*(hours.get((sensor, method)) for method in methods))}" for sensor in breach
    )


def _unwatched(connection: sa.Connection, machine: str) -> str:
    b = t.board.c
    rows = {row.method: row for row in connection.execute(sa.select(t.board).where(b.subject == machine))}
    if not rows:
        return "no reading of it ever came"
    counted = rows.get(UNWATCHED)
    if counted is not None and counted.status == Status.CANNOT_JUDGE.value:
        return f"{counted.value:.0f} rows were compared with nothing"
    return "no source of machine states reports it"


def _error(connection: sa.Connection, where: sa.ColumnElement[bool]) -> str:
    errors = connection.execute(sa.select(t.job.c.error).where(where).order_by(t.job.c.name)).scalars()
    return next((error for error in errors if error), "")


def _newest_refusal(connection: sa.Connection, source: str) -> str:
    q = t.quarantine.c
    query = sa.select(q.reason, q.column, q.value).where(q.source == source, q.resolved_at.is_(None))
    row = connection.execute(query.order_by(q.id.desc()).limit(1)).first()
    return (
        "" if row is None else f"{row.column}: {row.value or 'no value'} ({row.reason})" if row.column else row.reason
    )


def _clock_step(connection: sa.Connection) -> str:
    step = connection.scalar(sa.select(t.tally.c.value).where(t.tally.c.name == "gatewatch_clock_last_step_seconds"))
    return "" if step is None else f"{'back' if step < 0 else 'forward'} by {timedelta(seconds=round(abs(step)))}"


def _newest_reason(connection: sa.Connection, gate: str) -> str:
    d = t.decision.c
    query = sa.select(d.reason).where(d.gate == gate).order_by(d.decided_at.desc(), d.at.desc()).limit(1)
    in_force = connection.execute(sa.select(t.model_in_force.c.gate).where(t.model_in_force.c.gate == gate)).first()
    return "no_model" if in_force is None else connection.execute(query).scalar_one_or_none() or ""
