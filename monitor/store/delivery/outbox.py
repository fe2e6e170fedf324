"""The outbox: messages to the MES and to people, which of them are due, and their delivery status."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.model import JsonObject, Reason, Verdict
from monitor.statuses import OutboxStatus
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.rows import fetch_rows, select_columns
from monitor.store.rows.decisions import StoredDecision

MES = "mes"
"""The channel of recommendations; the channels of notifications are in the metric catalogue."""


class OutboxMessage(NamedTuple):
    """A message; `error` is that of the last failed attempt, `next_at` when a pending one may be tried."""

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


class FailedDelivery(NamedTuple):
    """The new state of a message whose delivery failed; `next_at` None leaves it unchanged."""

    status: OutboxStatus
    attempts: int
    error: str
    next_at: datetime | None


def new_message(channel: str, key: str, subject: str, payload: JsonObject, now: datetime) -> dict[str, object]:
    """The row of a new message. Messages of one channel and subject are sent in order of creation."""
    return {
        "channel": channel, "key": key, "subject": subject, "payload": payload, "status": OutboxStatus.PENDING,
        "created_at": now, "next_at": now, "attempts": 0,
    }  # fmt: skip


def recommendation(site: str, decision: StoredDecision, coverage: float | None) -> dict[str, object]:
    """The outbox row that sends a decision to the MES, under its idempotency key.

    Its confidence is the nominal coverage of the interval that decided (the model's or the forecast's), None for a
    hold. A recommendation is made only if the whole interval lies in one region, so it is right whenever the interval
    contains the true value: for exchangeable parts at least that often. This is a lower bound on average over all
    judged parts, not the probability for this one.
    """
    d = decision
    numbers = d.forecast if d.reason == Reason.FORECAST and d.forecast is not None else None
    value, lower, upper = (
        (d.predicted, d.lower, d.upper) if numbers is None else (numbers["value"], numbers["lower"], numbers["upper"])
    )
    payload = {
        "site": site, "serial": d.serial, "step": d.step, "visit": d.visit, "revision": d.revision,
        "recommendation": d.verdict, "reason": d.reason,
        "confidence": None if d.verdict == Verdict.HOLD else coverage, "on_hold": d.on_hold,
        "model_version": d.version, "predicted": value, "lower": lower, "upper": upper,
        "decided_at": d.decided_at.isoformat(), **_priced(d),
    }  # fmt: skip
    key = json.dumps([site, d.serial, d.step, d.visit, d.revision])
    return new_message(MES, key, d.serial, payload, d.decided_at)


def _priced(decision: StoredDecision) -> dict[str, object]:
    """What the recommendation of a gate that decides by cost is expected to cost, and the correction by name.

    `audit` is 1 where the part is to be inspected whatever is recommended. `probability` is that of being within
    specification then; a correction by adjustment says what to set to what.
    """
    chosen = next((one for one in decision.costs or () if one["action"] == decision.verdict), None)
    audit = int((decision.signals or {}).get("audit", False))
    if chosen is None:
        return {"audit": audit} if audit else {}
    found = {"correction": chosen["correction"], "expected_cost": chosen["cost"], "audit": audit}
    found |= {"probability": chosen["probability"]} if "probability" in chosen else {}
    for move, ending in zip(decision.adjustment["moves"] if decision.adjustment else (), ("", "_2"), strict=False):
        found |= {f"adjustment{ending}": move["variable"], f"adjust_to{ending}": move["to"]}
    return found


def next_due(connection: sa.Connection, channels: Iterable[str], now: datetime, limit: int) -> list[OutboxMessage]:
    """What may be sent at `now`, in order of creation: the first pending message of each channel and subject, if due.

    A later message of a part waits while an earlier one is pending, so that the MES receives them in order; dead
    letters and the messages of other subjects hold nothing up.
    """
    return list(fetch_rows(connection, OutboxMessage, _due(tuple(channels), limit), {"now": now}))


@lru_cache(maxsize=64)
def _due(channels: tuple[str, ...], limit: int) -> sa.Select[Any]:
    o = t.outbox.c
    pending = (o.channel.in_(channels), o.status == OutboxStatus.PENDING)
    first = sa.select(sa.func.min(o.id)).where(*pending).group_by(o.channel, o.subject)
    due = o.id.in_(first), o.next_at <= sa.bindparam("now", type_=o.next_at.type)
    return select_columns(OutboxMessage, t.outbox).where(*due).order_by(o.id).limit(limit)


def record_sent(connection: sa.Connection, ids: Sequence[int], now: datetime) -> None:
    """Mark these messages as sent."""
    if ids:
        sent = t.outbox.update().where(t.outbox.c.id.in_(ids))
        connection.execute(sent.values(status=OutboxStatus.SENT, sent_at=now, error=None))


def record_failed(connection: sa.Connection, number: int, failed: FailedDelivery) -> None:
    """Record that the delivery of a message failed."""
    change = {name: value for name, value in failed._asdict().items() if name != "next_at" or value is not None}
    connection.execute(t.outbox.update().where(t.outbox.c.id == number).values(change))


def resend(store: Store, now: datetime, ids: Sequence[int] = ()) -> int:
    """Make dead letters pending again, all or those of `ids`; returns how many."""
    dead = t.outbox.update().where(t.outbox.c.status == OutboxStatus.DEAD)
    if ids:
        dead = dead.where(t.outbox.c.id.in_(ids))
    with store.write() as connection:
        return int(connection.execute(dead.values(status=OutboxStatus.PENDING, attempts=0, next_at=now)).rowcount)


def messages_with_status(store: Store, status: OutboxStatus) -> list[OutboxMessage]:
    """Messages of a status, oldest first."""
    query = select_columns(OutboxMessage, t.outbox).where(t.outbox.c.status == status).order_by(t.outbox.c.id)
    with store.read() as connection:
        return list(fetch_rows(connection, OutboxMessage, query))


def messages_about(connection: sa.Connection, subject: str) -> list[OutboxMessage]:
    """Every message about a part, in order of creation."""
    query = select_columns(OutboxMessage, t.outbox).where(t.outbox.c.subject == subject).order_by(t.outbox.c.id)
    return list(fetch_rows(connection, OutboxMessage, query))


def counts_by_status(connection: sa.Connection, channel: str) -> dict[str, int]:
    """How many messages of a channel have each status."""
    o = t.outbox.c
    query = sa.select(o.status, sa.func.count()).where(o.channel == channel).group_by(o.status)
    return {row[0].value: int(row[1]) for row in connection.execute(query)}
