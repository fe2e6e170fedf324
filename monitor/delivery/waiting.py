"""When a message that did not arrive is tried again, and after how many tries it is given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.errors import DeliveryError
from monitor.statuses import OutboxStatus
from monitor.store.delivery.outbox import Failed

LONGEST_WAIT = timedelta(minutes=5)
REFUSED_TRIES = 3


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a receiver is tried: the first wait, and the tries after which a message is given up (None: never)."""

    first_wait: timedelta
    attempts: int | None

    def after(self, attempts: int, error: DeliveryError, now: datetime) -> Failed:
        """What becomes of a message that failed for the `attempts`-th time."""
        if self.attempts is not None and attempts >= self._allowed(self.attempts, error):
            return Failed(OutboxStatus.DEAD, attempts, str(error), None)
        return Failed(OutboxStatus.PENDING, attempts, str(error), now + backoff(attempts, self.first_wait))

    @staticmethod
    def _allowed(attempts: int, error: DeliveryError) -> int:
        # What a receiver refuses it will refuse again: a person must know soon. An outage ends by itself.
        return attempts if error.retryable else min(REFUSED_TRIES, attempts)


def backoff(attempts: int, base: timedelta) -> timedelta:
    """How long to wait after `attempts` (>= 1) failures: `base`, doubled by each further one, at most five minutes."""
    # 2 ** 32 seconds are beyond the limit for any base worth naming, and within what timedelta can hold.
    return min(LONGEST_WAIT, base * 2 ** min(max(attempts, 1) - 1, 32)) if base < LONGEST_WAIT else LONGEST_WAIT
