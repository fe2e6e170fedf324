"""Reading a plant's tables over SQL: pages in the order in which rows could be known, counts, and strays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from monitor.errors import SourceError, SourceReason
from monitor.instants import from_micros, to_micros
from monitor.model import Page, RejectReason
from monitor.plant.plant import Plant
from monitor.plant.sources import SourceBase
from monitor.sources.sql.axis import Condition
from monitor.sources.sql.counts import Keys, count_by_hour, whole_hours
from monitor.sources.sql.engine import make_engine, source_error
from monitor.sources.sql.shape import Shape, find_shape, of_members, of_no_member
from monitor.sources.typed.plan import make_plan
from monitor.sources.typed.rows import Row, cursor_times, rejected, type_rows, unknown_members
from monitor.sources.typed.times import UNREADABLE, Times, read_times

_MICRO = timedelta(microseconds=1)
_MISSING = (SourceReason.MISSING_TABLE, SourceReason.MISSING_COLUMN)


class SqlSource:
    """One table or view of a MES or historian, read incrementally and never written.

    The cursor is the time at which a row could be known: `available_at` where mapped, else `at` plus `delay`.
    Every method raises SourceError where the source cannot be read, and UsageError where the plant file says too
    little of it (naive times without a zone, numbers without an epoch).
    """

    def __init__(self, name: str, config: SourceBase, plant: Plant) -> None:
        self.name, self.config = name, config
        self._plan = make_plan(config, plant)
        self._skew = plant.clock_skew
        self._delay = timedelta(0) if config.available_at else config.delay
        self._engine, self._deadline = make_engine(name, config)
        self._table = sa.table(config.table, *map(sa.column, self._plan.columns), schema=config.table_schema)
        self._keys = [self._table.c[c] for c in self._plan.key_columns]
        self._found: Shape | None = None

    def verify(self) -> None:
        """Connect and compare the table with the plant file; what is missing is named beside what is there."""
        self._found = None
        with self._connected() as connection:
            self._shape(connection)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def read(
        self,
        after: datetime | None,
        until: datetime,
        limit: int,
        members: Sequence[str] | None = None,
        now: datetime | None = None,
    ) -> Page:
        """About `limit` rows that became known in (after, until], oldest first.

        Rows that became known at one instant are never split, so a page holds more than `limit` where one instant
        does. `members` are our names of machines (of steps, for part steps). The page's position is the latest such
        instant of its rows; `after` again where it has none. Event times more than the clock skew after `now`
        (default `until`) are rejected. Rows without a readable cursor are not met here: see `strays`.
        """
        with self._connected() as connection:
            shape = self._shape(connection)
            if shape is None:
                return self._page([], after, False, now or until)
            conditions = of_members(shape.member, self._plan, members)
            size = max(limit, 1) + 1
            while True:
                rows = self._fetch(connection, shape, after, until, conditions, size)
                full = len(rows) == size
                times = cursor_times(rows, self._plan)
                kept, position = self._cut(rows, times, shape, after, until, full)
                if not full or position is not None:
                    break
                size *= 4  # one instant filled the fetch, or rows that only the widened bounds let in
        chosen, place = [rows[i] for i in kept], after if position is None else from_micros(position)
        return self._page(chosen, place, full, now or until, times.take(kept))

    def read_hour(self, start: datetime, end: datetime, until: datetime) -> Page:
        """Every row that happened in [start, end) and was known by `until`, ordered as by `read`; moves no cursor."""
        with self._connected() as connection:
            shape = self._shape(connection)
            if shape is None:
                return self._page([], None, False, until)
            known = shape.cursor.up_to(until - self._delay)
            statement = self._select(shape).where(shape.at.later_than(start - _MICRO), shape.at.up_to(end), known)
            rows = self._execute(connection, statement)
        at = read_times(self._column(rows, self.config.at.column), self.config.at).micros
        times = cursor_times(rows, self._plan)
        places = times.later(self._delay).micros
        chosen = (at >= to_micros(start)) & (at < to_micros(end)) & (places <= to_micros(until))
        order = np.argsort(places, kind="stable")
        kept = order[chosen[order]].tolist()
        return self._page([rows[i] for i in kept], None, False, until, times.take(kept))

    def hourly_counts(self, start: datetime, end: datetime, until: datetime) -> dict[datetime, int]:
        """How many different keys happened in each whole UTC hour of [start, end) and were known by `until`.

        Rows with an empty key or an unreadable time are not counted; rows refused for another reason are. Hours in
        which naive local times happen twice cannot be counted and are left out. Where the cursor is text, `until`
        counts to the end of its second.
        """
        with self._connected() as connection:
            shape = self._shape(connection)
            hours = whole_hours(start, end, shape.at if shape else None)
            if shape is None:
                return dict.fromkeys(hours, 0)
            left_out = {self.config.at.column, self._plan.sensor.column if self._plan.sensor else None}
            columns = tuple(k for k in self._keys if k.name not in left_out)
            known = shape.cursor.up_to(until - self._delay)
            keys = Keys(self._table, columns, self._plan.visit is None, known)
            return count_by_hour(keys, shape.at, hours, partial(self._execute, connection))

    def strays(self, until: datetime, limit: int) -> Page:
        """Rows that `read` never meets, as rejects, `limit` at most.

        Their cursor is missing, unreadable or more than the clock skew after `until`; or the source is partitioned
        and their machine or step is none of the plant's. `until` must be the present: under a simulated clock, rows
        of its future would be ahead of it too.
        """
        latest = until + self._skew
        with self._connected() as connection:
            shape = self._shape(connection)
            if shape is None:
                return self._page([], None, False, until)
            unseen = [shape.cursor.unreadable(connection.dialect.name), shape.cursor.later_than(latest)]
            wanted = sa.or_(*unseen, *of_no_member(shape.member, self._plan))
            rows = self._execute(connection, sa.select(*self._table.c).where(wanted).limit(limit))
        reasons = self._stray_reasons(rows, shape, latest)
        chosen = [i for i, reason in enumerate(reasons) if reason is not None]
        typed = type_rows([], self._plan, until, self._skew)
        rejects = rejected([rows[i] for i in chosen], self._plan, [r for r in reasons if r is not None])
        return Page(typed.frame, self._plan.names, typed.values, rejects, None, False, len(rows))

    def _stray_reasons(self, rows: Sequence[Row], shape: Shape, latest: datetime) -> list[RejectReason | None]:
        """Why each row is a stray; None for one that only the widened bounds let in."""
        column = shape.cursor.config
        raw = self._column(rows, column.column)
        times = read_times(raw, column)
        ahead = times.micros > to_micros(latest)
        unknown = unknown_members(rows, self._plan) if self.config.partitions else {}
        separator = shape.cursor.form.separator if shape.cursor.form else None
        reasons: list[RejectReason | None] = []
        for i, value in enumerate(raw):
            odd = separator is not None and str(value)[10:11] != separator
            found = RejectReason.AHEAD_OF_CLOCK if ahead[i] else times.faults.get(i) or unknown.get(i)
            reasons.append(found or (RejectReason.IMPOSSIBLE_TIME if odd else None))
        return reasons

    def _column(self, rows: Sequence[Row], name: str) -> list[object]:
        place = self._plan.columns.index(name)
        return [row[place] for row in rows]

    def _select(self, shape: Shape) -> sa.Select[Any]:
        """Every column, ordered by cursor, then event time, then key: the same however the rows are paged."""
        order = dict.fromkeys([shape.cursor.column, shape.at.column, *self._keys])
        return sa.select(*self._table.c).order_by(*order)

    def _fetch(
        self,
        connection: sa.Connection,
        shape: Shape,
        after: datetime | None,
        until: datetime,
        conditions: Sequence[Condition],
        size: int,
    ) -> Sequence[Row]:
        bounds = [shape.cursor.up_to(until - self._delay)]
        if after is not None:
            bounds.append(shape.cursor.later_than(after - self._delay))
        return self._execute(connection, self._select(shape).where(*bounds, *conditions).limit(size))

    def _cut(
        self, rows: Sequence[Row], times: Times, shape: Shape, after: datetime | None, until: datetime, full: bool
    ) -> tuple[list[int], int | None]:
        """Which rows belong to the page, in order, and the latest place among them (None: no readable one)."""
        places = _filled(times.later(self._delay).micros)
        wanted = places <= to_micros(until)
        readable = places != UNREADABLE  # what stays unreadable stood before the first readable row
        if after is not None:
            wanted &= ~readable | (places > to_micros(after))
        if full:
            delay = self._delay // _MICRO
            wanted &= places < shape.cursor.complete_below(int(places[-1]) - delay) + delay
        order = np.argsort(places, kind="stable")
        chosen = order[wanted[order]]
        seen = places[chosen][readable[chosen]]
        return chosen.tolist(), int(seen.max()) if seen.size else None

    def _page(
        self, rows: Sequence[Row], position: datetime | None, more: bool, now: datetime, times: Times | None = None
    ) -> Page:
        typed = type_rows(rows, self._plan, now, self._skew, times)
        return Page(typed.frame, self._plan.names, typed.values, typed.rejects, position, more, len(rows))

    def _shape(self, connection: sa.Connection) -> Shape | None:
        if self._found is None:
            self._deadline.restart()
            self._found = find_shape(connection, self.name, self._plan, self._table)
        return self._found

    def _execute(self, connection: sa.Connection, statement: sa.Select[Any]) -> Sequence[Any]:
        self._deadline.restart()
        return connection.execute(statement).all()

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """A connection whose errors are ours; after one, the table is looked at afresh."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as exc:
            error = source_error(self.name, self.config, exc)
            looked = self._found is not None
            self._found = None
            if looked and error.reason in _MISSING:
                self.verify()  # says what is there instead
            raise error from exc
        except SourceError:
            self._found = None
            raise


def _filled(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Unreadable places take the one before them, so that their rows stay where the column's order has them."""
    rows = np.where(places != UNREADABLE, np.arange(len(places)), -1)
    last = np.maximum.accumulate(rows) if rows.size else rows
    return np.where(last >= 0, places[last], UNREADABLE)
