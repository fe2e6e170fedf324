"""The store as metrics and pages read it: one snapshot, its cost bounded by the plant and not by its history."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerting.notifications.likely_causes import cited_words
from alerting.notifications.steady import steady_text
from exporters.metrics.shared.snapshot import (
    AlertRow,
    BoardRow,
    CursorRow,
    GateRow,
    HoldRow,
    JobRow,
    MetricsSnapshot,
    OutboxRow,
    SavingRow,
    TallyRow,
    WrongRow,
)
from exporters.report.values import Wrong
from monitor.model import FOUND_SCRAP, Reason, Verdict
from monitor.statuses import OutboxStatus
from monitor.store.database import tables as t
from monitor.store.delivery.drills import drilled_teams
from monitor.store.models.versions import models_in_force
from monitor.store.parts.holds import waiting_holds
from monitor.store.plant_files import newest_digest, store_created_at
from monitor.store.report.alarms import newest_quality
from monitor.store.report.savings import saved_month
from monitor.store.understood import recent_intake, unknown_names
from monitor.store.watching.board import board_rows
from monitor.store.watching.causes import likely_causes
from monitor.store.watching.details import RECENT_DECISIONS
from monitor.store.watching.newest import newest_outcomes, newest_parts
from monitor.store.watching.standing import newest_states
from monitor.store.watching.step_ranks import step_ranks

"""Number of newest decisions from which a gate's interval width and hold ratio are computed."""

_WITHOUT_MODEL = (Reason.NO_MODEL, Reason.BAD_MODEL, Reason.NO_SKILL, Reason.NOT_CALIBRATED, Reason.FORECAST)

ENDED_FOR = timedelta(days=1)
"""How long an alert that ended is still exported as not active."""


NAMED_FOR = timedelta(days=1)
"""How long a machine or step that the plant file has not is exported after its last row."""


def metrics_snapshot(
    connection: Connection, now: datetime, holds: bool = True, causes: bool = False, quality: bool = True
) -> MetricsSnapshot:
    """The store as the metrics show it at `now` (aware UTC).

    `holds`: whether those that wait are wanted, which are a quarter of the time. `causes`: whether alerts shall cite
    their likely causes, as pages do. `quality`: whether the figures of the alarms of the newest days are wanted.
    """
    return MetricsSnapshot(
        at=now,
        jobs=tuple(_jobs(connection)),
        cursors=tuple(_cursors(connection)),
        gates=tuple(_gates(connection)),
        holds=tuple(HoldRow(row.step, row.decided_at) for row in waiting_holds(connection, now)) if holds else (),
        savings=tuple(_savings(connection)),
        outbox=tuple(_outbox(connection)),
        board=tuple(_board(connection)),
        alerts=tuple(_alerts(connection, now - ENDED_FOR, causes)),
        tallies=tuple(_tallies(connection)),
        intakes=tuple(recent_intake(connection, now)),
        unknown_names=tuple(unknown_names(connection, now - NAMED_FOR)),
        standing=newest_states(connection, now),
        newest_parts=newest_parts(connection, now),
        newest_outcomes=newest_outcomes(connection, now),
        step_ranks=tuple(step_ranks(connection)),
        drilled=drilled_teams(connection, now),
        quality=newest_quality(connection, now) if quality else None,
        plant_digest=newest_digest(connection) or "",
        store_since=store_created_at(connection),
        store_bytes=_size(connection),
    )


def _jobs(connection: Connection) -> Iterator[JobRow]:
    return (JobRow._make(row) for row in connection.execute(_all_jobs()))


@cache
def _all_jobs() -> sa.Select[Any]:
    c = t.job.c
    columns = (c.name, c.runs, c.failures, c.missed_slots, c.rows, c.last_slot, c.last_success_at)
    last = (c.duration_seconds, c.lag_seconds, c.error, c.result, c.unreadable, c.source, c.partition)
    return sa.select(*columns, *last).order_by(c.name)


def _cursors(connection: Connection) -> Iterator[CursorRow]:
    c = t.cursor.c
    query = sa.select(c.job, c.source, c.partition, c.position).order_by(c.job, c.source, c.partition)
    return (CursorRow._make(row) for row in connection.execute(query))


def _gates(connection: Connection) -> Iterator[GateRow]:
    in_force = models_in_force(connection)
    for gate in sorted({*in_force, *_deciding_gates(connection)}):
        model = in_force.get(gate)
        since, changes = (model.since, model.changes) if model else (None, 0)
        identity = (model.model, model.version, model.digest) if model else ("", "", "")
        yield GateRow._make((gate, *identity, since, changes, *_recent(connection, gate, since)))


def _deciding_gates(connection: Connection) -> Iterator[str]:
    """One index lookup per gate: a DISTINCT would read every decision."""
    name = connection.scalar(_FIRST_GATE)
    while name is not None:
        yield name
        name = connection.scalar(_NEXT_GATE, {"after": name})


_FIRST_GATE = sa.select(sa.func.min(t.decision.c.gate))
_NEXT_GATE = _FIRST_GATE.where(t.decision.c.gate > sa.bindparam("after"))


