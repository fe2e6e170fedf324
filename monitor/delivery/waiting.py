"""Which waiting message goes out next, and when one is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

LONGEST_WAIT = timedelta(minutes=5)


class Waiting(Protocol):
    """What `plan` needs of a row of the outbox."""

    @property
    def id(self) -> int:
        """Its place in the order of making."""

    @property
    def subject(self) -> str:
        """The part that the row is about."""

    @property
    def status(self) -> str:
        """`pending`, `sent` or `dead`."""

    @property
    def next_at(self) -> datetime:
        """When it may be tried, aware UTC."""


Row = TypeVar("Row", bound=Waiting)


def plan(rows: Sequence[Row], now: datetime) -> list[Row]:
    """The pending rows that may be sent at `now`, in order: of each subject the first pending one, once it is due.

    A later row of a part waits while an earlier one is pending, so that the MES never goes back in time; a dead
    one holds nobody up.
    """
    first: dict[str, Row] = {}
    for row in sorted((r for r in rows if r.status == "pending"), key=lambda r: r.id):
        first.setdefault(row.subject, row)
    return [row for row in first.values() if row.next_at <= now]


def backoff(attempts: int, base: timedelta) -> timedelta:
    """How long to wait after `attempts` (>= 1) failures: `base`, doubled by each further one, at most five minutes."""
    # 2 ** 32 seconds are beyond the limit for any base worth naming, and within what timedelta can hold.
    return min(LONGEST_WAIT, base * 2 ** min(max(attempts, 1) - 1, 32)) if base < LONGEST_WAIT else LONGEST_WAIT
