"""When it is what by the clocks of the site: its shifts, and times of day at which something is due. Pure functions.

Local times become instants by one rule (`instant_of`), which never turns their order around: what does not overlap on
the clock does not overlap in fact, on days with a change of clocks too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from monitor.plant.messages import Meaning
from monitor.plant.types import Instant, Name, Strict, Text

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
_WEEK = 7 * _DAY
_BACK = 16
"""Days looked back for a start: a week, once more where a change of clocks has swallowed one, and a date line."""
_NEAR = 4
"""Days on which hours that reach an instant can have begun: tomorrow (see `_days_before`) to two days before."""
_SECOND = timedelta(seconds=1)


def _clock(value: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValueError("expected a time of day such as '06:00' or '22:30'")
    return value


def _days(value: str) -> str:
    weekdays_of(value)
    return value


TimeOfDay = Annotated[str, AfterValidator(_clock), Meaning("a time of day such as '06:00'")]
Days = Annotated[str, AfterValidator(_days), Meaning("days such as mon-fri or sat,sun")]


def weekdays_of(days: str) -> frozenset[int]:
    """The days of a text as Python numbers them; ValueError for anything that is none.

    >>> sorted(weekdays_of("mon-wed, sat")), sorted(weekdays_of("sat-mon"))
    ([0, 1, 2, 5], [0, 5, 6])
    """
    found: set[int] = set()
    for part in days.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(f"expected days such as mon-fri or sat,sun, out of {', '.join(DAYS)}")
        begin = DAYS.index(first)
        length = (DAYS.index(last) - begin) % len(DAYS) if dash else 0
        found |= {(begin + n) % len(DAYS) for n in range(length + 1)}
    return frozenset(found)


def after_midnight(clock: str) -> timedelta:
    """A time of day as the time since midnight."""
    hour, minute = clock.split(":")
    return timedelta(hours=int(hour), minutes=int(minute))


class Hours(Strict):
    """Hours of some days, in the site's time of day; what ends at or before its start ends on the next day."""

    start: TimeOfDay = Field(description="When they begin.")
    end: TimeOfDay = Field(description="When they end.")
    days: Days = Field("mon-sun", description="The days on which they begin.")

    @property
    def length(self) -> timedelta:
        """How long they are on the clock."""
        return (after_midnight(self.end) - after_midnight(self.start)) % _DAY or _DAY


class Shift(Hours):
    """A shift, in the site's time of day; one that ends at or before its start ends on the next day."""

    name: Name = Field(description="Name of the shift; several entries may share one, as for other hours on Saturday.")


class QuietHours(Hours):
    """Hours in which a team is not told of what can wait."""

    severity: Literal["warning"] = Field(
        "warning", description="What waits until they end: alerts of this severity; critical ones never wait."
    )


class Once(Strict):
    """A time that comes once."""

    start: Instant = Field(description="When it begins, with an offset.")
    end: Instant = Field(description="When it ends, with an offset.")

    @model_validator(mode="after")
    def _ordered(self) -> Once:
        if self.end <= self.start:
            raise ValueError("expected end to be after start")
        return self


class Maintenance(Strict):
    """A time in which alerts about something are not told, because people work on it. Give `once` or `weekly`."""

    name: Name = Field(description="Name of the window.")
    reason: Text = Field(description="Why; shown with each alert that is not told.")
    subjects: list[Text] = Field([], description="Machines, steps, gates or sources, or the site, by themselves.")
    machines: list[Name] = Field([], description="Machines.")
    steps: list[Name] = Field([], description="Steps, with their machines and gates.")
    lines: list[Name] = Field([], description="Lines, with their steps, machines and gates.")
    once: Once | None = Field(None, description="When, for a time that comes once.")
    weekly: Hours | None = Field(None, description="When, for hours that come every week.")

    @model_validator(mode="after")
    def _whole(self) -> Maintenance:
        if (self.once is None) == (self.weekly is None):
            raise ValueError("expected either once or weekly")
        if not (self.subjects or self.machines or self.steps or self.lines):
            raise ValueError("expected what it covers, in subjects, machines, steps or lines")
        if self.weekly is not None and is_always([self.weekly]):
            raise ValueError("it would never end; expected hours between two windows, or disable the alerts")
        return self

    def is_on(self, zone: str, at: datetime) -> bool:
        """Whether an aware instant is in it."""
        if self.once is not None:
            return self.once.start <= at < self.once.end
        return self.weekly is not None and is_within([self.weekly], zone, at)


class Turn(NamedTuple):
    """One occurrence of a shift, from `start` (inclusive) to `end` (exclusive), aware UTC."""

    name: str
    start: datetime
    end: datetime


def shift_at(shifts: Sequence[Shift], zone: str, at: datetime) -> Turn | None:
    """The shift that an aware instant is in; None between shifts."""
    begun = last_begun(shifts, zone, at)
    return begun if begun is not None and at < begun.end else None


