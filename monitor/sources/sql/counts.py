"""Counts a source's keys per hour, for comparison with the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.instants import to_micros
from monitor.sources.sql.axis import Axis, Condition
from monitor.sources.typed.times import has_ambiguous_time, read_times

_HOUR = timedelta(hours=1)

Execute = Callable[[sa.Select[Any]], Sequence[sa.Row[Any]]]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys to count: the key columns without the time, whether the time is part of the key, and a condition."""

    table: sa.FromClause
    columns: tuple[sa.ColumnElement[Any], ...]
    by_time: bool
    condition: Condition

    def select(self, at: Axis, span: Condition) -> sa.Select[Any]:
        """The distinct keys of a span, including the time if it is part of the key."""
        key = (*self.columns, at.column) if self.by_time else self.columns
        present = [c.is_not(None) for c in self.columns]
        return sa.select(*key).select_from(self.table).where(span, self.condition, *present).distinct()


def whole_hours(start: datetime, end: datetime, at: Axis | None) -> list[datetime]:
    """The whole hours of [start, end) without those in which naive local times are ambiguous."""
    first = start.replace(minute=0, second=0, microsecond=0)
    first = first if first == start else first + _HOUR
    hours = [first + i * _HOUR for i in range(max((end - first) // _HOUR, 0))]
    zone = at.zone if at else None
    return [h for h in hours if zone is None or not has_ambiguous_time(h, h + _HOUR, zone)]


def count_by_hour(keys: Keys, at: Axis, hours: Sequence[datetime], execute: Execute) -> dict[datetime, int]:
    """The number of distinct keys in each hour, counted by the database."""
    if at.mixed_offsets or at.converted:
        return _count_in_python(keys, at, hours, execute)
    counts: dict[datetime, int] = {}
    for hour in hours:
        distinct = keys.select(at, at.within(hour, hour + _HOUR)).subquery()
        counts[hour] = int(execute(sa.select(sa.func.count()).select_from(distinct))[0][0])
    return counts


def _count_in_python(keys: Keys, at: Axis, hours: Sequence[datetime], execute: Execute) -> dict[datetime, int]:
    """Counts in Python, for texts with different offsets, which SQL cannot bound exactly.

    Also for text that is converted: a query for each hour would convert every row each time.
    """
    counts = dict.fromkeys(hours, 0)
    if not hours:
        return counts
    span = sa.and_(at.later_than(hours[0] - timedelta(microseconds=1)), at.up_to(hours[-1] + _HOUR))
    statement = keys.select(at, span)
    rows = execute(statement if keys.by_time else statement.add_columns(at.column))
    times = read_times([row[-1] for row in rows], at.config).micros.tolist()
    width = _HOUR // timedelta(microseconds=1)
    hour_of_key = {
        (*row[: len(keys.columns)], p if keys.by_time else p // width): p // width
        for row, p in zip(rows, times, strict=True)
    }
    by_hour = Counter(hour_of_key.values())
    return {hour: by_hour[to_micros(hour) // width] for hour in hours}
