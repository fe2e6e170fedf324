"""The outbox: messages that wait for the MES and for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from monitor.model import Verdict
from monitor.store.database import tables as t
from monitor.store.database.database import Store


def recommendation(site: str, decision: Mapping[str, Any], coverage: float | None) -> dict[str, Any]:
    """The outbox row that carries a decision to the MES, under its idempotency key.

    Its confidence is the coverage of the model's interval, None for a hold. A recommendation stands only where the
    whole interval lies in one region, so it is right whenever the interval holds the truth: over exchangeable parts
    at least that often. It is a floor that holds on average over all judged parts, not a probability of this one.
    """
    key = [site, *(decision[name] for name in ("serial", "step", "visit", "revision"))]
    held = decision["verdict"] == Verdict.HOLD.value
    payload = {
        "site": site, "serial": decision["serial"], "step": decision["step"], "visit": decision["visit"],
        "revision": decision["revision"], "recommendation": decision["verdict"], "reason": decision["reason"],
        "confidence": None if held else coverage, "on_hold": decision["on_hold"],
        "model_version": decision["version"], "predicted": decision["predicted"], "lower": decision["lower"],
        "upper": decision["upper"], "decided_at": decision["decided_at"].isoformat(),
    }  # fmt: skip
    now = decision["decided_at"]
    return {
        "channel": "mes", "key": json.dumps(key), "subject": decision["serial"], "payload": payload,
        "status": "pending", "created_at": now, "next_at": now, "attempts": 0,
    }  # fmt: skip


def undelivered(store: Store, status: str) -> Sequence[Any]:
    """Rows of the outbox of a status, oldest first."""
    with store.read() as connection:
        return connection.execute(sa.select(t.outbox).where(t.outbox.c.status == status).order_by(t.outbox.c.id)).all()
