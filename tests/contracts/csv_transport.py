"""A transport made for the tests: a CSV file, read whole at every call. All that a transport needs is in this file."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from monitor.errors import SourceError, SourceReason
from monitor.instants import from_micros, to_micros
from monitor.model import Page, RejectReason, RowKey
from monitor.plant.plant import Plant
from monitor.plant.sources import SourceBase
from monitor.sources.typed.arrays import UNREADABLE
from monitor.sources.typed.kept import KeptRows
from monitor.sources.typed.keys import typed_keys, written_key
from monitor.sources.typed.plan import make_plan
from monitor.sources.typed.rows import Row, cursor_times, reject_rows, type_rows
from monitor.sources.typed.times import Times, read_times


class CsvSource:
    """`whole:///FILE` with a header; an empty cell is no value."""

    def __init__(self, name: str, config: SourceBase, plant: Plant) -> None:
        self._name, self._file = name, Path(config.url.removeprefix("whole://"))
        self._plan, self._skew = make_plan(config, plant), plant.clock_skew
        self._delay = timedelta(0) if config.available_at else config.delay
        self.kept = KeptRows(self._plan, self._skew)

    def verify(self) -> Sequence[str]:
        self._rows()
        return ()

    def close(self) -> None:
        pass

    def read(
        self,
        after: datetime | None,
        until: datetime,
        limit: int,
        members: Sequence[str] | None = None,
        now: datetime | None = None,
    ) -> Page:
        rows, times, places = self._ordered()
        wanted = places <= to_micros(until)
        if after is not None:
            wanted &= places > to_micros(after)
        if members is not None and self._plan.member and self._plan.member.column:
            place = self._plan.columns.index(self._plan.member.column)
            wanted &= np.array([row[place] in members for row in rows], dtype=np.bool_)
        chosen = np.flatnonzero(wanted)
        last = places[chosen[min(max(limit, 1), len(chosen)) - 1]] if len(chosen) else 0
        kept = chosen[places[chosen] <= last].tolist()
        position = from_micros(int(last)) if kept else after
        return self._page([rows[i] for i in kept], times.take(kept), position, len(kept) < len(chosen), now or until)

    def read_hour(self, start: datetime, end: datetime, until: datetime) -> Page:
        rows, times, places = self._ordered()
        at = self._at(rows)
        wanted = (at >= to_micros(start)) & (at < to_micros(end)) & (places <= to_micros(until))
        kept = np.flatnonzero(wanted).tolist()
        return self._page([rows[i] for i in kept], times.take(kept), None, False, until)

    @property
    def key(self) -> tuple[str, ...]:
        return self._plan.key

    def hour_keys(self, start: datetime, end: datetime, until: datetime) -> Mapping[RowKey, str]:
        rows, _, places = self._ordered()
        at = self._at(rows)
        wanted = (at >= to_micros(start)) & (at < to_micros(end)) & (places <= to_micros(until))
        cells = [dict(zip(self._plan.columns, rows[i], strict=True)) for i in np.flatnonzero(wanted).tolist()]
        return dict(zip(typed_keys(cells, self._plan), (written_key(row, self._plan) for row in cells), strict=True))

    def strays(self, until: datetime, limit: int) -> Page:
        rows = self._rows()
        places = cursor_times(rows, self._plan)
        ahead = places.micros > to_micros(until + self._skew)
        reasons = {**dict.fromkeys(np.flatnonzero(ahead).tolist(), RejectReason.AHEAD_OF_CLOCK), **places.faults}
        chosen = sorted(reasons)[:limit]
        typed = type_rows([], self._plan, until, self._skew)
        rejects = reject_rows([rows[i] for i in chosen], self._plan, [reasons[i] for i in chosen])
        return Page(typed.frame, self._plan.names, typed.values, rejects, None, False, len(chosen))

    def newest(self, limit: int, serials: Collection[str] | None = None) -> Sequence[Mapping[str, object]]:
        rows = self._rows()
        order = np.argsort(-cursor_times(rows, self._plan).micros, kind="stable").tolist()
        cells = [dict(zip(self._plan.columns, rows[i], strict=True)) for i in order]
        column = getattr(self._plan.config, "serial", None)
        return [row for row in cells if serials is None or column is None or row[column] in serials][:limit]

    def _rows(self) -> list[Row]:
        with self._file.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in self._plan.columns if name not in (reader.fieldnames or ())]
            if missing:
                raise SourceError(f"source {self._name!r}: no column {missing[0]!r}", SourceReason.MISSING_COLUMN)
            return [[row[name] or None for name in self._plan.columns] for row in reader]

    def _ordered(self) -> tuple[list[Row], Times, np.ndarray]:
        """Rows with a readable place, their cursor times and places, by place and then by event time."""
        rows = self._rows()
        times = cursor_times(rows, self._plan)
        places = times.later(self._delay).micros
        order = [i for i in np.lexsort((self._at(rows), places)).tolist() if places[i] != UNREADABLE]
        return [rows[i] for i in order], times.take(order), places[order]

    def _at(self, rows: Sequence[Row]) -> np.ndarray:
        column = self._plan.config.at
        place = self._plan.columns.index(column.column)
        return read_times([row[place] for row in rows], column).micros

    def _page(self, rows: Sequence[Row], times: Times, position: datetime | None, more: bool, now: datetime) -> Page:
        typed = type_rows(rows, self._plan, now, self._skew, times)
        return typed.page(self._plan, position, more, len(rows))
