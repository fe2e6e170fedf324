"""A table's column as points: single values, or subgroups of rows that follow each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors.spc.points import Indices, Points, Spread, of_subgroups, of_values
from detectors.standalone.reading import rows_of
from detectors.standalone.times import Times
from inference.standalone.tables import check_columns
from monitor.errors import UsageError
from monitor.model import Floats

if TYPE_CHECKING:
    import pandas as pd

GAP = 10.0
"""A step in time of more than so many usual ones (the median of phase 1) is a gap."""


@dataclass(frozen=True, slots=True)
class Column:
    """The values (n,) of a column in the order of the file, NaN where missing; the subgroups' names (n,), if asked."""

    name: str
    values: Floats
    times: Times | None
    labels: tuple[str, ...] | None
    notes: tuple[str, ...]


def read_column(frame: pd.DataFrame, path: Path, value: str, time: str = "", subgroup: str = "") -> Column:
    """The column of values; UsageError where a column is not there, or holds no number, or a row no subgroup."""
    others = [(option, name) for option, name in (("--time", time), ("--subgroup", subgroup)) if name]
    check_columns(frame, [("--value", value), *others], path)
    for option, name in others:
        if name == value:
            raise UsageError(f"{option} and --value both name {value!r}; name different columns")
    rows = rows_of(frame, path, time, [value])
    labels = texts(frame[subgroup], "--subgroup", subgroup) if subgroup else None
    notes = [*rows.notes]
    if labels is not None:
        notes.extend(_returning(labels, subgroup))
    return Column(value, rows.values[:, 0], rows.times, labels, tuple(notes))


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurements (n,), NaN where missing, with the names of their part and operator."""

    parts: tuple[str, ...]
    operators: tuple[str, ...]
    values: Floats
    notes: tuple[str, ...]


def read_study(frame: pd.DataFrame, path: Path, part: str, operator: str, value: str) -> Measured:
    """The columns of a gauge study; UsageError where one is not there, or holds no number, or a name is missing."""
    named = [("--part", part), ("--operator", operator), ("--value", value)]
    check_columns(frame, named, path)
    if len({part, operator, value}) < len(named):
        raise UsageError("--part, --operator and --value name the same column twice; name different columns")
    rows = rows_of(frame, path, "", [value])
    parts, operators = (texts(frame[column], option, column) for option, column in named[:2])
    return Measured(parts, operators, rows.values[:, 0], rows.notes)


def texts(column: pd.Series[str], option: str, name: str) -> tuple[str, ...]:
    """The texts of a column; UsageError where one is missing."""
    missing = np.flatnonzero(column.isna().to_numpy())
    if len(missing):
        raise UsageError(f"{option} {name!r}: row {int(missing[0]) + 1} has no value; expected one in every row")
    return tuple(str(text) for text in column)


def _returning(labels: Sequence[str], name: str) -> list[str]:
    starts = [label for i, label in enumerate(labels) if i == 0 or label != labels[i - 1]]
    again = len(starts) - len(set(starts))
    if not again:
        return []
    many = f"{again} of {len(starts)} subgroups have the name of an earlier one"
    return [f"--subgroup {name!r}: {many}; rows that follow each other are a subgroup"]


def points_of(column: Column, spread: Spread, window: str) -> tuple[Points, tuple[int, int], int]:
    """The points, phase 1 as numbers of points (first, end), and how many gaps in time there are.

    `window`: a number of points, or FROM..TO as numbers of points from 1 or as times; '' for all points.
    """
    first = _starts(column, spread)
    phase1 = _phase1(window, column, first)
    breaks = _breaks(column.times, first, phase1)
    if spread is Spread.MOVING_RANGE:
        return of_values(column.values, breaks), phase1, int(breaks.sum())
    return replace(of_subgroups(column.values, first, spread, breaks), first=first), phase1, int(breaks.sum())


def _starts(column: Column, spread: Spread) -> Indices:
    if spread is Spread.MOVING_RANGE or column.labels is None:
        return np.arange(len(column.values))
    labels = column.labels
    return np.array([i for i, label in enumerate(labels) if i == 0 or label != labels[i - 1]], dtype=np.int64)


def _breaks(times: Times | None, first: Indices, phase1: tuple[int, int]) -> NDArray[np.bool_]:
    """Where the step from the point before is longer than GAP usual ones."""
    breaks = np.zeros(len(first), np.bool_)
    at = None if times is None else _positions(times)
    if at is None:
        return breaks
    steps = np.diff(at[first])
    usual = steps[phase1[0] : phase1[1] - 1]
    usual = usual[usual > 0]
    if len(usual):
        breaks[1:] = steps > GAP * np.median(usual)
    return breaks


def _positions(times: Times) -> Floats:
    """Instants, or plain numbers; NaN where one is missing."""
    import pandas as pd

    if times.instants is not None:
        return times.instants.astype(np.float64)
    return pd.to_numeric(pd.Series(times.texts), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _phase1(window: str, column: Column, first: Indices) -> tuple[int, int]:
    count = len(first)
    if not window:
        return 0, count
    start, dots, end = (part.strip() for part in window.partition(".."))
    if not dots:
        return _checked(1, _number(start, window), count, window)
    if start.isdigit() and end.isdigit():
        return _checked(int(start), int(end), count, window)
    if column.times is None or column.times.instants is None:
        raise UsageError(
            f"--phase1 {window}: times need a column of times; name it by --time, or use numbers of points"
        )
    instants = column.times.instants[first]
    low, high = _instant(start, window), _instant(end, window)
    inside = np.flatnonzero((instants >= low) & (instants <= high))
    if not len(inside):
        raise UsageError(f"--phase1 {window}: no row is in it; the file has times from {column.times.texts[0]}")
    return int(inside[0]), int(inside[-1]) + 1


def _number(text: str, window: str) -> int:
    if not text.isdigit():
        raise UsageError(f"--phase1 {window}: expected a number of points, such as 100, or FROM..TO, such as 1..100")
    return int(text)


def _checked(start: int, end: int, count: int, window: str) -> tuple[int, int]:
    if not 1 <= start <= end <= count:
        raise UsageError(f"--phase1 {window}: expected points between 1 and {count}, the first before the last")
    return start - 1, end


def _instant(text: str, window: str) -> int:
    import pandas as pd

    instant = pd.to_datetime(text, errors="coerce")
    if pd.isna(instant):
        raise UsageError(f"--phase1 {window}: {text!r} is no time; expected one such as 2026-01-31T06:00:00")
    return int((instant.tz_localize("UTC") if instant.tzinfo is None else instant).as_unit("ns").value)
