"""Counting a source's keys by the hour, so that what the store holds can be compared with what there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.instants import to_micros
from monitor.sources.sql.axis import Axis, Condition
from monitor.sources.typed.times import happens_twice, read_times

_HOUR = timedelta(hours=1)

Execute = Callable[[sa.Select[Any]], Sequence[sa.Row[Any]]]


@dataclass(frozen=True, slots=True)
class Keys:
    """What is counted: the key columns besides the time, whether the time belongs to the key, and which rows."""

    table: sa.TableClause
    columns: tuple[sa.ColumnClause[Any], ...]
    by_time: bool
    known: Condition

    def select(self, at: Axis, span: Condition) -> sa.Select[Any]:
        """The different keys of a span, with the time where it belongs to them."""
        wanted = (*self.columns, at.column) if self.by_time else self.columns
        present = [c.is_not(None) for c in self.columns]
        return sa.select(*wanted).select_from(self.table).where(span, self.known, *present).distinct()


def whole_hours(start: datetime, end: datetime, at: Axis | None) -> list[datetime]:
    """The hours of [start, end) that can be counted: none of their naive local times happens twice."""
    first = start.replace(minute=0, second=0, microsecond=0)
    first = first if first == start else first + _HOUR
    hours = [first + i * _HOUR for i in range(max((end - first) // _HOUR, 0))]
    zone = at.zone if at else None
    return [h for h in hours if zone is None or not happens_twice(h, h + _HOUR, zone)]


def count_by_hour(keys: Keys, at: Axis, hours: Sequence[datetime], execute: Execute) -> dict[datetime, int]:
    """Different keys of each hour, counted by the database."""
    if at.varies:
        return _count_here(keys, at, hours, execute)
    counts: dict[datetime, int] = {}
    for hour in hours:
        found = keys.select(at, at.within(hour, hour + _HOUR)).subquery()
        counts[hour] = int(execute(sa.select(sa.func.count()).select_from(found))[0][0])
    return counts


def _count_here(keys: Keys, at: Axis, hours: Sequence[datetime], execute: Execute) -> dict[datetime, int]:
    """The same where texts with different offsets cannot be bounded exactly in SQL."""
    counts = dict.fromkeys(hours, 0)
    if not hours:
        return counts
    span = sa.and_(at.later_than(hours[0] - timedelta(microseconds=1)), at.up_to(hours[-1] + _HOUR))
    statement = keys.select(at, span)
    rows = execute(statement if keys.by_time else statement.add_columns(at.column))
    places = read_times([row[-1] for row in rows], at.config).micros.tolist()
    width = _HOUR // timedelta(microseconds=1)
    seen = {
        (*row[: len(keys.columns)], p if keys.by_time else p // width): p // width
        for row, p in zip(rows, places, strict=True)
    }
    found = Counter(seen.values())
    return {hour: found[to_micros(hour) // width] for hour in hours}
