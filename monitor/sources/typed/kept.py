"""Rows that were kept when they were refused: typing them again, and which of them accepted rows have replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from monitor.model import Page, RowKey
from monitor.sources.typed.columns import text_column
from monitor.sources.typed.keys import Cells, typed_keys
from monitor.sources.typed.plan import Plan
from monitor.sources.typed.rows import cursor_times, type_rows


class KeptRows:
    """The refused rows of one source under its plan; see `monitor.ports.KeptRows`."""

    def __init__(self, plan: Plan, skew: timedelta) -> None:
        self._plan = plan
        self._skew = skew
        self.columns = plan.columns

    def page(self, rows: Sequence[Cells], now: datetime) -> Page:
        """The rows as a page, in order of place; `index` of a reject is the position in `rows`."""
        raw = self._raw(rows)
        times = cursor_times(raw, self._plan)
        order = np.argsort(times.micros, kind="stable").tolist()
        typed = type_rows([raw[i] for i in order], self._plan, now, self._skew, times.take(order))
        rejects = tuple(replace(reject, index=order[reject.index]) for reject in typed.rejects)
        return Page(
            typed.frame, self._plan.names, typed.values, rejects, None, False, len(rows), typed.hidden, typed.pictures
        )

    def members(self, rows: Sequence[Cells]) -> Sequence[str]:
        """The machine of each row, or the step for part steps."""
        member = self._plan.member
        if member is None or member.column is None:
            return [""] * len(rows)
        return text_column([cells[member.column] for cells in rows], member.codes)

    def answered(self, page: Page, rows: Sequence[Cells]) -> Sequence[int]:
        """The positions of the rows whose key has an accepted row in the page that became available no earlier."""
        if page.frame.empty or not rows:
            return []
        config = self._plan.config
        delay = timedelta(0) if config.available_at else config.delay
        available = cursor_times(self._raw(rows), self._plan).later(delay)
        newest = _newest_by_key(page, self._plan)
        found = []
        for i, key in enumerate(typed_keys(rows, self._plan)):
            at = newest.get(key)
            if at is not None and (i in available.faults or available.micros[i] <= at):
                found.append(i)
        return found

    def _raw(self, rows: Sequence[Cells]) -> list[list[object]]:
        return [[cells[name] for name in self.columns] for cells in rows]


def _newest_by_key(page: Page, plan: Plan) -> dict[RowKey, int]:
    """By key the latest time, in microseconds, at which an accepted row of the page became available."""
    frame, newest = page.frame, dict[RowKey, int]()
    at, available = (_page_micros(frame[name]) for name in ("at", "available_at"))
    columns = [at if name == "at" else frame[name].tolist() for name in plan.key if name != "sensor"]
    present = ~np.isnan(page.values) if plan.sensor else None
    for i, key in enumerate(zip(*columns, strict=True)):
        keys: list[RowKey] = [key]
        if present is not None:
            keys = [(key[0], page.names[j], key[1]) for j in np.flatnonzero(present[i]).tolist()]
        for one in keys:
            newest[one] = max(available[i], newest.get(one, available[i]))
    return newest


def _page_micros(column: Any) -> list[int]:
    return [int(t) for t in column.dt.as_unit("us").astype("int64").tolist()]
