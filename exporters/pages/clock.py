"""The times of a page: how long ago, until when, and the plant's own time of day with UTC beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from exporters.html.html import Html, tag
from monitor.instants import time_of_day

_UTC = "UTC"


@dataclass(frozen=True, slots=True)
class Clock:
    """The instant of a page (aware UTC) and the IANA time zone of the plant, UTC where the plant file names none."""

    now: datetime
    zone: str = _UTC

    def ago(self, at: datetime | None) -> Html:
        """How long ago, with the exact time as a tooltip."""
        if at is None:
            return tag("span", "never", class_="muted")
        return self._time(self.ago_text(at), at)

    def ago_text(self, at: datetime) -> str:
        """How long ago, as text.

        >>> Clock(datetime(2026, 3, 2, 12, tzinfo=UTC)).ago_text(datetime(2026, 3, 2, 9, tzinfo=UTC))
        '3 h ago'
        """
        seconds = (self.now - at).total_seconds()
        return f"{_duration(abs(seconds))} {'ago' if seconds >= 0 else 'ahead'}"

    def until(self, at: datetime) -> Html:
        """In how long, or how long ago, with the exact time as a tooltip."""
        seconds = (at - self.now).total_seconds()
        return self._time(f"in {_duration(seconds)}" if seconds >= 0 else f"{_duration(-seconds)} ago", at)

    def moment(self, at: datetime | None) -> Html:
        """An instant to the minute; '-' for None."""
        return tag("span", "-") if at is None else self._time(self.text(at), at)

    def text(self, at: datetime) -> str:
        """An instant to the minute by the plant's time with UTC beside it; without the date if it is today's.

        >>> Clock(datetime(2026, 3, 2, 12, tzinfo=UTC), "Europe/Berlin").text(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
        '10:30 (09:30 UTC)'
        >>> Clock(datetime(2026, 3, 2, 12, tzinfo=UTC)).text(datetime(2026, 3, 1, 9, 30, tzinfo=UTC))
        '2026-03-01 09:30 UTC'
        """
        local = time_of_day(at, self.now, self._zone)
        return f"{local} UTC" if self.zone == _UTC else f"{local} ({at.astimezone(UTC):%H:%M} UTC)"

    def local(self, at: datetime) -> str:
        """The plant's time of day alone, as a clock on the wall shows it; with the date if that is not today's."""
        local = time_of_day(at, self.now, self._zone)
        return f"{local} UTC" if self.zone == _UTC else local

    def exact(self, at: datetime) -> str:
        """An instant to the second with its date, by the plant's time with UTC beside it."""
        utc = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        return utc if self.zone == _UTC else f"{at.astimezone(self._zone):%Y-%m-%d %H:%M:%S %Z} ({utc})"

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def _time(self, text: str, at: datetime) -> Html:
        # May be broken before UTC, and nowhere else.
        local, bracket, utc = text.partition(" (")
        beside = [" ", tag("span", f"({utc}")] if bracket else []
        return tag("time", tag("span", local), *beside, datetime=at.isoformat(), title=self.exact(at))


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
