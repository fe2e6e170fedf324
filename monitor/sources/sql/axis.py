"""A time column in SQL: the format of its values, and conditions that bound it.

Conditions compare the plain column with a value of its own type, so that an index on the column can be used. They
select a superset of the requested rows (because of local times that occur twice and fractions of a second in text);
the exact selection is made afterwards, in UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from monitor.errors import UsageError
from monitor.instants import EPOCH, to_micros
from monitor.plant.sources import TimeColumn
from monitor.plant.time_formats import TimeFormat
from monitor.sources.sql.formats import unread
from monitor.sources.typed.times import EPOCH_NS, ISO, highest_wall, lowest_wall, needs_zone

Condition = sa.ColumnElement[bool]
_NONE, _MICRO, _SECOND, _MINUTE = timedelta(0), timedelta(microseconds=1), timedelta(seconds=1), timedelta(minutes=1)
_START = EPOCH.replace(tzinfo=None)
_FIXED = "YYYY-MM-DD HH:MM:SS"
_MIN_SHARE = 0.8
"""Share of the sampled times that must have the same format; otherwise too many rows would be strays."""


class Kind(StrEnum):
    """The type of the values of a time column."""

    AWARE = "aware"
    NAIVE = "naive"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class TextForm:
    """The format of times in a text column: the character between date and time, and the range of UTC offsets.

    `low` and `high` are the lowest and highest offset (equal for UTC); None if the times are naive. `format` is the
    column's own format, one that sorts, if it is compared in that instead of as ISO text.
    """

    separator: str
    low: timedelta | None = None
    high: timedelta | None = None
    format: TimeFormat | None = None

    @property
    def unit(self) -> timedelta:
        """The unit within which its texts do not sort by time: 12:00Z follows 12:00:59Z, and 12:00:00Z 12:00:00.5Z."""
        if self.format is not None:
            return max(self.format.resolution, _SECOND)
        return _SECOND if self.low is None else _MINUTE


@dataclass(frozen=True, slots=True)
class Axis:
    """A time column with the type of its values; `form` is set for text.

    `converted`: `column` is an expression that gives ISO text, because the column's own text does not sort by time.
    """

    column: sa.ColumnElement[Any]
    kind: Kind
    config: TimeColumn
    form: TextForm | None = None
    converted: bool = False

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone of its naive times; None if the times have an offset."""
        naive = self.kind is Kind.NAIVE or (self.form is not None and self.form.low is None)
        return ZoneInfo(self.config.zone) if naive and self.config.zone else None

    def later_than(self, at: datetime) -> Condition:
        """A condition that selects all rows later than `at`, and possibly some others."""
        if self.kind is Kind.AWARE:
            return self.column > sa.literal(at, sa.DateTime(timezone=True))
        if self.kind is Kind.NUMBER:
            return self.column >= sa.literal(self._units(at), sa.BigInteger)
        wall = self._wall(at, lowest=True)
        if self.kind is Kind.NAIVE:
            return self.column > sa.literal(wall, sa.DateTime())
        return self.column >= self._text(wall)

    def up_to(self, at: datetime) -> Condition:
        """A condition that selects all rows not later than `at`, and possibly some others."""
        if self.kind is Kind.AWARE:
            return self.column <= sa.literal(at, sa.DateTime(timezone=True))
        if self.kind is Kind.NUMBER:
            return self.column <= sa.literal(self._units(at + _MICRO) + 1, sa.BigInteger)
        wall = self._wall(at, lowest=False)
        if self.kind is Kind.NAIVE:
            return self.column <= sa.literal(wall, sa.DateTime())
        return self.column < self._text(_floor(wall, self._unit) + self._unit)

    def complete_below(self, place: int) -> int:
        """The time (us) below which every row has been fetched, if the last row of a full fetch has time `place`."""
        if self.form is None:
            return place
        # Text does not sort by differing offsets, nor within its unit.
        low, high = self.form.low, self.form.high
        spread = high - low if low is not None and high is not None else _NONE
        unit = min(self._unit, _MINUTE) // _MICRO
        return (place - spread // _MICRO) // unit * unit

    def unreadable(self, dialect: str) -> Condition:
        """A condition that selects rows whose time is missing, or in another format and so not matched by bounds."""
        missing = self.column.is_(None)
        if self.kind is Kind.NUMBER and dialect == "sqlite":
            return sa.or_(missing, sa.func.typeof(self.column).not_in(["integer", "real"]))
        if self.kind is not Kind.TEXT or self.form is None or self.converted:
            return missing
        if self.form.format is not None:
            return unread(self.column, self.form.format, dialect)
        s = self.form.separator
        if dialect == "sqlite":
            d = "[0-9]"
            glob = f"{d * 4}-[01]{d}-[0-3]{d}{s}[0-2]{d}:[0-5]{d}*"
            return sa.or_(missing, sa.not_(self.column.op("GLOB")(glob)), sa.func.typeof(self.column) != "text")
        return sa.or_(missing, self.column.op("!~")(rf"^\d{{4}}-[01]\d-[0-3]\d{s}[0-2]\d:[0-5]\d"))

    def _units(self, at: datetime) -> int:
        return to_micros(at) * 1000 // EPOCH_NS[self.config.epoch or "s"]

    def _wall(self, at: datetime, *, lowest: bool) -> datetime:
        if self.form is not None and self.form.low is not None and self.form.high is not None:
            return (at.astimezone(UTC) + (self.form.low if lowest else self.form.high)).replace(tzinfo=None)
        zone = ZoneInfo(self.config.zone or "UTC")
        return lowest_wall(at, zone) if lowest else highest_wall(at, zone)

    @property
    def _unit(self) -> timedelta:
        return _SECOND if self.form is None else self.form.unit

    def _text(self, wall: datetime) -> sa.ColumnElement[str]:
        """The text that sorts before all spellings of this second and of later ones."""
        if self.form is not None and self.form.format is not None:
            return sa.literal(self.form.format.write(wall), sa.Text)
        separator = self.form.separator if self.form else " "
        # A full minute may be written without seconds, and that spelling sorts first.
        clock = f"{wall:%H:%M}" if wall.second == 0 else f"{wall:%H:%M:%S}"
        return sa.literal(f"{wall:%Y-%m-%d}{separator}{clock}", sa.Text)


def kind_of(column_type: sa.types.TypeEngine[Any], config: TimeColumn, dialect: str, where: str) -> Kind:
    """The type of times in a column of this SQL type; UsageError if `zone` or `epoch` is missing or contradicts it."""
    number = isinstance(column_type, sa.Integer | sa.Numeric | sa.Float)
    if config.format:
        if dialect != "sqlite" and not (number or isinstance(column_type, sa.String)):
            raise UsageError(f"{where} is {column_type}, not text; remove `format`")
        return Kind.TEXT
    if config.epoch:
        if isinstance(column_type, sa.String) or not (number or dialect == "sqlite"):
            raise UsageError(f"{where} is {column_type}, not a number; remove `epoch`, or convert the column in a view")
        return Kind.NUMBER
    if isinstance(column_type, sa.Integer) or (number and dialect != "sqlite"):
        advice = "set `epoch` to s, ms, us or ns, or `format` if they are written dates such as 20260301"
        raise UsageError(f"{where} holds numbers ({column_type}); {advice}")
    if dialect == "sqlite" or isinstance(column_type, sa.String):
        return Kind.TEXT
    if isinstance(column_type, sa.DateTime) and column_type.timezone:
        return Kind.AWARE
    if isinstance(column_type, sa.DateTime | sa.Date):
        if config.zone is None:
            raise needs_zone(where)
        return Kind.NAIVE
    raise UsageError(f"{where} is {column_type}; expected a timestamp, ISO text, or a number with `epoch`")


def text_form(samples: Sequence[str], config: TimeColumn, where: str) -> TextForm | None:
    """The format of the sampled texts; None if none of them is a time.

    A few texts in another format are ignored; their rows become strays. UsageError if no format clearly prevails,
    because texts in several formats do not sort by time.
    """
    times = [(s[10], t) for s in samples if s[10:11] in (" ", "T") and (t := _parsed(s)) is not None]
    if not times:
        return None
    formats = Counter((separator, t.tzinfo is None) for separator, t in times)
    (separator, naive), count = formats.most_common(1)[0]
    if count < _MIN_SHARE * len(times):
        raise UsageError(f"{where} has times in formats that do not sort together; expected all as {_FIXED}, or with T")
    if naive:
        if config.zone is None:
            raise needs_zone(where)
        return TextForm(separator)
    offsets = {o for s, t in times if s == separator and (o := t.utcoffset()) is not None}
    if offsets == {timedelta(0)}:
        return TextForm(separator, timedelta(0), timedelta(0))
    # Daylight saving time changes the offset by an hour, and the samples may all be from one side of the change.
    hour = timedelta(hours=1)
    return TextForm(separator, min(offsets) - hour, max(offsets) + hour)


def _floor(wall: datetime, unit: timedelta) -> datetime:
    return wall - (wall - _START) % unit


def _parsed(text: str) -> datetime | None:
    """A time as its rows are read; Python would accept more."""
    try:
        return datetime.fromisoformat(text.strip()) if ISO.fullmatch(text.strip()) else None
    except ValueError:
        return None
