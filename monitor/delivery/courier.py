"""Carrying what waits in the outbox: in order per subject, at least once, with waits that grow and an end to trying."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from monitor.delivery.waiting import Patience
from monitor.errors import DeliveryError
from monitor.failpoints import reach
from monitor.model import JsonObject
from monitor.scheduling.job import Run
from monitor.statuses import OutboxStatus
from monitor.store.database.database import Store
from monitor.store.database.leases import prove
from monitor.store.database.statements import TallyKey, count, tallied
from monitor.store.delivery.outbox import OutboxMessage, next_due, record_failed, record_sent

_MOST = 500
"""Messages sent and recorded together."""

Errors = Mapping[int, DeliveryError]
"""By the message's id, why it did not arrive."""
Send = Callable[[Sequence[OutboxMessage]], Errors]


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
        patience: Patience,
        *,
        at_once: int = _MOST,
        one_receiver: bool = True,
    ) -> None:
        self._store = store
        self._channels = tuple(channels)
        self._send = send
        self._patience = patience
        self._at_once = at_once
        self._one_receiver = one_receiver

    def deliver(self, run: Run) -> int:
        """Send until nothing more may be sent now; how many rows arrived."""
        sent = 0
        while not run.stopping():
            with self._store.read() as connection:
                rows = next_due(connection, self._channels, run.now, self._at_once)
            if not rows:
                break
            errors = self._send(rows)
            self._record(rows, errors, run)
            sent += len(rows) - len(errors)
            if self._one_receiver and any(error.retryable for error in errors.values()):
                break
        return sent

    def _record(self, rows: Sequence[OutboxMessage], errors: Errors, run: Run) -> None:
        tallies: Counter[TallyKey] = Counter()
        with self._store.write() as connection:
            prove(self._store, connection, run.lease)
            record_sent(connection, [row.id for row in rows if row.id not in errors], run.now)
            for row in rows:
                result = "sent"
                if row.id in errors:
                    failed = self._patience.after(row.attempts + 1, errors[row.id], run.now)
                    record_failed(connection, row.id, failed)
                    result = "dead" if failed.status is OutboxStatus.DEAD else "retry"
                tallies[tallied("gatewatch_outbox_deliveries_total", channel=row.channel, result=result)] += 1
            count(connection, tallies)


def carry(deliver: Callable[[JsonObject], None]) -> Send:
    """What a courier calls to send rows, from what takes one payload to its receiver."""

    def send(rows: Sequence[OutboxMessage]) -> Errors:
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
