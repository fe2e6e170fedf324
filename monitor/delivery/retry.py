"""When an undelivered message is retried, and after how many attempts it becomes a dead letter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.errors import DeliveryError
from monitor.statuses import OutboxStatus
from monitor.store.delivery.outbox import FailedDelivery

LONGEST_WAIT = timedelta(minutes=5)
REFUSED_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The first wait, and the number of attempts before a message becomes a dead letter (None: no limit)."""

    first_wait: timedelta
    attempts: int | None

    def after(self, attempts: int, error: DeliveryError, now: datetime) -> FailedDelivery:
        """The new state of a message that failed for the `attempts`-th time."""
        if self.attempts is not None and attempts >= self._allowed(self.attempts, error):
            return FailedDelivery(OutboxStatus.DEAD, attempts, str(error), None)
        return FailedDelivery(OutboxStatus.PENDING, attempts, str(error), now + backoff(attempts, self.first_wait))

    @staticmethod
    def _allowed(attempts: int, error: DeliveryError) -> int:
        # A refused message will be refused again, so a person must know soon. An outage ends by itself.
        return attempts if error.retryable else min(REFUSED_ATTEMPTS, attempts)


def backoff(attempts: int, base: timedelta) -> timedelta:
    """The wait after `attempts` (>= 1) failures: `base`, doubled by each further one, at most five minutes."""
    # Bounded because timedelta overflows; 2 ** 32 takes every base beyond the limit.
    return min(LONGEST_WAIT, base * 2 ** min(max(attempts, 1) - 1, 32)) if base < LONGEST_WAIT else LONGEST_WAIT
