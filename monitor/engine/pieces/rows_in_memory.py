"""Raw rows of one source that are in memory, pulled as a plant's source is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from monitor.engine.pieces.raw import in_order, require_columns, rows_of_table
from monitor.instants import from_micros, to_micros
from monitor.model import Page
from monitor.plant.plant import Plant
from monitor.sources.typed.arrays import UNREADABLE
from monitor.sources.typed.columns import text_column
from monitor.sources.typed.kept import KeptRows
from monitor.sources.typed.plan import make_plan
from monitor.sources.typed.rows import cursor_times, type_rows


class RowsInMemory:
    """The rows of a table in the order in which they became available; see `monitor.ports.PulledSource`.

    Rows whose time cannot be read come with no pull; they are `strays`, by position.
    """

    def __init__(self, plant: Plant, source: str, table: pa.Table) -> None:
        config = plant.sources[source]
        self._plan = make_plan(config, plant)
        self._skew = plant.clock_skew
        require_columns(table, self._plan.columns, source)
        rows = rows_of_table(table, self._plan)
        times = cursor_times(rows, self._plan)
        order = in_order(rows, self._plan, times)
        readable = [i for i in order if times.micros[i] != UNREADABLE]
        self._rows = [rows[i] for i in readable]
        self._times = times.take(readable)
        delay = timedelta(0) if config.available_at else config.delay
        self._places = self._times.later(delay).micros
        self.strays = [rows[i] for i in order if times.micros[i] == UNREADABLE]
        self.kept = KeptRows(self._plan, self._skew)

    @property
    def first(self) -> datetime | None:
        """When the first row became available; None without rows."""
        return from_micros(int(self._places[0])) if len(self._places) else None

    @property
    def last(self) -> datetime | None:
        """When the last row became available; None without rows."""
        return from_micros(int(self._places[-1])) if len(self._places) else None

    def read(
        self,
        after: datetime | None,
        until: datetime,
        limit: int,
        members: Sequence[str] | None = None,
        now: datetime | None = None,
    ) -> Page:
        """See `monitor.ports.PulledSource`."""
        start = 0 if after is None else int(np.searchsorted(self._places, to_micros(after), "right"))
        end = int(np.searchsorted(self._places, to_micros(until), "right"))
        stop = min(start + max(limit, 1), end)
        if stop < end:  # all rows of one place
            stop = int(np.searchsorted(self._places, self._places[stop - 1], "right"))
        position = after if stop == start else from_micros(int(self._places[stop - 1]))
        rows = [i for i in range(start, stop) if members is None or self._member(i) in members]
        typed = type_rows(
            [self._rows[i] for i in rows], self._plan, now or until, self._skew, self._times.take(rows)
        )  # fmt: skip
        return typed.page(self._plan, position, stop < end, len(rows))

    def refused_strays(self, until: datetime) -> Page:
        """The rows that no pull returns, refused."""
        typed = type_rows(self.strays, self._plan, until, self._skew)
        return typed.page(self._plan, None, False, len(self.strays))

    def _member(self, row: int) -> str:
        member = self._plan.member
        if member is None or member.column is None:
            return ""
        return text_column([self._rows[row][self._plan.columns.index(member.column)]], member.codes)[0]
