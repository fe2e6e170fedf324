"""Conversion of a source's times to UTC, and the local times that bound a span of UTC.

Times are int64 microseconds since 1970 UTC; finer digits are dropped, because a cursor position is a `datetime`. A
naive local time that occurs twice (autumn) or never (spring) is a fault, but still needs a place (a time in UTC) in
the order of its column, so that the rows around it can be paged. Its place is the one with which no row is missed:
the later of the two times, or the instant at which the clocks go forward. With these places, the order of local times
is the order of UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitor.errors import UsageError
from monitor.instants import to_micros
from monitor.model import RejectReason
from monitor.plant.sources import TimeColumn
from monitor.sources.typed.arrays import UNREADABLE, Instants, Micros

Faults = dict[int, RejectReason]

EPOCH_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_FIRST, _LAST = 0, to_micros(datetime(2200, 1, 1, tzinfo=UTC))
LATEST_SECOND = _LAST // 1_000_000
"""Seconds since 1970 from which on a time cannot be read."""
_NANOSECONDS = np.iinfo(np.int64)
"""Pandas' range of times, which applies to both ways of reading."""
ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?")
_PLAIN = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a column: `micros`, shape (rows,), each row's place; `faults`, the rows with an unusable time."""

    micros: Micros
    faults: Mapping[int, RejectReason]

    def take(self, rows: Sequence[int]) -> Times:
        """The times of the given rows, renumbered in that order."""
        faults = {i: self.faults[row] for i, row in enumerate(rows) if row in self.faults} if self.faults else {}
        return Times(self.micros[np.asarray(rows, np.int64)], faults)

    def later(self, delay: timedelta) -> Times:
        """All times plus a delay; unreadable ones stay unreadable."""
        if not delay:
            return self
        shifted = self.micros + delay // timedelta(microseconds=1)
        return Times(np.where(self.micros == UNREADABLE, UNREADABLE, shifted), self.faults)


def read_times(values: Sequence[object], column: TimeColumn) -> Times:
    """Raw times (text, datetimes, dates, or numbers if the column has an epoch or a format) as UTC, with their faults.

    NULL and empty text: no_time. Unreadable, outside 1970..2199, or skipped by the clocks: impossible_time. Occurring
    twice, or naive without a configured zone: ambiguous_time.
    """
    if isinstance(values, Instants) and column.epoch is None:
        return _from_instants(values, column.zone)
    faults: Faults = {i: RejectReason.NO_TIME for i, v in enumerate(values) if v is None or v == ""}
    form = column.time_format
    iso = values if form is None else [form.iso(v) or "" for v in values]
    micros = _from_numbers(values, EPOCH_NS[column.epoch]) if column.epoch else _from_text(iso, column.zone, faults)
    return _within_range(micros, faults)


def _within_range(micros: Micros, faults: Faults) -> Times:
    wrong = (micros < _FIRST) | (micros >= _LAST)
    micros[wrong] = UNREADABLE
    for i in np.flatnonzero(wrong).tolist():
        faults.setdefault(i, RejectReason.IMPOSSIBLE_TIME)
    return Times(micros, faults)


def _from_instants(values: Instants, zone: str | None) -> Times:
    micros = np.array(values.micros)
    faults: Faults = dict.fromkeys(np.flatnonzero(micros == UNREADABLE).tolist(), RejectReason.NO_TIME)
    readable = (micros >= _FIRST) & (micros < _LAST)
    return _within_range(micros if values.utc else _to_utc(micros, readable, zone, faults), faults)


