"""Carrying what waits in the outbox: in order per subject, at least once, with waits that grow and an end to trying."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.errors import DeliveryError
from monitor.failpoints import reach
from monitor.scheduling.job import Run
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import prove
from monitor.store.database.statements import TallyKey, count, tallied

_HEADS = 500
REFUSED_TRIES = 3

Errors = Mapping[int, DeliveryError]
"""By the row's id, why it did not arrive."""
Send = Callable[[Sequence[Any]], Errors]
Plan = Callable[[Sequence[Any], datetime], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a receiver is tried: the first wait, and the tries after which a row is given up (None: never)."""

    backoff: Callable[[int, timedelta], timedelta]
    first_wait: timedelta
    attempts: int | None

    def after(self, attempts: int, error: DeliveryError, now: datetime) -> dict[str, Any]:
        """The change of a row that failed for the `attempts`-th time."""
        change: dict[str, Any] = {"status": "pending", "attempts": attempts, "error": str(error)}
        if self.attempts is not None and attempts >= self._allowed(self.attempts, error):
            return change | {"status": "dead"}
        return change | {"next_at": now + self.backoff(attempts, self.first_wait)}

    @staticmethod
    def _allowed(attempts: int, error: DeliveryError) -> int:
        # What a receiver refuses it will refuse again: a person must know soon. An outage ends by itself.
        return attempts if error.retryable else min(REFUSED_TRIES, attempts)


class Courier:
    """Takes the rows of some channels to where they go. One that is refused never holds up those of other subjects.

    `at_once` rows are sent and recorded together. With `one_receiver` an outage ends the round: each further try
    would time out as well.
    """

    def __init__(
        self,
        store: Store,
        channels: Sequence[str],
        send: Send,
        plan: Plan,
        patience: Patience,
        *,
        at_once: int = _HEADS,
        one_receiver: bool = True,
    ) -> None:
        self._store = store
        self._channels = tuple(channels)
        self._send = send
        self._plan = plan
        self._patience = patience
        self._at_once = at_once
        self._one_receiver = one_receiver

    def deliver(self, run: Run) -> int:
        """Send until nothing more may be sent now; how many rows arrived."""
        sent = 0
        while not run.stopping():
            rows = self._plan(self._heads(run.now), run.now)[: self._at_once]
            if not rows:
                break
            errors = self._send(rows)
            self._record(rows, errors, run)
            sent += len(rows) - len(errors)
            if self._one_receiver and any(error.retryable for error in errors.values()):
                break
        return sent

    def _heads(self, now: datetime) -> Sequence[Any]:
        """The first pending row of each subject, where it is due: a subject in trouble holds up no other."""
        o = t.outbox
        pending = (o.c.channel.in_(self._channels), o.c.status == "pending")
        heads = sa.select(sa.func.min(o.c.id)).where(*pending).group_by(o.c.channel, o.c.subject)
        query = sa.select(o).where(o.c.id.in_(heads), o.c.next_at <= now).order_by(o.c.id).limit(_HEADS)
        with self._store.read() as connection:
            return connection.execute(query).all()

    def _record(self, rows: Sequence[Any], errors: Errors, run: Run) -> None:
        tallies: Counter[TallyKey] = Counter()
        with self._store.write() as connection:
            prove(self._store, connection, run.lease)
            done = [row.id for row in rows if row.id not in errors]
            if done:
                sent = t.outbox.update().where(t.outbox.c.id.in_(done))
                connection.execute(sent.values(status="sent", sent_at=run.now, error=None))
            for row in rows:
                result = "sent"
                if row.id in errors:
                    change = self._patience.after(row.attempts + 1, errors[row.id], run.now)
                    connection.execute(t.outbox.update().where(t.outbox.c.id == row.id).values(change))
                    result = "dead" if change["status"] == "dead" else "retry"
                tallies[tallied("gatewatch_outbox_deliveries_total", channel=row.channel, result=result)] += 1
            count(connection, tallies)


def carry(deliver: Callable[[Mapping[str, Any]], None]) -> Send:
    """What a courier calls to send rows, from what takes one payload to its receiver."""

    def send(rows: Sequence[Any]) -> Errors:
        errors: dict[int, DeliveryError] = {}
        for row in rows:
            reach("before_notification_sent")
            try:
                deliver(row.payload)
            except DeliveryError as exc:
                errors[row.id] = exc
            reach("after_notification_sent")
        return errors

    return send
