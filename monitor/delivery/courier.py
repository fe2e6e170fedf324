"""Delivery of outbox rows: in order per subject, at least once, with exponential backoff and a limit on attempts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from exporters.metrics.families.outbox import LATENCY
from exporters.metrics.shared.metric import observed
from monitor.delivery.retry import RetryPolicy
from monitor.errors import DeliveryError
from monitor.failpoints import reach
from monitor.model import JsonObject
from monitor.scheduling.job import Run
from monitor.statuses import OutboxStatus
from monitor.store.database.database import Store
from monitor.store.database.leases import renew
from monitor.store.database.statements import TallyKey, add_counts, tally_key
from monitor.store.delivery.latency import latencies
from monitor.store.delivery.outbox import OutboxMessage, next_due, record_failed, record_sent

_BATCH_SIZE = 500

Errors = Mapping[int, DeliveryError]
"""The errors of the messages that were not delivered, by id."""
Send = Callable[[Sequence[OutboxMessage]], Errors]


class Courier:
    """Delivers the rows of some channels. A refused row never delays those of other subjects.

    `batch_size` rows are sent and recorded together. With `one_receiver` an outage ends the round, because each
    further attempt would time out as well.
    """

    def __init__(
        self,
        store: Store,
        channels: Sequence[str],
        send: Send,
        policy: RetryPolicy,
        *,
        batch_size: int = _BATCH_SIZE,
        one_receiver: bool = True,
    ) -> None:
        self._store = store
        self._channels = tuple(channels)
        self._send = send
        self._policy = policy
        self._batch_size = batch_size
        self._one_receiver = one_receiver

    def deliver(self, run: Run) -> int:
        """Send until no row is due; returns how many were delivered."""
        sent = 0
        while not run.stopping():
            with self._store.read() as connection:
                rows = next_due(connection, self._channels, run.now, self._batch_size)
            if not rows:
                break
            errors = self._send(rows)
            self._record(rows, errors, run)
            sent += len(rows) - len(errors)
            if self._one_receiver and any(error.retryable for error in errors.values()):
                break
        return sent

    def _record(self, rows: Sequence[OutboxMessage], errors: Errors, run: Run) -> None:
        with self._store.write() as connection:
            renew(self._store, connection, run.lease)
            sent = [row for row in rows if row.id not in errors]
            record_sent(connection, [row.id for row in sent], run.now)
            tallies: Counter[TallyKey] = Counter()
            for step, seconds in latencies(connection, sent, run.now):
                tallies.update(observed(LATENCY, seconds, step=step))
            for row in rows:
                result = "sent"
                if row.id in errors:
                    failed = self._policy.after(row.attempts + 1, errors[row.id], run.now)
                    record_failed(connection, row.id, failed)
                    result = "dead" if failed.status is OutboxStatus.DEAD else "retry"
                tallies[tally_key("gatewatch_outbox_deliveries_total", channel=row.channel, result=result)] += 1
            add_counts(connection, tallies)


def send_each(deliver: Callable[[JsonObject], None]) -> Send:
    """A `Send` that delivers the payloads one by one."""

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
