"""Instants as integers since the Unix epoch, rounded down to a step, and as people read them. Exact: no floats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

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


def time_of_day(at: datetime, now: datetime, zone: tzinfo) -> str:
    """An instant to the minute in a zone; without the date if it is that of `now`.

    >>> time_of_day(EPOCH, EPOCH + timedelta(hours=1), UTC), time_of_day(EPOCH, EPOCH + timedelta(days=1), UTC)
    ('00:00', '1970-01-01 00:00')
    """
    local = at.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local:%Y-%m-%d %H:%M}"


def floor_to(at: datetime, step: timedelta) -> datetime:
    """The latest multiple of `step` since the epoch at or before an aware time."""
    return EPOCH + (at - EPOCH) // step * step
