"""What is said of an alert beside its summary: which sensors, which error, which reason, how much."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TypeGuard

import sqlalchemy as sa

from alerting.notifications.languages.amounts import Amount
from alerting.notifications.languages.headline import NAMED, OUTSIDE
from alerting.notifications.languages.sentences import Said
from alerting.specs.spec import AlertSpec, Unit
from exporters.metrics.shared.labels import crossed
from monitor.detection import (
    LIMIT,
    LIMITS,
    RECONCILIATION,
    TIME_LEFT,
    TIME_LEFT_HOURS,
    UNWATCHED,
)
from monitor.model import Status
from monitor.plant.plant import Plant
from monitor.store.database import tables as t

RECENT_DECISIONS = 100
"""Newest decisions of a gate that its ratios are of."""
_HOUR = 3600.0


def details_of(
    connection: sa.Connection, spec: AlertSpec, subject: str, plant: Plant, value: float | None, limit: float | None
) -> list[Said]:
    """Sensors with values and limits, features, a job's error, the reason of holds; then the alert's value in words."""
    return [*_details(connection, spec, subject, plant), *_reading(connection, spec, subject, plant, value, limit)]


def _reading(
    connection: sa.Connection, spec: AlertSpec, subject: str, plant: Plant, value: float | None, limit: float | None
) -> Iterator[Said]:
    scale = 1.0
    if spec.metric == "gatewatch_source_staleness_ratio":
        stale_after = plant.sources[subject].stale_after if subject in plant.sources else None
        scale = stale_after.total_seconds() if stale_after else 0.0
    if not spec.reads or value is None or not math.isfinite(value) or not scale:
        return
    numbers: dict[str, Amount] = {"value": (value * scale, spec.unit)}
    if limit is not None:
        numbers["limit"] = (limit * scale, spec.unit)
    if "{newest}" in spec.reads:
        numbers["newest"] = (float(_decisions(connection, subject)), Unit.NUMBER)
    yield Said("reads", {}, numbers)


def _decisions(connection: sa.Connection, gate: str) -> int:
    newest = sa.select(t.decision.c.gate).where(t.decision.c.gate == gate).limit(RECENT_DECISIONS).subquery()
    return connection.scalar(sa.select(sa.func.count()).select_from(newest)) or 0


def _details(connection: sa.Connection, spec: AlertSpec, subject: str, plant: Plant) -> list[Said]:
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
    return []


def _causes(connection: sa.Connection, match: Mapping[str, str], subject: str) -> list[Said]:
    b = t.board.c
    where = [b.subject == subject, b.status == Status.BREACH.value]
    where += [b[name] == match[name] for name in ("detector", "method", "feature") if name in match]
    rows = connection.execute(sa.select(b.feature, b.causes).where(*where).order_by(b.feature))
    names = dict.fromkeys(name for row in rows for name in (row.causes or [row.feature]) if name)
    return [Said(NAMED, {"sensor": name}) for name in names]


def _outside(connection: sa.Connection, machine: str, plant: Plant) -> list[Said]:
    """The sensors outside their operating limits, each with its value and the limit that it crossed."""
    b = t.board.c
    where = (b.subject == machine, b.status == Status.BREACH.value, b.detector == LIMITS, b.method == LIMIT)
    sensors = plant.machines[machine].sensors if machine in plant.machines else {}
    told = []
    for row in connection.execute(sa.select(b.feature, b.value, b["limit"]).where(*where).order_by(b.feature)):
        if row.value is None or row.limit is None or not math.isfinite(row.value):
            told.append(Said(NAMED, {"sensor": row.feature}))
            continue
        sensor = sensors.get(row.feature)
        side = crossed(row.value, row.limit) if sensor is None else crossed(row.value, row.limit, sensor.low)
        numbers: dict[str, Amount] = {
            "value": (row.value, sensor.unit if sensor else ""), "limit": (row.limit, Unit.NUMBER),
        }  # fmt: skip
        told.append(Said(OUTSIDE[side], {"sensor": row.feature}, numbers))
    return told


def _time_left(connection: sa.Connection, machine: str) -> list[Said]:
    """The sensors that will reach their limits, each with the hours until then."""
    b = t.board.c
    query = sa.select(b.feature, b.method, b.value, b.status).where(b.subject == machine, b.method.in_(TIME_LEFT_HOURS))
    rows = list(connection.execute(query.order_by(b.feature)))
    hours = {(row.feature, row.method): row.value for row in rows}
    breach = [row.feature for row in rows if row.method == TIME_LEFT and row.status == Status.BREACH.value]
    return [_left(sensor, *(hours.get((sensor, method)) for method in TIME_LEFT_HOURS)) for sensor in breach]


def _left(sensor: str, likely: float | None, earliest: float | None, latest: float | None) -> Said:
    if likely == 0.0:
        key = "at_its_limit"
    elif likely is None:
        key = "without_a_trend" if earliest is None else "not_before"
    else:
        key, earliest = "or_later" if latest is None else "between", earliest or 0.0
    hours = {"likely": likely, "earliest": earliest, "latest": latest}
    return Said(key, {"sensor": sensor}, {n: (h * _HOUR, Unit.AGE) for n, h in hours.items() if _known(h)})


def _known(hours: float | None) -> TypeGuard[float]:
    return hours is not None and math.isfinite(hours)


def _unwatched(connection: sa.Connection, machine: str) -> list[Said]:
    b = t.board.c
    rows = {row.method: row for row in connection.execute(sa.select(t.board).where(b.subject == machine))}
    if not rows:
        return [Said("no_reading")]
    counted = rows.get(UNWATCHED)
    if counted is not None and counted.status == Status.CANNOT_JUDGE.value:
        return [Said("compared_with_nothing", {}, {"rows": (counted.value, Unit.NUMBER)})]
    return [Said("standing_unknown")]


def _error(connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[Said]:
    errors = connection.execute(sa.select(t.job.c.error).where(where).order_by(t.job.c.name)).scalars()
    return [Said("quoted", {"text": error}) for error in errors if error][:1]


def _newest_refusal(connection: sa.Connection, source: str) -> list[Said]:
    q = t.quarantine.c
    query = sa.select(q.reason, q.column, q.value).where(q.source == source, q.resolved_at.is_(None))
    row = connection.execute(query.order_by(q.id.desc()).limit(1)).first()
    if row is None:
        return []
    if not row.column:
        return [Said("reason", {"reason": row.reason})]
    names = {"column": row.column, "reason": row.reason}
    return [Said("refused_value", {**names, "text": row.value}) if row.value else Said("refused_empty", names)]


def _clock_step(connection: sa.Connection) -> list[Said]:
    step = connection.scalar(sa.select(t.tally.c.value).where(t.tally.c.name == "gatewatch_clock_last_step_seconds"))
    key = "set_back" if step is not None and step < 0 else "set_forward"
    return [] if step is None else [Said(key, {}, {"by": (abs(step), Unit.AGE)})]


def _newest_reason(connection: sa.Connection, gate: str) -> list[Said]:
    d = t.decision.c
    query = sa.select(d.reason).where(d.gate == gate).order_by(d.decided_at.desc(), d.at.desc()).limit(1)
    in_force = connection.execute(sa.select(t.model_in_force.c.gate).where(t.model_in_force.c.gate == gate)).first()
    reason = "no_model" if in_force is None else connection.execute(query).scalar_one_or_none()
    return [Said("reason", {"reason": reason})] if reason else []
