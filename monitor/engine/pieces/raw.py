"""Raw rows of one source and piece, typed and in the order in which the single process reads them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from monitor.engine.pieces.timing import Slots, seen_at
from monitor.errors import UsageError
from monitor.instants import from_micros, to_micros
from monitor.model import Page, Reject
from monitor.sources.typed.arrays import UNREADABLE, Micros
from monitor.sources.typed.keys import written_key
from monitor.sources.typed.plan import Plan
from monitor.sources.typed.rows import Row, cursor_times, type_rows
from monitor.sources.typed.times import Times, read_times

_FAR = datetime(2200, 1, 1, tzinfo=UTC)
"""No time is ahead of it; which rows are ahead of the clock at their pull is found out here."""
_MICRO = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ReadRows:
    """Accepted rows as a page, ordered by the pull that reads them (us, shape (rows,)), and the refused ones."""

    page: Page
    seen: Micros


def require_columns(table: pa.Table, names: Sequence[str], source: str) -> None:
    """UsageError if the table of a source lacks a column that the plant file names."""
    missing = [name for name in names if name not in table.column_names]
    if missing:
        has = ", ".join(sorted(name for name in table.column_names))
        raise UsageError(f"the table of source {source!r} has no column {missing[0]!r}; it has {has}")


def rows_of_table(table: pa.Table, plan: Plan) -> list[Row]:
    """The rows of a table in the order of the plan's columns."""
    return list(zip(*(table.column(name).to_pylist() for name in plan.columns), strict=True))


def read_rows(table: pa.Table, plan: Plan, source: str, slots: Slots, skew: timedelta) -> ReadRows:
    """Type the rows of a source that are read until the end. `slots`: those of its pulls; `skew`: see `clock_skew`.

    UsageError if the table lacks a column of the plant file.
    """
    require_columns(table, plan.columns, source)
    rows = rows_of_table(table, plan)
    times = cursor_times(rows, plan)
    read = _are_read(times.micros, plan, slots)
    order = [i for i in in_order(rows, plan, times) if read[i]]
    rows, times = [rows[i] for i in order], times.take(order)
    ahead = _refused_as_ahead(rows, plan, times, slots, skew)
    kept = [i for i in range(len(rows)) if i not in ahead]
    typed = type_rows([rows[i] for i in kept], plan, _FAR, skew, times.take(kept))
    rejects = [*typed.rejects]
    for i, slot in ahead.items():
        rejects += type_rows([rows[i]], plan, from_micros(slot), skew, times.take([i])).rejects
    page = typed.page(plan, None, False, len(rows))
    return _in_order_of_reading(replace(page, rejects=tuple(rejects)), slots, skew)


def _are_read(cursors: Micros, plan: Plan, slots: Slots) -> list[bool]:
    """Whether rows with these cursor times are read; one without is found by reconciliation, whenever that runs."""
    end = slots.span.end
    if end is None:
        return [True] * len(cursors)
    delay = timedelta(0) if plan.config.available_at else plan.config.delay
    unread = slots.at_or_after(np.where(cursors == UNREADABLE, 0, cursors + delay // _MICRO)) > to_micros(end)
    read: list[bool] = (~unread | (cursors == UNREADABLE)).tolist()
    return read


def micros_of(column: pd.Series[pd.Timestamp]) -> Micros:
    """Instants of a page's frame (us)."""
    return np.asarray(column.dt.as_unit("us").astype("int64").to_numpy(), dtype=np.int64)


def reject_row(reject: Reject) -> tuple[str, str, datetime | None, str]:
    """What the quarantine keeps of a refused row: reason, key, its own time, the column at fault."""
    return reject.reason.value, reject.key, reject.at, reject.column


def _in_order_of_reading(page: Page, slots: Slots, skew: timedelta) -> ReadRows:
    seen = seen_at(micros_of(page.frame["at"]), micros_of(page.frame["available_at"]), slots, skew)
    if bool(np.all(seen[1:] >= seen[:-1])):
        return ReadRows(page, seen)
    order = np.argsort(seen, kind="stable")
    place = {int(before): new for new, before in enumerate(order)}
    frame = page.frame.iloc[order].reset_index(drop=True)
    hidden = {place[row]: reasons for row, reasons in page.hidden.items()}
    pictures = {place[row]: kept for row, kept in page.pictures.items()}
    ordered = replace(page, frame=frame, values=page.values[order], hidden=hidden, pictures=pictures)
    return ReadRows(ordered, seen[order])


def in_order(rows: Sequence[Row], plan: Plan, times: Times) -> list[int]:
    """By the time at which a row became available, then its own, then its key, as sources are read."""
    own = _own_times(rows, plan)
    order = np.lexsort((own, times.micros))
    tied = (np.diff(times.micros[order]) == 0) & (np.diff(own[order]) == 0)
    if not tied.any():
        return [int(i) for i in order]
    shared = np.concatenate([tied, [False]]) | np.concatenate([[False], tied])
    keys = {i: written_key(dict(zip(plan.columns, rows[i], strict=True)), plan) for i in order[shared].tolist()}
    return sorted(order.tolist(), key=lambda i: (times.micros[i], own[i], keys.get(i, "")))


def _own_times(rows: Sequence[Row], plan: Plan) -> Micros:
    place = plan.columns.index(plan.config.at.column)
    return read_times([row[place] for row in rows], plan.config.at).micros


def _refused_as_ahead(rows: Sequence[Row], plan: Plan, times: Times, slots: Slots, skew: timedelta) -> dict[int, int]:
    """The rows that are ahead of the clock whenever they are read, each with the pull that first reads it.

    A row is read again by later pulls until `late_by` behind the newest row of its source.
    """
    own = _own_times(rows, plan)
    delay = timedelta(0) if plan.config.available_at else plan.config.delay
    places = times.later(delay).micros
    readable = (places != UNREADABLE) & (own != UNREADABLE)
    pulls = slots.at_or_after(places)
    ahead = readable & (own > pulls + skew // _MICRO)
    known = np.sort(places[readable])
    return {
        i: int(pulls[i])
        for i in np.flatnonzero(ahead).tolist()
        if not _read_again(int(places[i]), int(own[i]) - skew // _MICRO, int(pulls[i]), known, slots, plan)
    }


def _read_again(place: int, wanted: int, pull: int, known: Micros, slots: Slots, plan: Plan) -> bool:
    """Whether a pull reads the row again when it is no longer ahead."""
    look_back = plan.config.look_back // _MICRO
    while pull < wanted:
        position = int(known[np.searchsorted(known, pull, side="right") - 1])
        if place <= position - look_back:
            return False
        pull += slots.every
    return True
