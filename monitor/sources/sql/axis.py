"""A time column inside SQL: how its values are written there, and conditions that bound it without wrapping it.

Conditions compare the bare column with a value of its own kind, so that the source's index on it is used. They
select a superset of the rows asked for (local times that happen twice, text with fractions of a second); the exact
selection is made afterwards, in UTC.
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
from monitor.instants import to_micros
from monitor.plant.sources import TimeColumn
from monitor.sources.typed.times import EPOCH_NS, highest_wall, lowest_wall

Condition = sa.ColumnElement[bool]
_NONE, _SECOND, _MICRO = timedelta(0), timedelta(seconds=1), timedelta(microseconds=1)
_FIXED = "YYYY-MM-DD HH:MM:SS"
_PREVAILS = 0.8
"""Share of the sampled times that must be written one way; a real mixture would leave too many rows as strays."""


class Kind(StrEnum):
    """How a time column is written."""

    AWARE = "aware"
    NAIVE = "naive"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class TextForm:
    """How times stand in a text column: the letter between date and time, and the offsets that were seen.

    `low` and `high` bound the offsets of its times (equal for UTC); None where its times are naive.
    """

    separator: str
    low: timedelta | None = None
    high: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """A time column with how it is written; `form` is set for text, `zone` where naive times need one."""

    column: sa.ColumnClause[Any]
    kind: Kind
    config: TimeColumn
    form: TextForm | None = None

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone in which its times are naive; None where they are not."""
        naive = self.kind is Kind.NAIVE or (self.form is not None and self.form.low is None)
        return ZoneInfo(self.config.zone) if naive and self.config.zone else None

    @property
    def varies(self) -> bool:
        """Whether its texts carry different offsets, so that their order is not quite that of time."""
        return self.form is not None and self.form.low != self.form.high

    def later_than(self, at: datetime) -> Condition:
        """At least every row later than `at`."""
        if self.kind is Kind.AWARE:
            return self.column > sa.literal(at, sa.DateTime(timezone=True))
        if self.kind is Kind.NUMBER:
            return self.column >= sa.literal(self._units(at), sa.BigInteger)
        wall = self._wall(at, lowest=True)
        if self.kind is Kind.NAIVE:
            return self.column > sa.literal(wall, sa.DateTime())
        return self.column >= self._text(wall)

    def up_to(self, at: datetime) -> Condition:
        """At least every row not later than `at`."""
        if self.kind is Kind.AWARE:
            return self.column <= sa.literal(at, sa.DateTime(timezone=True))
        if self.kind is Kind.NUMBER:
            return self.column <= sa.literal(self._units(at + _MICRO) + 1, sa.BigInteger)
        wall = self._wall(at, lowest=False)
        if self.kind is Kind.NAIVE:
            return self.column <= sa.literal(wall, sa.DateTime())
        return self.column < self._text(wall + _SECOND)

    def within(self, start: datetime, end: datetime) -> Condition:
        """Exactly the rows of [start, end), whole seconds without a local time that happens twice."""
        if self.kind is Kind.AWARE:
            kind = sa.DateTime(timezone=True)
            return sa.and_(self.column >= sa.literal(start, kind), self.column < sa.literal(end, kind))
        if self.kind is Kind.NUMBER:
            low, high = (sa.literal(self._units(t), sa.BigInteger) for t in (start, end))
            return sa.and_(self.column >= low, self.column < high)
        low_wall = self._wall(start, lowest=True)
        # By way of the last instant before `end`: where the clocks jump at `end`, the skipped times are not of it.
        high_wall = self._wall(end - _MICRO, lowest=False) + _MICRO
        if self.kind is Kind.NAIVE:
            naive = sa.DateTime()
            return sa.and_(self.column >= sa.literal(low_wall, naive), self.column < sa.literal(high_wall, naive))
        return sa.and_(self.column >= self._text(low_wall), self.column < self._text(high_wall))

    def complete_below(self, place: int) -> int:
        """The place below which every row was fetched, when the last row of a full fetch has this place."""
        if self.form is None:
            return place
        # Text need not sort by its fraction, and with different offsets only within their range.
        spread = self.form.high - self.form.low if self.form.high is not None and self.form.low is not None else _NONE
        return (place - spread // _MICRO) // 1_000_000 * 1_000_000

    def unreadable(self, dialect: str) -> Condition:
        """Rows whose time is missing, or not written as the column's others are and so not found by the bounds."""
        missing = self.column.is_(None)
        if self.kind is Kind.NUMBER and dialect == "sqlite":
            return sa.or_(missing, sa.func.typeof(self.column).not_in(["integer", "real"]))
        if self.kind is not Kind.TEXT or self.form is None:
            return missing
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

    def _text(self, wall: datetime) -> sa.ColumnElement[str]:
        """The text that sorts before every way to write this second or a later one."""
        separator = self.form.separator if self.form else " "
        # A full minute may be written without seconds, which sorts first.
        clock = f"{wall:%H:%M}" if wall.second == 0 else f"{wall:%H:%M:%S}"
        return sa.literal(f"{wall:%Y-%m-%d}{separator}{clock}", sa.Text)


def kind_of(found: sa.types.TypeEngine[Any], config: TimeColumn, dialect: str, where: str) -> Kind:
    """How a column of this type holds times; UsageError where the plant file does not say enough, or contradicts."""
    number = isinstance(found, sa.Integer | sa.Numeric | sa.Float)
    if config.epoch:
        if isinstance(found, sa.String) or not (number or dialect == "sqlite"):
            raise UsageError(f"{where} is {found}, not a number; remove `epoch`, or convert the column in a view")
        return Kind.NUMBER
    if isinstance(found, sa.Integer) or (number and dialect != "sqlite"):
        raise UsageError(f"{where} holds numbers ({found}); set `epoch` to s, ms, us or ns")
    if dialect == "sqlite" or isinstance(found, sa.String):
        return Kind.TEXT
    if isinstance(found, sa.DateTime) and found.timezone:
        return Kind.AWARE
    if isinstance(found, sa.DateTime | sa.Date):
        if config.zone is None:
            raise needs_zone(where)
        return Kind.NAIVE
    raise UsageError(f"{where} is {found}; expected a timestamp, ISO text, or a number with `epoch`")


def needs_zone(where: str) -> UsageError:
    """The error for naive times without a zone."""
    return UsageError(f"{where} holds times without an offset; set `zone` to their IANA zone, such as Europe/Berlin")


def text_form(samples: Sequence[str], config: TimeColumn, where: str) -> TextForm | None:
    """How the sampled texts write times; None where none is a time.

    A few that are written otherwise are left to be strays. UsageError where no way clearly prevails, because texts
    written in several ways do not sort by time.
    """
    times = [(s[10], t) for s in samples if s[10:11] in (" ", "T") and (t := _parsed(s)) is not None]
    if not times:
        return None
    ways = Counter((separator, t.tzinfo is None) for separator, t in times)
    (separator, naive), count = ways.most_common(1)[0]
    if count < _PREVAILS * len(times):
        raise UsageError(f"{where} writes times in ways that do not sort together; expected all as {_FIXED}, or with T")
    if naive:
        if config.zone is None:
            raise needs_zone(where)
        return TextForm(separator)
    offsets = {o for s, t in times if s == separator and (o := t.utcoffset()) is not None}
    if offsets == {timedelta(0)}:
        return TextForm(separator, timedelta(0), timedelta(0))
    # Summer time moves the offset by an hour, and the sample may have met only one side of it.
    hour = timedelta(hours=1)
    return TextForm(separator, min(offsets) - hour, max(offsets) + hour)


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None
