"""Small questions to the store that commands ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.database import Store


def last_finding(store: Store) -> int:
    """How many findings the store has ever held, by the highest number."""
    with store.read() as connection:
        return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(t.finding.c.id), 0))).scalar_one())


def undelivered(store: Store, status: str) -> Sequence[Any]:
    """Rows of the outbox of a status, oldest first."""
    with store.read() as connection:
        return connection.execute(sa.select(t.outbox).where(t.outbox.c.status == status).order_by(t.outbox.c.id)).all()


def alerts(store: Store, active: bool) -> Sequence[Any]:
    """Alerts, newest first; only those that fire now (Watchdog, which always does, left out), or all."""
    query = sa.select(t.alert).order_by(t.alert.c.since.desc(), t.alert.c.id.desc())
    with store.read() as connection:
        firing = (t.alert.c.state == "firing", t.alert.c.ended_at.is_(None), t.alert.c.name != "Watchdog")
        return connection.execute(query.where(*firing) if active else query).all()


def quarantined(store: Store, newest: int) -> Sequence[Any]:
    """The newest rows in quarantine."""
    query = sa.select(t.quarantine).order_by(t.quarantine.c.id.desc()).limit(newest)
    with store.read() as connection:
        return connection.execute(query).all()
