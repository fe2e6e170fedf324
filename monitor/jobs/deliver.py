"""Delivering what waits in the outbox to the MES: ordered per part, at least once, under an idempotency key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from monitor.errors import DeliveryError
from monitor.failpoints import reach
from monitor.jobs.base import Result, Run
from monitor.plant import WriteBack
from monitor.store import tables as t
from monitor.store.database import Store
from monitor.store.leases import prove
from monitor.store.writing import TallyKey, count, tallied

_BATCH = 500
REFUSED_TRIES = 3


class Target(Protocol):
    """Where recommendations go."""

    def upsert(self, payloads: Sequence[Mapping[str, Any]]) -> None:
        """Write all of them, or none and raise DeliveryError."""


Plan = Callable[[Sequence[Any], datetime], Sequence[Any]]


class DeliverJob:
    """Sends pending recommendations. One that the MES refuses never holds up those of other parts."""

    name = "write_back"

    def __init__(
        self,
        store: Store,
        config: WriteBack,
        target: Target,
        plan: Plan,
        backoff: Callable[[int, timedelta], timedelta],
    ) -> None:
        self._store = store
        self._config = config
        self._target = target
        self._plan = plan
        self._backoff = backoff
        self.interval = config.every

    def forget(self) -> None:
        """Nothing is in memory."""

    def run(self, run: Run) -> Result:
        """Send until nothing more may be sent now, or the MES cannot be reached: each further try would time out."""
        sent = 0
        while not run.stopping():
            rows = self._plan(self._heads(run.now), run.now)
            if not rows:
                break
            errors = self._send(rows)
            reach("after_mes_accepted")
            self._record(rows, errors, run)
            sent += len(rows) - len(errors)
            if any(error.retryable for error in errors.values()):
                break
        return Result(sent)

    def _heads(self, now: datetime) -> Sequence[Any]:
        """The first pending row of each part, where it is due: a part in trouble holds up no other."""
        o = t.outbox
        pending = (o.c.channel == "mes", o.c.status == "pending")
        heads = sa.select(sa.func.min(o.c.id)).where(*pending).group_by(o.c.subject)
        query = sa.select(o).where(o.c.id.in_(heads), o.c.next_at <= now).order_by(o.c.id).limit(_BATCH)
        with self._store.read() as connection:
            return connection.execute(query).all()

    def _send(self, rows: Sequence[Any]) -> dict[int, DeliveryError]:
        """The error of each row that did not arrive; a batch with one bad row is sent row by row."""
        try:
            self._target.upsert([row.payload for row in rows])
        except DeliveryError as exc:
            if exc.retryable or len(rows) == 1:
                return {row.id: exc for row in rows}
            errors: dict[int, DeliveryError] = {}
            for i, row in enumerate(rows):
                failed = self._send([row])
                errors |= failed
                if failed and failed[row.id].retryable:
                    return errors | {later.id: failed[row.id] for later in rows[i + 1 :]}
            return errors
        return {}

    def _record(self, rows: Sequence[Any], errors: Mapping[int, DeliveryError], run: Run) -> None:
        tallies: Counter[TallyKey] = Counter()
        with self._store.write() as connection:
            prove(self._store, connection, run.lease)
            done = [row.id for row in rows if row.id not in errors]
            if done:
                sent = t.outbox.update().where(t.outbox.c.id.in_(done))
                connection.execute(sent.values(status="sent", sent_at=run.now, error=None))
                tallies[_attempts("sent")] += len(done)
            for row in rows:
                if row.id in errors:
                    change = self._failed(row.attempts + 1, errors[row.id], run.now)
                    connection.execute(t.outbox.update().where(t.outbox.c.id == row.id).values(change))
                    tallies[_attempts("dead" if change["status"] == "dead" else "retry")] += 1
            count(connection, tallies)

    def _failed(self, attempts: int, error: DeliveryError, now: datetime) -> dict[str, Any]:
        # What the MES refuses it will refuse again: a person must know soon. An outage ends by itself.
        allowed = self._config.attempts if error.retryable else min(REFUSED_TRIES, self._config.attempts)
        if attempts >= allowed:
            return {"status": "dead", "attempts": attempts, "error": str(error)}
        wait = self._backoff(attempts, self._config.backoff)
        return {"status": "pending", "attempts": attempts, "error": str(error), "next_at": now + wait}


def _attempts(result: str) -> TallyKey:
    return tallied("gatewatch_outbox_deliveries_total", channel="mes", result=result)


def resend(store: Store, now: datetime, ids: Sequence[int] = ()) -> int:
    """Make dead letters pending again, all or the named ones; how many."""
    with store.write() as connection:
        dead = t.outbox.update().where(t.outbox.c.status == "dead")
        if ids:
            dead = dead.where(t.outbox.c.id.in_(ids))
        done = connection.execute(dead.values(status="pending", attempts=0, next_at=now))
        return int(done.rowcount)