def _recent(
    connection: Connection, gate: str, since: datetime | None
) -> tuple[int, int, float | None, datetime | None, int, str]:
    rows = connection.execute(_newest_decisions(gate)).all()
    widths = [row.upper - row.lower for row in rows if row.lower is not None and row.upper is not None]
    # What was held before there was a model is no fault, and says nothing of the gate that has one.
    counted = [row for row in rows if row.reason != Reason.NO_MODEL or (since is not None and row.decided_at > since)]
    holds = sum(row.verdict == Verdict.HOLD for row in counted)
    width = sum(widths) / len(widths) if widths else None
    newest = max((row.decided_at for row in rows), default=None)
    # Also those that were held for want of a second signal or in a surge: the alert must not sleep when the gate holds.
    scraps = sum(row.reason in FOUND_SCRAP for row in rows)
    # Decisions of the very instant at which a model came into force were made before it.
    reasons = {row.reason for row in rows if row.decided_at == newest and (since is None or row.decided_at > since)}
    refused = next((str(reason) for reason in _WITHOUT_MODEL if reason in reasons), "")
    return len(counted), holds, width, newest, scraps, refused


@cache
def _newest_decisions(gate: str) -> sa.Select[Any]:
    c = t.decision.c
    query = sa.select(c.verdict, c.reason, c.lower, c.upper, c.decided_at).where(c.gate == gate)
    return query.order_by(c.at.desc()).limit(RECENT_DECISIONS)


def _savings(connection: Connection) -> Iterator[SavingRow]:
    """The newest month of each gate: a few short rows."""
    s = t.saving.c
    gates = s.kind == "gate"
    newest = sa.select(sa.func.max(s.month)).where(gates).scalar_subquery()
    for row in connection.execute(sa.select(t.saving).where(gates, s.month == newest).order_by(s.name)):
        found = saved_month(row.name, row.month, row.at, row.content)
        yield SavingRow(
            found.gate, found.month, found.avoided, found.lower, found.upper, found.stopped, found.waiting,
            found.worked, found.failed, _wrong(found.false_scraps), _wrong(found.escapes),
        )  # fmt: skip


def _wrong(found: Wrong) -> WrongRow:
    return WrongRow(found.known, found.estimate, found.lower, found.upper)


def _outbox(connection: Connection) -> Iterator[OutboxRow]:
    counts = {(channel, status): (n, oldest) for channel, status, n, oldest in connection.execute(_unsent())}
    for channel in sorted({channel for channel, _ in counts}):
        pending, oldest = counts.get((channel, OutboxStatus.PENDING), (0, None))
        yield OutboxRow(channel, pending, counts.get((channel, OutboxStatus.DEAD), (0, None))[0], oldest)


@cache
def _unsent() -> sa.Select[Any]:
    c = t.outbox.c
    # Nearly all rows are sent ones: only pending and dead ones are read.
    return (
        sa.select(c.channel, c.status, sa.func.count(), sa.func.min(c.created_at))
        .where(c.status.in_((OutboxStatus.PENDING, OutboxStatus.DEAD)))
        .group_by(c.channel, c.status)
    )


def _board(connection: Connection) -> list[BoardRow]:
    return sorted(board_rows(connection), key=lambda r: (r.subject, r.feature, r.detector, r.method))


def _alerts(connection: Connection, since: datetime, cited: bool) -> list[AlertRow]:
    """The newest episode of each alert that is active or ended recently, read by index."""
    causes = likely_causes(connection, since) if cited else []
    rows = (
        AlertRow._make(
            (
                *row[:-1],
                cited_words(row.name, row.subject, row.since, row.ended_at, causes),
                steady_text(row.name, row.condition, row.subject, row.details or ""),
            )
        )
        for row in connection.execute(_newest_episodes(), {"since": since})
    )
    # Sorted here: with ORDER BY, SQLite would scan the whole table in that order.
    return sorted(rows, key=lambda r: (r.name, r.subject))


@cache
def _newest_episodes() -> sa.Select[tuple[object, ...]]:
    c, later = t.alert.c, t.alert.alias().c
    superseding = (later.name == c.name, later.subject == c.subject, later.condition == c.condition, later.id > c.id)
    newest = ~sa.exists(sa.select(later.id).where(*superseding))
    columns = (
        c.name,
        c.subject,
        c.severity,
        c.summary,
        c.since,
        c.ended_at,
        c.state,
        c.condition,
        c.team,
        c.line,
        c.value,
        sa.type_coerce(c.details, sa.Text),
    )
    ended: sa.BindParameter[datetime] = sa.bindparam("since")
    return sa.select(*columns).where(sa.or_(c.ended_at.is_(None), c.ended_at > ended), newest)


def _tallies(connection: Connection) -> Iterator[TallyRow]:
    return (TallyRow(name, _labels(text), value) for name, text, value in connection.execute(_all_tallies()).all())


@cache
def _all_tallies() -> sa.Select[Any]:
    c = t.tally.c
    return sa.select(c.name, sa.type_coerce(c.labels, sa.Text), c.value).order_by(c.name, c.labels)


@lru_cache(maxsize=10_000)
def _labels(text: str) -> Mapping[str, str]:
    """Stored labels, which are the same at every scrape."""
    return MappingProxyType(json.loads(text))


def _size(connection: Connection) -> int | None:
    if connection.dialect.name == "sqlite":
        pages, size = connection.scalar(sa.text("PRAGMA page_count")), connection.scalar(sa.text("PRAGMA page_size"))
        return int(pages or 0) * int(size or 0)
    if connection.dialect.name == "postgresql":
        return int(connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())
    return None
