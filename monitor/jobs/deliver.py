"""Delivery of recommendations to the MES: in order per part, at least once, with an idempotency key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from monitor.delivery.courier import Courier, Errors
from monitor.delivery.retry import RetryPolicy
from monitor.errors import DeliveryError
from monitor.failpoints import reach
from monitor.model import JsonObject
from monitor.plant.sources import WriteBack
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.database.database import Store
from monitor.store.delivery.outbox import MES, OutboxMessage


class Target(Protocol):
    """Where recommendations go."""

    def upsert(self, payloads: Sequence[JsonObject]) -> None:
        """Write all of them, or none and raise DeliveryError."""


class DeliverJob(Courier):
    """Sends pending recommendations. One that the MES refuses never delays those of other parts."""

    name = "write_back"
    scope = WHOLE_PLANT

    def __init__(self, store: Store, config: WriteBack, target: Target) -> None:
        super().__init__(store, (MES,), self._send_rows, RetryPolicy(config.backoff, config.attempts))
        self._target = target
        self.interval = config.every

    def forget(self) -> None:
        """Nothing is in memory."""

    def run(self, run: Run) -> Result:
        """Send until no recommendation is due, or the MES cannot be reached."""
        return Result(self.deliver(run))

    def _send_rows(self, rows: Sequence[OutboxMessage]) -> Errors:
        errors = self._upsert(rows)
        reach("after_mes_accepted")
        return errors

    def _upsert(self, rows: Sequence[OutboxMessage]) -> dict[int, DeliveryError]:
        """The errors of the rows that were not delivered; a refused batch is sent again row by row."""
        try:
            self._target.upsert([row.payload for row in rows])
        except DeliveryError as exc:
            if exc.retryable or len(rows) == 1:
                return {row.id: exc for row in rows}
            errors: dict[int, DeliveryError] = {}
            for i, row in enumerate(rows):
                failed = self._upsert([row])
                errors |= failed
                if failed and failed[row.id].retryable:
                    return errors | {later.id: failed[row.id] for later in rows[i + 1 :]}
            return errors
        return {}