def _from_numbers(values: Sequence[object], unit: int) -> Micros:
    if all(type(v) is int and 0 <= v <= _LAST * 1000 for v in values):
        latest = _LAST * 1000 // unit + 1  # bounds the product below
        return np.asarray(np.minimum(np.minimum(np.array(values, np.int64), latest) * unit // 1000, _LAST))
    return np.fromiter((_epoch_micros(v, unit) for v in values), np.int64, len(values))


def _epoch_micros(value: object, unit: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return UNREADABLE
    if isinstance(value, Decimal) and not value.is_finite():  # comparing a NaN raises
        return UNREADABLE
    if not 0 <= value <= _LAST * 1000:  # also false for NaN; bounds the product below
        return UNREADABLE
    # A float of today's seconds has a resolution of about 0.2 us, so rounding restores the original microsecond.
    micros = round(value * unit / 1000) if isinstance(value, float) else int(value * unit) // 1000
    return min(micros, _LAST)


def _from_text(values: Sequence[object], zone: str | None, faults: Faults) -> Micros:
    """The places of ISO times, naive ones in the zone; adds faults of local times."""
    texts = [v if type(v) is str else _text(v) for v in values]
    walls = _parse_plain(texts)
    if walls is not None:
        return _to_utc(walls, walls != UNREADABLE, zone, faults)
    matches = [ISO.fullmatch(t) for t in texts]
    # Without the pattern, pandas would accept 'now', '2026' and '20260101'.
    readable = [t if m else None for t, m in zip(texts, matches, strict=True)]
    index = pd.to_datetime(pd.Series(readable, dtype=object), format="ISO8601", errors="coerce", utc=True, cache=False)
    micros = _floor(pd.DatetimeIndex(index))
    naive = np.fromiter((m is not None and m[1] is None for m in matches), np.bool_, len(matches))
    return _to_utc(micros, naive & (micros != UNREADABLE), zone, faults)


def _parse_plain(texts: Sequence[str]) -> Micros | None:
    """Times without an offset, with seconds, parsed by NumPy, which is much faster; None if any has another format."""
    if not all(map(_PLAIN.fullmatch, texts)):
        return None
    try:
        walls = np.array(texts, dtype="M8[us]").view(np.int64)
    except ValueError:  # an impossible date or time of day; the other rows must still be read
        return None
    return np.where((walls > _NANOSECONDS.min // 1000) & (walls < _NANOSECONDS.max // 1000), walls, UNREADABLE)


def _to_utc(micros: Micros, naive: NDArray[np.bool_], zone: str | None, faults: Faults) -> Micros:
    """Convert the naive rows, local times of the zone, to UTC in place."""
    if not naive.any():
        return micros
    rows = np.flatnonzero(naive)
    if zone is None:
        faults.update(dict.fromkeys(rows.tolist(), RejectReason.AMBIGUOUS_TIME))
    elif zone != "UTC":
        places, bad = _localize(micros[rows], zone)
        micros[rows] = places
        faults.update({int(rows[i]): reason for i, reason in bad.items()})
    return micros


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else ""


def _floor(index: pd.DatetimeIndex) -> Micros:
    ns = index.as_unit("ns").asi8
    return np.where(ns == UNREADABLE, UNREADABLE, ns // 1000)


def _localize(walls: Micros, zone: str) -> tuple[Micros, Faults]:
    index = pd.DatetimeIndex(walls.view("M8[us]").astype("M8[ns]"))
    # ambiguous=False: the later of the two instants.
    local = index.tz_localize(zone, ambiguous=np.zeros(len(index), np.bool_), nonexistent="shift_forward")
    strict = index.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    faulty = np.flatnonzero(strict.isna())
    skipped = local.tz_localize(None) != index
    faults = {i: RejectReason.IMPOSSIBLE_TIME if skipped[i] else RejectReason.AMBIGUOUS_TIME for i in faulty.tolist()}
    return _floor(local.tz_convert("UTC")), faults


def needs_zone(where: str) -> UsageError:
    """The error for naive times without a zone."""
    return UsageError(f"{where} holds times without an offset; set `zone` to their IANA zone, such as Europe/Berlin")


def lowest_wall(at: datetime, zone: ZoneInfo) -> datetime:
    """The highest naive local time that is not after the local time of any row with a place later than `at`."""
    wall = at.astimezone(zone)
    first, second = _offset(wall, 0), _offset(wall, 1)
    naive = wall.replace(tzinfo=None, fold=0)
    if wall.fold == 0 and first > second:
        return naive - (first - second)  # times that occur twice have their second occurrence as their place
    return naive


def highest_wall(at: datetime, zone: ZoneInfo) -> datetime:
    """The lowest naive local time that is not before the local time of any row with a place up to `at`."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _offset(wall: datetime, fold: int) -> timedelta:
    return wall.replace(fold=fold).utcoffset() or timedelta(0)
