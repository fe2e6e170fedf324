"""Converts raw rows of a source to the typed rows of a page and its rejects; a bad row never affects another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitor.instants import from_micros, to_micros
from monitor.model import Floats, Page, Pictures, Reject, RejectReason
from monitor.pictures import Picture, digest_of
from monitor.plant.sources import ReadingSource
from monitor.sources.typed.arrays import UNREADABLE, Micros
from monitor.sources.typed.columns import (
    not_allowed,
    numbers,
    quarantine_text,
    text_column,
    unknown_classes,
    visit_numbers,
)
from monitor.sources.typed.conversions import Events, scales_of
from monitor.sources.typed.images import images
from monitor.sources.typed.keys import written_key
from monitor.sources.typed.layout import mark_contradictions, mark_long_contradictions, widen
from monitor.sources.typed.offending import offending_column
from monitor.sources.typed.plan import Plan, TextColumn
from monitor.sources.typed.times import Faults, Times, read_times
from monitor.sources.typed.vectors import vectors

Row = Sequence[object]
Raw = Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class TypedRows:
    """The accepted rows, with values of shape (rows, names), and the rejected ones.

    `hidden`: by accepted row, why cells of it could not be read; they are missing there. `pictures`: by accepted row,
    those that a gate judges, by value column.
    """

    frame: pd.DataFrame
    values: Floats
    rejects: tuple[Reject, ...]
    hidden: Mapping[int, Sequence[RejectReason]] = field(default_factory=dict)
    pictures: Pictures = field(default_factory=dict)

    def page(self, plan: Plan, position: datetime | None, more: bool, read: int) -> Page:
        """The rows as a page of a source; see `Page` for the other arguments."""
        return Page(self.frame, plan.names, self.values, self.rejects, position, more, read, self.hidden, self.pictures)


class _Cells(NamedTuple):
    """What the value columns hold: see `TypedRows`, with the rows as they were read."""

    values: Floats
    hidden: dict[int, list[RejectReason]]
    pictures: dict[int, dict[str, Picture]]


def cursor_times(rows: Sequence[Row], plan: Plan) -> Times:
    """The times of the cursor column: `available_at` if mapped, else `at`, without the configured delay."""
    column = plan.config.available_at or plan.config.at
    index = plan.columns.index(column.column)
    return read_times([row[index] for row in rows], column)


def columns_of(rows: Sequence[Row], plan: Plan) -> Raw:
    """The rows, each in the order of `plan.columns`, by column."""
    if not rows:
        return dict.fromkeys(plan.columns, ())
    return dict(zip(plan.columns, zip(*rows, strict=True), strict=True))


def unknown_members(rows: Sequence[Row], plan: Plan) -> Faults:
    """The rows whose machine (step, for part steps) is not in the plant file."""
    faults: Faults = {}
    if plan.member and plan.member.column:
        index = plan.columns.index(plan.member.column)
        _text_column({plan.member.column: tuple(row[index] for row in rows)}, plan.member, len(rows), faults)
    return faults


def type_rows(
    rows: Sequence[Row], plan: Plan, now: datetime, skew: timedelta, cursor: Times | None = None
) -> TypedRows:
    """Convert rows, each in the order of `plan.columns`; see `type_columns`."""
    return type_columns(columns_of(rows, plan), plan, now, skew, cursor)


def type_columns(raw: Raw, plan: Plan, now: datetime, skew: timedelta, cursor: Times | None = None) -> TypedRows:
    """Convert rows given by column, as the source has them; the rows are in the order of the page.

    `cursor` holds their cursor times if they have been read already. A row with several faults is rejected for its
    texts first, then its times, then its numbers. A row whose event time is more than `skew` after `now` is ahead of
    the clock.
    """
    n = len(raw[plan.config.at.column])
    faults: Faults = {}
    texts = _text_columns(raw, plan, n, faults)
    column = plan.config.available_at or plan.config.at
    cursor = cursor or read_times(raw[column.column], column)
    at = read_times(raw[plan.config.at.column], plan.config.at) if plan.config.available_at else cursor
    available = cursor if plan.config.available_at else cursor.later(plan.config.delay)
    _add_faults(faults, at.faults, available.faults, _ahead(at, now + skew))
    events = Events(at.micros, {name: texts[name] for name in ("machine", "sensor") if name in texts})
    values, hidden, pictures = _values(raw, plan, events, texts, faults)
    frame = pd.DataFrame({"at": _utc(at.micros), "available_at": _utc(available.micros), **texts})
    if hidden:
        # Where another row has its key, a row with a bad cell would accuse that one of contradicting it.
        repeated = frame.duplicated([*plan.key, "available_at"], keep=False).to_numpy()
        _add_faults(faults, {row: reasons[0] for row, reasons in hidden.items() if repeated[row]})
    _add_faults(faults, _contradictions(frame, values, pictures, plan, faults))
    rejects = tuple(
        _reject({name: raw[name][i] for name in plan.columns}, plan, faults[i], at, i) for i in sorted(faults)
    )
    if faults:
        good = _faultless(faults, n)
        frame, values = frame[good].reset_index(drop=True), values[good]
        place = np.cumsum(good) - 1
        hidden = {int(place[row]): reasons for row, reasons in hidden.items() if good[row]}
        pictures = {int(place[row]): kept for row, kept in pictures.items() if good[row]}
    if plan.sensor:
        frame, values = widen(frame, values, plan.names)
    elif plan.value:
        frame, values = frame.assign(value=values[:, 0]), np.empty((len(frame), 0))
    return TypedRows(frame, values, rejects, hidden, pictures)


def reject_rows(rows: Sequence[Row], plan: Plan, reasons: Sequence[RejectReason]) -> tuple[Reject, ...]:
    """The rows as rejects, each for its given reason."""
    at_index = plan.columns.index(plan.config.at.column)
    at = read_times([r[at_index] for r in rows], plan.config.at)
    return tuple(
        _reject(dict(zip(plan.columns, row, strict=True)), plan, reasons[i], at, i) for i, row in enumerate(rows)
    )


def _add_faults(faults: Faults, *others: object) -> None:
    """Add the faults of rows that have none yet."""
    for other in others:
        if isinstance(other, dict):
            for row, reason in other.items():
                faults.setdefault(row, reason)


def _faultless(faults: Faults, n: int) -> NDArray[np.bool_]:
    good = np.ones(n, np.bool_)
    good[list(faults)] = False
    return good


def _text_columns(raw: Raw, plan: Plan, n: int, faults: Faults) -> dict[str, object]:
    """All text columns of the page, and for part steps the visit after the step."""
    columns: dict[str, object] = {}
    for spec in plan.all_texts:
        columns[spec.name] = _text_column(raw, spec, n, faults)
        if spec.name == "step" and plan.counts_visits:
            columns["visit"] = _visits(raw, plan, n, faults)
    if plan.sensor:
        _check_sensors(columns, plan, faults)
    return columns


def _visits(raw: Raw, plan: Plan, n: int, faults: Faults) -> pd.Series[int]:
    if plan.visit is None:
        return pd.Series(pd.arrays.IntegerArray(np.ones(n, np.int64), np.ones(n, np.bool_)))
    counted, new_faults = visit_numbers(raw[plan.visit])
    _add_faults(faults, new_faults)
    return pd.Series(pd.arrays.IntegerArray(np.array(counted, np.int64), np.zeros(n, np.bool_)))


def _text_column(raw: Raw, spec: TextColumn, n: int, faults: Faults) -> list[str]:
    if spec.column is None:
        return [""] * n
    column = text_column(raw[spec.column], spec.codes)
    if spec.allowed is not None:
        _add_faults(faults, not_allowed(column, spec.allowed, spec.reason))
    elif spec.required and "" in column:
        _add_faults(faults, {i: spec.reason for i, w in enumerate(column) if not w})
    return column


def _check_sensors(data: dict[str, object], plan: Plan, faults: Faults) -> None:
    pairs = list(zip(data["machine"], data["sensor"], strict=True))  # type: ignore[call-overload]
    wrong = set(pairs) - plan.pairs
    if wrong:
        _add_faults(faults, {i: RejectReason.UNKNOWN_SENSOR for i, pair in enumerate(pairs) if pair in wrong})


def _ahead(at: Times, latest: datetime) -> Faults:
    rows = np.flatnonzero(at.micros > to_micros(latest))
    return dict.fromkeys(rows.tolist(), RejectReason.AHEAD_OF_CLOCK)


def _utc(micros: Micros) -> pd.DatetimeIndex:
    ns = np.where(micros == UNREADABLE, UNREADABLE, micros * 1000)
    return pd.DatetimeIndex(ns.view("M8[ns]")).tz_localize("UTC")


def _values(raw: Raw, plan: Plan, events: Events, texts: Mapping[str, object], faults: Faults) -> _Cells:
    """The values, by row why cells of it were hidden, and the pictures that a gate judges.

    A bad cell is a fault of its row; but in a wide reading, whose cells are readings of different sensors, it hides
    its sensor only, as long as another cell can be read.
    """
    parts: list[Floats] = []
    bad_cells: list[Faults] = []
    pictures: dict[int, dict[str, Picture]] = {}
    columns = [*plan.values, *([("", plan.value)] if plan.value else [])]
    for name, column in columns:
        if column.image is None:
            read, bad = (numbers if column.vector is None else vectors)(
                raw[column.column], column, scales_of(column, events)
            )
        else:
            read, bad, kept = images(raw[column.column], column.image, _judged(plan.judged.get(name, ()), texts))
            for row, picture in kept.items():
                pictures.setdefault(row, {})[name] = picture
        parts.append(read)
        bad_cells.append(bad)
    values = np.column_stack(parts) if parts else np.empty((len(events.at), 0))
    hides = isinstance(plan.config, ReadingSource) and len(columns) > 1
    cells = _Cells(values, _hidden(values, bad_cells, hides, faults), pictures)
    if plan.classes:
        _add_faults(faults, unknown_classes(values[:, 0], plan.classes))
    return cells


def _judged(steps: Collection[str], texts: Mapping[str, object]) -> Collection[int]:
    """The rows of these steps."""
    return [i for i, step in enumerate(cast("list[str]", texts["step"])) if step in steps] if steps else ()


def _hidden(values: Floats, bad_cells: Iterable[Faults], hides: bool, faults: Faults) -> dict[int, list[RejectReason]]:
    hidden: dict[int, list[RejectReason]] = {}
    for bad in bad_cells:
        for row, reason in bad.items():
            if hides and np.isfinite(values[row]).any():
                hidden.setdefault(row, []).append(reason)
            else:
                faults.setdefault(row, reason)
    return hidden


def _contradictions(frame: pd.DataFrame, values: Floats, pictures: Pictures, plan: Plan, faults: Faults) -> Faults:
    """Contradictions among the rows without other faults."""
    if pictures:
        frame = frame.assign(pictures=[digest_of(pictures.get(i, {})) for i in range(len(frame))])
    good = _faultless(faults, len(frame))
    readable, numbers_read = (frame[good], values[good]) if faults else (frame, values)
    if plan.sensor:
        marked = mark_long_contradictions(readable, numbers_read)
    else:
        key = [*plan.key, "available_at"]
        marked = mark_contradictions(readable, key, [c for c in frame.columns if c not in key], numbers_read)
    return dict.fromkeys(np.flatnonzero(good)[marked].tolist(), RejectReason.CONTRADICTION)


def _reject(cells: Mapping[str, object], plan: Plan, reason: RejectReason, at: Times, i: int) -> Reject:
    text = {name: quarantine_text(value) for name, value in cells.items()}
    own_time = None if i in at.faults else from_micros(int(at.micros[i]))
    return Reject(reason, written_key(cells, plan), own_time, text, cells, offending_column(cells, plan, reason), i)
