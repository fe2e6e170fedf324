"""Reads a plant's tables over SQL: pages in the order in which rows became available, keys, and strays."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from monitor.errors import SourceError, SourceReason, UsageError
from monitor.instants import EPOCH, from_micros, to_micros
from monitor.model import Page, RejectReason, RowKey
from monitor.plant.plant import Plant
from monitor.plant.sources import SourceBase
from monitor.sources.sql.axis import Condition
from monitor.sources.sql.engine import make_engine, source_error
from monitor.sources.sql.filtered import rows_of
from monitor.sources.sql.inspection import TableInfo, inspect_table, member_conditions, unknown_member_conditions
from monitor.sources.sql.remarks import remarks
from monitor.sources.typed.arrays import UNREADABLE
from monitor.sources.typed.kept import KeptRows
from monitor.sources.typed.keys import WrittenKeys, typed_keys
from monitor.sources.typed.plan import make_plan
from monitor.sources.typed.rows import Row, TypedRows, cursor_times, reject_rows, type_rows, unknown_members
from monitor.sources.typed.times import Times, read_times

_MICRO = timedelta(microseconds=1)
_MISSING = (SourceReason.MISSING_TABLE, SourceReason.MISSING_COLUMN)


class SqlSource:
    """A table or view of an MES or historian, read incrementally and never written.

    The cursor is the time at which a row became available: `available_at` if mapped, else `at` plus `delay`.
    All methods raise SourceError if the source cannot be read, and UsageError if the plant file lacks a key that the
    times need (`zone` for naive times, `epoch` for numbers).
    """

    def __init__(self, name: str, config: SourceBase, plant: Plant) -> None:
        self.name, self.config = name, config
        self._plan = make_plan(config, plant)
        self._skew = plant.clock_skew
        self.kept = KeptRows(self._plan, self._skew)
        self._delay = timedelta(0) if config.available_at else config.delay
        self._engine, self._deadline = make_engine(name, config)
        self._table = rows_of(config, self._plan.columns, self._engine.dialect)
        self._keys = [self._table.c[c] for c in self._plan.key_columns]
        self._table_info: TableInfo | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The names of what makes a row unique."""
        return self._plan.key

    def verify(self) -> list[str]:
        """Connect and compare the table with the plant file; errors list the existing tables or columns."""
        self._table_info = None
        with self._connected() as connection:
            info = self._inspect(connection)
            return list(remarks(connection, self.name, self.config, self._table, info)) if info else []

    def newest(self, limit: int, serials: Collection[str] | None = None) -> list[dict[str, object]]:
        """At most `limit` rows as they are, newest first; in the database's own order where no time can be read.

        A row without a time comes last. With `serials`, whatever comes first, so that an index on them is enough.
        """
        statement = sa.select(*self._table.c).limit(limit)
        with self._connected() as connection:
            try:
                info = self._inspect(connection)
            except UsageError:
                info = None
            column = getattr(self.config, "serial", None)
            if serials is not None and column is not None:
                statement = statement.where(sa.cast(self._table.c[column], sa.Text).in_(list(serials)))
            elif info is not None:
                statement = statement.order_by(info.cursor.column.desc().nulls_last())
            rows = self._execute(connection, statement)
        return [dict(zip(self._plan.columns, row, strict=True)) for row in rows]

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def read(
        self,
        after: datetime | None,
        until: datetime,
        limit: int,
        members: Sequence[str] | None = None,
        now: datetime | None = None,
    ) -> Page:
        """About `limit` rows that became available in (after, until], oldest first.

        Rows that became available at the same instant are not split across pages, so a page may exceed `limit`.
        `members` are names of machines in the plant file (of steps, for part steps). The position of the page is the
        latest cursor time of its rows, or `after` if it has none. Event times more than the clock skew after `now`
        (default: `until`) are rejected. Rows without a readable cursor are not returned here; see `strays`.
        """
        with self._connected() as connection:
            info = self._inspect(connection)
            if info is None:
                return self._page([], after, False, now or until)
            conditions = member_conditions(info.member, self._plan, members)
            size = max(limit, 1) + 1
            while True:
                rows = self._fetch(connection, info, after, until, conditions, size)
                full = len(rows) == size
                times = cursor_times(rows, self._plan)
                indices, position = self._page_rows(rows, times, info, after, until, full)
                if not full or position is not None:
                    break
                size *= 4  # the fetch held a single instant, or only rows beyond the exact bounds
        cursor = after if position is None else from_micros(position)
        return self._page([rows[i] for i in indices], cursor, full, now or until, times.take(indices))

    def read_hour(self, start: datetime, end: datetime, until: datetime) -> Page:
        """All rows with an event time in [start, end) that were available at `until`, in the order of `read`.

        Does not move the cursor.
        """
        with self._connected() as connection:
            info = self._inspect(connection)
            if info is None:
                return self._page([], None, False, until)
            rows = self._execute(connection, self._select(info).where(*self._of_hour(info, start, end, until)))
        at = read_times(self._column(rows, self.config.at.column), self.config.at)
        times = cursor_times(rows, self._plan)
        places = times.later(self._delay)
        chosen = _in_hour(at, places, start, end, until)
        order = np.argsort(places.micros, kind="stable")
        indices = order[chosen[order]].tolist()
        return self._page([rows[i] for i in indices], None, False, until, times.take(indices))

    def hour_keys(self, start: datetime, end: datetime, until: datetime) -> Mapping[RowKey, str]:
        """The keys of the rows that `read_hour` returns, each with its quarantine text; not without a time."""
        config, plan = self.config, self._plan
        times = dict.fromkeys((config.at.column, (config.available_at or config.at).column))
        names = tuple(dict.fromkeys([*plan.key_columns, *times]))
        with self._connected() as connection:
            info = self._inspect(connection)
            if info is None:
                return {}
            statement = sa.select(*(self._table.c[name] for name in names)).where(
                *self._of_hour(info, start, end, until)
            )
            rows = [dict(zip(names, row, strict=True)) for row in self._execute(connection, statement)]
        columns = (config.at, config.available_at or config.at)
        at, places = (read_times([row[column.column] for row in rows], column) for column in columns)
        chosen = _in_hour(at, places.later(self._delay), start, end, until)
        chosen[[*at.faults, *places.faults]] = False
        kept = [rows[i] for i in np.flatnonzero(chosen).tolist()]
        return WrittenKeys(dict(zip(typed_keys(kept, plan), kept, strict=True)), plan)

    def _of_hour(self, info: TableInfo, start: datetime, end: datetime, until: datetime) -> list[Condition]:
        """Conditions that hold for every row that happened in [start, end) and was known by `until`, and few others."""
        return [info.at.later_than(start - _MICRO), info.at.up_to(end), info.cursor.up_to(until - self._delay)]

    def strays(self, until: datetime, limit: int) -> Page:
        """Rows that `read` never returns, as rejects, at most `limit`.

        Their cursor is missing, unreadable or more than the clock skew after `until`, or the source is partitioned
        and their machine or step is not in the plant file, or no row of the table has a time of the event. `until`
        must be the real time: under a simulated clock, rows of its future would count as ahead of the clock.
        """
        latest = until + self._skew
        with self._connected() as connection:
            info = self._inspect(connection)
            unknown = sa.or_(sa.false(), *unknown_member_conditions(info.member if info else None, self._plan))
            strays = sa.select(*self._table.c, unknown.label("unknown_member")).limit(limit)
            if info is not None:
                unread = [info.cursor.unreadable(connection.dialect.name), info.cursor.later_than(latest)]
                strays = strays.where(sa.or_(*unread, unknown))
            found = self._execute(connection, strays)
        rows = [row[:-1] for row in found]
        reasons = self._stray_reasons(rows, info, latest, [bool(row[-1]) for row in found])
        chosen = [i for i, reason in enumerate(reasons) if reason is not None]
        typed = self._without_rows
        rejects = reject_rows([rows[i] for i in chosen], self._plan, [r for r in reasons if r is not None])
        return Page(typed.frame, self._plan.names, typed.values, rejects, None, False, len(rows))

    def _stray_reasons(
        self, rows: Sequence[Row], info: TableInfo | None, latest: datetime, unselected: Sequence[bool]
    ) -> list[RejectReason | None]:
        """The reason why each row is a stray; None for rows beyond the exact bounds.

        `unselected`: rows that belong to no partition as the database compares codes, blanks around them included.
        """
        column = self.config.available_at or self.config.at
        raw = self._column(rows, column.column)
        times = read_times(raw, column)
        ahead = times.micros > to_micros(latest)
        unknown = unknown_members(rows, self._plan) if self.config.partitions else {}
        # Nothing is read while no row has a time of the event.
        undated = read_times(self._column(rows, self.config.at.column), self.config.at).faults if info is None else {}
        form = info.cursor.form if info is not None and column.format is None else None
        separator = form.separator if form else None
        reasons: list[RejectReason | None] = []
        for i, value in enumerate(raw):
            other_format = separator is not None and str(value)[10:11] != separator
            reason = (
                RejectReason.AHEAD_OF_CLOCK if ahead[i] else times.faults.get(i) or undated.get(i) or unknown.get(i)
            )
            if reason is None and unselected[i] and self._plan.member is not None:
                reason = self._plan.member.reason
            reasons.append(reason or (RejectReason.IMPOSSIBLE_TIME if other_format else None))
        return reasons

    def _column(self, rows: Sequence[Row], name: str) -> list[object]:
        index = self._plan.columns.index(name)
        return [row[index] for row in rows]

    def _select(self, info: TableInfo) -> sa.Select[Any]:
        """All columns, ordered by cursor, event time and key, so that the order does not depend on paging."""
        order = dict.fromkeys([info.cursor.column, info.at.column, *self._keys])
        return sa.select(*self._table.c).order_by(*order)

    def _fetch(
        self,
        connection: sa.Connection,
        info: TableInfo,
        after: datetime | None,
        until: datetime,
        conditions: Sequence[Condition],
        size: int,
    ) -> Sequence[Row]:
        bounds = [info.cursor.up_to(until - self._delay)]
        if after is not None:
            bounds.append(info.cursor.later_than(after - self._delay))
        return self._execute(connection, self._select(info).where(*bounds, *conditions).limit(size))

    def _page_rows(
        self, rows: Sequence[Row], times: Times, info: TableInfo, after: datetime | None, until: datetime, full: bool
    ) -> tuple[list[int], int | None]:
        """The indices of the page's rows, in order, and their latest cursor time (us; None if none is readable)."""
        places = _forward_filled(times.later(self._delay).micros)
        selected = places <= to_micros(until)
        readable = places != UNREADABLE  # still unreadable: rows before the first readable one
        if after is not None:
            selected &= ~readable | (places > to_micros(after))
        if full:
            delay = self._delay // _MICRO
            selected &= places < info.cursor.complete_below(int(places[-1]) - delay) + delay
        order = np.argsort(places, kind="stable")
        chosen = order[selected[order]]
        cursors = places[chosen][readable[chosen]]
        return chosen.tolist(), int(cursors.max()) if cursors.size else None

    def _page(
        self, rows: Sequence[Row], position: datetime | None, more: bool, now: datetime, times: Times | None = None
    ) -> Page:
        typed = type_rows(rows, self._plan, now, self._skew, times) if rows else self._without_rows
        return typed.page(self._plan, position, more, len(rows))

    @cached_property
    def _without_rows(self) -> TypedRows:
        return type_rows((), self._plan, EPOCH, self._skew)

    def _inspect(self, connection: sa.Connection) -> TableInfo | None:
        if self._table_info is None:
            self._deadline.restart()
            self._table_info = inspect_table(connection, self.name, self._plan, self._table)
        return self._table_info

    def _execute(self, connection: sa.Connection, statement: sa.Select[Any]) -> Sequence[Any]:
        self._deadline.restart()
        return connection.execute(statement).all()

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """A connection whose errors become SourceError; after an error the table is inspected again."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as exc:
            error = source_error(self.name, self.config, exc)
            inspected = self._table_info is not None
            self._table_info = None
            if inspected and error.reason in _MISSING:
                self.verify()  # raises an error that lists the existing tables or columns
            raise error from exc
        except SourceError:
            self._table_info = None
            raise


def _in_hour(at: Times, places: Times, start: datetime, end: datetime, until: datetime) -> NDArray[np.bool_]:
    """The rows that happened in [start, end) and were known by `until`."""
    happened = (at.micros >= to_micros(start)) & (at.micros < to_micros(end))
    return happened & (places.micros <= to_micros(until))


def _forward_filled(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cursor times with unreadable ones replaced by the one before, so that their rows keep their position."""
    rows = np.where(places != UNREADABLE, np.arange(len(places)), -1)
    last = np.maximum.accumulate(rows) if rows.size else rows
    return np.where(last >= 0, places[last], UNREADABLE)