def last_begun(shifts: Sequence[Shift], zone: str, at: datetime) -> Turn | None:
    """The shift that began last at or before an aware instant, though it may be over; None without shifts."""
    begun = (turn for day in _days_before(zone, at) for turn in _turns(shifts, zone, day) if turn.start <= at)
    return next(begun, None)


def is_within(hours: Sequence[Hours], zone: str, at: datetime) -> bool:
    """Whether an aware instant is in any of these hours of the zone."""
    days = list(islice(_days_before(zone, at), _NEAR))
    stretches = (_stretch(one, zone, day) for one in hours for day in days if day.weekday() in weekdays_of(one.days))
    return any(start <= at < end for start, end in stretches)


def is_always(hours: Sequence[Hours]) -> bool:
    """Whether these hours together leave no time of the week on the clock.

    >>> day, night = Hours(start="06:00", end="18:00"), Hours(start="18:00", end="06:00")
    >>> is_always([day, night]), is_always([day])
    (True, False)
    """
    taken = sorted(
        (week * _WEEK + day * _DAY + after_midnight(one.start), one.length)
        for one in hours for day in weekdays_of(one.days) for week in (-1, 0)
    )  # fmt: skip
    reached = timedelta(0)
    for start, length in taken:
        if start <= reached:
            reached = max(reached, start + length)
    return reached >= _WEEK


def last_due(clock: str, days: str, zone: str, at: datetime) -> datetime:
    """The newest instant at or before `at` (both aware) at which it was this time of day on one of these days."""
    due = (instant_of(_wall(day, clock), zone) for day in _days_before(zone, at) if day.weekday() in weekdays_of(days))
    return next(instant for instant in due if instant <= at)


def instant_of(wall: datetime, zone: str) -> datetime:
    """The instant (aware UTC) at which the clocks of a zone show a time of whole seconds, the first if they do twice.

    Where clocks skip it, the instant at which they do, so that a later local time is never an earlier instant.
    """
    local = wall.replace(tzinfo=ZoneInfo(zone))
    # By the offset before a change of clocks and by the one after it (PEP 495); the order tells a gap from a fold.
    before, after = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if before <= after:
        return before
    low, high = after, before
    skipped_by = high.astimezone(local.tzinfo).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // 2 // _SECOND * _SECOND
        low, high = (low, middle) if middle.astimezone(local.tzinfo).utcoffset() == skipped_by else (middle, high)
    return high


def overlap(shifts: Sequence[Shift]) -> tuple[int, str] | None:
    """The first shift that begins before another has ended: its place in the list, and a sentence; None if none does.

    >>> early = Shift(name="early", start="06:00", end="14:30")
    >>> overlap([early, Shift(name="late", start="14:00", end="22:00")])
    (1, "shift 'late' begins on mon at 14:00, before shift 'early' ends at 14:30; expected shifts that do not overlap")
    """
    began = sorted(
        (day * _DAY + after_midnight(shift.start), place)
        for place, shift in enumerate(shifts)
        for day in weekdays_of(shift.days)
    )
    # The first of next week follows the last one.
    for (start, place), (following, other) in pairwise([*began, *((at + _WEEK, n) for at, n in began[:1])]):
        if following < start + shifts[place].length:
            late, early = shifts[other], shifts[place]
            day = DAYS[following // _DAY % len(DAYS)]
            return other, (
                f"shift {late.name!r} begins on {day} at {late.start}, before shift {early.name!r} ends at "
                f"{early.end}; expected shifts that do not overlap"
            )
    return None


def _days_before(zone: str, at: datetime) -> Iterator[date]:
    """Local days, the newest first; the first is tomorrow, because a skipped midnight may come early."""
    today = at.astimezone(ZoneInfo(zone)).date()
    return (today - n * _DAY for n in range(-1, _BACK))


def _turns(shifts: Sequence[Shift], zone: str, day: date) -> Collection[Turn]:
    """What begins on a local day, the last first, without what a change of clocks leaves nothing of."""
    on_day = [shift for shift in shifts if day.weekday() in weekdays_of(shift.days)]
    turns = [Turn(shift.name, *_stretch(shift, zone, day)) for shift in on_day]
    return sorted((turn for turn in turns if turn.start < turn.end), key=lambda turn: turn.start, reverse=True)


def _stretch(hours: Hours, zone: str, day: date) -> tuple[datetime, datetime]:
    """Start and end of the hours that begin on a local day, aware UTC."""
    wall = _wall(day, hours.start)
    return instant_of(wall, zone), instant_of(wall + hours.length, zone)


def _wall(day: date, clock: str) -> datetime:
    return datetime.combine(day, datetime.min.time()) + after_midnight(clock)
