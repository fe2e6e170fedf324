"""Instants as integers since the Unix epoch, and rounded down to a step. Exact: no floats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """Microseconds since the epoch of an aware time."""
    return (at - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC time of a number of microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=int(micros))


def to_nanos(at: datetime) -> int:
    """Nanoseconds since the epoch of an aware time, as windows and batches carry them."""
    return to_micros(at) * 1000


def from_nanos(nanos: int) -> datetime:
    """The aware UTC time of a number of nanoseconds since the epoch; digits below a microsecond are dropped."""
    return from_micros(int(nanos) // 1000)


def floor_to(at: datetime, step: timedelta) -> datetime:
    """The latest multiple of `step` since the epoch at or before an aware time."""
    return EPOCH + (at - EPOCH) // step * step
