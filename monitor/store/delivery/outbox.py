"""The outbox: messages that wait for the MES and for people, which of them go out next, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import JsonObject, Verdict
from monitor.statuses import OutboxStatus
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.rows import fetched, selected
from monitor.store.rows.decisions import StoredDecision

MES = "mes"
"""The channel of recommendations; the channels of notifications are in the metric catalogue."""


class OutboxMessage(NamedTuple):
    """A message; `error` is of the last try that failed, `next_at` when a pending one may be tried."""

    id: int
    channel: str
    key: str
    subject: str
    payload: JsonObject
    status: OutboxStatus
    created_at: datetime
    next_at: datetime
    attempts: int
    sent_at: datetime | None
    error: str | None


class Failed(NamedTuple):
    """What becomes of a message that did not arrive; `next_at` None where it stays as it was."""

    status: OutboxStatus
    attempts: int
    error: str
    next_at: datetime | None


def new_message(channel: str, key: str, subject: str, payload: JsonObject, now: datetime) -> dict[str, object]:
    """The row of a new message. Those of one channel and subject leave in the order in which they were made."""
    return {
        "channel": channel, "key": key, "subject": subject, "payload": payload, "status": OutboxStatus.PENDING,
        "created_at": now, "next_at": now, "attempts": 0,
    }  # fmt: skip


def recommendation(site: str, decision: StoredDecision, coverage: float | None) -> dict[str, object]:
    """The outbox row that carries a decision to the MES, under its idempotency key.

    Its confidence is the coverage of the model's interval, None for a hold. A recommendation stands only where the
    whole interval lies in one region, so it is right whenever the interval holds the truth: over exchangeable parts
    at least that often. It is a floor that holds on average over all judged parts, not a probability of this one.
    """
    d = decision
    payload = {
        "site": site, "serial": d.serial, "step": d.step, "visit": d.visit, "revision": d.revision,
        "recommendation": d.verdict, "reason": d.reason,
        "confidence": None if d.verdict == Verdict.HOLD else coverage, "on_hold": d.on_hold,
        "model_version": d.version, "predicted": d.predicted, "lower": d.lower, "upper": d.upper,
        "decided_at": d.decided_at.isoformat(),
    }  # fmt: skip
    key = json.dumps([site, d.serial, d.step, d.visit, d.revision])
    return new_message(MES, key, d.serial, payload, d.decided_at)


def next_due(connection: sa.Connection, channels: Iterable[str], now: datetime, limit: int) -> list[OutboxMessage]:
    """What may be sent at `now`, in the order of making: of each channel and subject the first pending one, once due.

    A later message of a part waits while an earlier one is pending, so that the MES never goes back in time; a dead
    one holds nobody up, and a subject in trouble holds up no other.
    """
    o = t.outbox.c
    pending = (o.channel.in_(list(channels)), o.status == OutboxStatus.PENDING)
    first = sa.select(sa.func.min(o.id)).where(*pending).group_by(o.channel, o.subject)
    query = selected(OutboxMessage, t.outbox).where(o.id.in_(first), o.next_at <= now).order_by(o.id).limit(limit)
    return list(fetched(connection, OutboxMessage, query))


def record_sent(connection: sa.Connection, ids: Sequence[int], now: datetime) -> None:
    """Note that these messages arrived."""
    if ids:
        sent = t.outbox.update().where(t.outbox.c.id.in_(ids))
        connection.execute(sent.values(status=OutboxStatus.SENT, sent_at=now, error=None))


def record_failed(connection: sa.Connection, number: int, failed: Failed) -> None:
    """Note that a message did not arrive."""
    change = {name: value for name, value in failed._asdict().items() if name != "next_at" or value is not None}
    connection.execute(t.outbox.update().where(t.outbox.c.id == number).values(change))


def resend(store: Store, now: datetime, ids: Sequence[int] = ()) -> int:
    """Make dead letters pending again, all or the named ones; how many."""
    dead = t.outbox.update().where(t.outbox.c.status == OutboxStatus.DEAD)
    if ids:
        dead = dead.where(t.outbox.c.id.in_(ids))
    with store.write() as connection:
        return int(connection.execute(dead.values(status=OutboxStatus.PENDING, attempts=0, next_at=now)).rowcount)


def undelivered(store: Store, status: OutboxStatus) -> list[OutboxMessage]:
    """Messages of a status, oldest first."""
    query = selected(OutboxMessage, t.outbox).where(t.outbox.c.status == status).order_by(t.outbox.c.id)
    with store.read() as connection:
        return list(fetched(connection, OutboxMessage, query))


def messages_about(connection: sa.Connection, subject: str) -> list[OutboxMessage]:
    """Every message about a part, in the order of making."""
    query = selected(OutboxMessage, t.outbox).where(t.outbox.c.subject == subject).order_by(t.outbox.c.id)
    return list(fetched(connection, OutboxMessage, query))


def counts_by_status(connection: sa.Connection, channel: str) -> dict[str, int]:
    """How many messages of a channel are on record in each status."""
    o = t.outbox.c
    query = sa.select(o.status, sa.func.count()).where(o.channel == channel).group_by(o.status)
    return {row[0].value: int(row[1]) for row in connection.execute(query)}
