"""A plant's maintenance windows, quiet hours and shifts as Alertmanager's `time_intervals`. Pure functions.

Alertmanager tells times in whole minutes, ends excluded, each on a single day of the calendar, by the clock of a zone:

- Hours that come every week are cut at midnight, and are in the zone of the site. They are ours at every instant but in
  an hour that the clocks repeat: a start or an end within it is met twice, while ours is the first of both.
- What comes once is in UTC, where no clock is turned: it is ours in every whole minute. A minute that it is in only in
  part is left out, so that nothing is muted before it begins or after it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from monitor.plant.calendar import Hours, Once, weekdays_of
from monitor.plant.plant import Plant

Interval = dict[str, Any]
"""One entry of `time_intervals` in an interval of a name, with Alertmanager's keys."""
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MIDNIGHT, _END_OF_DAY = "00:00", "24:00"
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


def time_intervals(plant: Plant) -> list[dict[str, Any]]:
    """The `time_intervals` of an Alertmanager configuration: `maintenance_NAME`, `quiet_TEAM` and `shift_NAME`.

    Windows or shifts that share a name are one of them.
    """
    found: dict[str, list[Interval]] = {}
    for window in plant.maintenance:
        made = found.setdefault(f"maintenance_{window.name}", [])
        if window.once is not None:
            made += once(window.once)
        if window.weekly is not None:
            made += weekly([window.weekly], plant.time_zone)
    for team, hours in plant.notify.quiet.items():
        found[f"quiet_{team}"] = weekly(hours, plant.time_zone)
    for shift in plant.shifts:
        found.setdefault(f"shift_{shift.name}", []).extend(weekly([shift], plant.time_zone))
    return [{"name": name, "time_intervals": intervals} for name, intervals in found.items()]


def weekly(hours: Iterable[Hours], zone: str) -> list[Interval]:
    """Hours that come every week, by the clock of a zone.

    >>> weekly([Hours(start="22:00", end="06:00", days="sat,sun")], "Europe/Berlin") == [
    ...     {"weekdays": ["saturday", "sunday"], "times": [{"start_time": "22:00", "end_time": "24:00"}],
    ...      "location": "Europe/Berlin"},
    ...     {"weekdays": ["monday", "sunday"], "times": [{"start_time": "00:00", "end_time": "06:00"}],
    ...      "location": "Europe/Berlin"},
    ... ]
    True
    """
    return [{**interval, "location": zone} for one in hours for interval in _of_week(one)]


def _of_week(hours: Hours) -> Iterator[Interval]:
    days = weekdays_of(hours.days)
    if hours.start < hours.end:
        yield _on(days, hours.start, hours.end)
        return
    yield _on(days, hours.start, _END_OF_DAY)
    if hours.end != _MIDNIGHT:
        yield _on({(day + 1) % len(_WEEKDAYS) for day in days}, _MIDNIGHT, hours.end)


def _on(days: Iterable[int], start: str, end: str) -> Interval:
    return {"weekdays": [_WEEKDAYS[day] for day in sorted(days)], "times": _times(start, end)}


def _times(start: str, end: str) -> list[dict[str, str]]:
    return [{"start_time": start, "end_time": end}]


def once(when: Once) -> list[Interval]:
    """What comes once, in UTC; nothing where it holds no whole minute.

    >>> once(Once(start="2026-03-02T06:00:00+01:00", end="2026-03-03T00:00:00Z")) == [
    ...     {"years": ["2026"], "months": ["3"], "days_of_month": ["2"],
    ...      "times": [{"start_time": "05:00", "end_time": "24:00"}], "location": "UTC"},
    ... ]
    True
    """
    start, end = _whole(when.start + _MINUTE - timedelta.resolution), _whole(when.end)
    return [{**interval, "location": "UTC"} for interval in _between(start, end)]


def _whole(at: datetime) -> datetime:
    """The begin of the minute of an instant, as UTC."""
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def _between(start: datetime, end: datetime) -> Iterator[Interval]:
    if start >= end:
        return
    first, last = start.date(), end.date()
    if first == last:
        yield {**_days(first, 1), "times": _times(f"{start:%H:%M}", f"{end:%H:%M}")}
        return
    if f"{start:%H:%M}" != _MIDNIGHT:
        yield {**_days(first, 1), "times": _times(f"{start:%H:%M}", _END_OF_DAY)}
        first += _DAY
    yield from _whole_days(first, last)
    if f"{end:%H:%M}" != _MIDNIGHT:
        yield {**_days(last, 1), "times": _times(_MIDNIGHT, f"{end:%H:%M}")}


def _whole_days(first: date, end: date) -> Iterator[Interval]:
    """Whole days before `end`: the rest of a month, the rest of a year, whole years, and what is left of the last."""
    while first < end:
        if (first.month, first.day) == (1, 1) and first.year < end.year:
            yield {"years": [_range(first.year, end.year - 1)]}
            first = date(end.year, 1, 1)
        elif first.day == 1 and _month(first) < _month(end):
            last = 12 if first.year < end.year else end.month - 1
            yield {"years": [str(first.year)], "months": [_range(first.month, last)]}
            first = _next_month(first.replace(month=last))
        else:
            stop = end if _month(first) == _month(end) else _next_month(first)
            yield _days(first, (stop - first).days)
            first = stop


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month


def _next_month(day: date) -> date:
    return (day.replace(day=28) + 4 * _DAY).replace(day=1)


def _days(first: date, count: int) -> Interval:
    days = _range(first.day, first.day + count - 1)
    return {"years": [str(first.year)], "months": [str(first.month)], "days_of_month": [days]}


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}:{last}"
