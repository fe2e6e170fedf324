"""A file as rows of sensors' values, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors.shared.rows import BEYOND
from detectors.standalone.times import Times, read_times
from inference.standalone.tables import MOST_NUMBERS, check_columns, read_table
from monitor.errors import UsageError
from monitor.model import Floats

if TYPE_CHECKING:
    import pandas as pd

_PARQUET = (".parquet", ".pq")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in the order of the file: `values` (n, sensors), NaN where missing, and what was noticed (`notes`).

    `times`: None where no column of times was named.
    """

    names: tuple[str, ...]
    values: Floats
    times: Times | None
    notes: tuple[str, ...]


def read_frame(path: Path, separator: str = "") -> pd.DataFrame:
    """The table of a CSV file, as texts, or of a Parquet file; UsageError where it cannot be read or has no row."""
    if not path.exists():
        raise UsageError(f"{path}: no such file; expected a CSV or Parquet file")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; expected a CSV or Parquet file")
    if path.suffix.lower() in _PARQUET:
        return _parquet(path)
    frame = read_table(path, separator)
    if separator and len(frame.columns) == 1:
        raise UsageError(f"--sep {separator!r}: {path} has one column then, {frame.columns[0]!r}; leave --sep out")
    if all(_is_number(name) for name in frame.columns):
        raise UsageError(f"{path}: the first line holds numbers; expected the names of the columns")
    return frame


def _parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as exc:
        first = (str(exc).strip().splitlines() or [""])[0]
        raise UsageError(f"{path} cannot be read as Parquet: {first}") from exc
    frame.columns = [str(name) for name in frame.columns]
    if frame.empty:
        raise UsageError(f"{path} has no rows; expected at least one")
    return frame


def rows_of(
    frame: pd.DataFrame, path: Path, time: str = "", sensors: Sequence[str] = (), reference: int | None = None
) -> Rows:
    """The sensors' values: of the columns named, or of every column of numbers in the first `reference` rows.

    UsageError where a column is not there, or none holds numbers.
    """
    named = [("--time", time)] if time else []
    check_columns(frame, [*named, *(("--sensors", name) for name in sensors)], path)
    repeated = sorted({name for name in sensors if list(sensors).count(name) > 1})
    if repeated:
        raise UsageError(f"--sensors names {', '.join(map(repr, repeated))} more than once")
    times = read_times(frame[time], time) if time else None
    notes = list(times.notes) if times is not None else []
    chosen: dict[str, Floats] = {}
    for name in sensors or [column for column in frame.columns if column != time]:
        values, read = numbers(frame[name])
        reason = _unfit(values[:reference], read[:reference], bool(sensors))
        if reason:
            notes.append(f"column {name!r} is left out: {reason}")
            continue
        chosen[name] = values
        notes.extend(_doubts(name, frame[name], values, read))
    if not chosen:
        raise UsageError("\n".join([f"{path}: no column can be judged; expected at least one of numbers", *notes]))
    if not sensors:
        notes.append(f"judged by {len(chosen)} {'columns' if len(chosen) > 1 else 'column'}: {_listed([*chosen])}")
    return Rows(tuple(chosen), np.stack([*chosen.values()], axis=1), times, tuple(notes))


def numbers(column: pd.Series[str]) -> tuple[Floats, NDArray[np.bool_]]:
    """The numbers of a column, NaN elsewhere and beyond single precision; and where anything is written."""
    import pandas as pd

    written = column.notna().to_numpy()
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        return np.full(len(column), np.nan), written
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.abs(values) <= BEYOND, values, np.nan), written


def _unfit(values: Floats, written: NDArray[np.bool_], named: bool) -> str:
    """Why a column is no sensor, by its reference rows; '' if it is one."""
    present = np.isfinite(values)
    where = f"the first {len(values)} rows"
    if not written.any():
        return f"it is empty in {where}, so that nothing is known to compare with"
    if not present.any():
        return f"it holds no number in {where}"
    if named:
        return ""
    if present.sum() < MOST_NUMBERS * written.sum():
        return f"of its values in {where} {int(written.sum() - present.sum())} are no numbers; --sensors would take it"
    if len(values) > 2 and present.all() and (np.diff(values) == 1).all():
        return "it numbers the rows; --sensors would take it"
    return ""


def _doubts(name: str, column: pd.Series[str], values: Floats, written: NDArray[np.bool_]) -> Iterator[str]:
    """What is to be said of a sensor's values."""
    strange = np.flatnonzero(written & ~np.isfinite(values))
    if len(strange):
        first = int(strange[0])
        yield (
            f"column {name!r}: {_values(len(strange))} no finite {'numbers' if len(strange) > 1 else 'number'} and "
            f"counted as missing; the first is {str(column.iloc[first])!r} in row {first + 1}"
        )
    missing = int((~written).sum())
    if missing:
        yield f"column {name!r}: {_values(missing)} missing, of {len(values)}"
    known = values[np.isfinite(values)]
    if len(known) > 1 and (known == known[0]).all():
        yield f"column {name!r} never changes"


def _values(count: int) -> str:
    return f"{count} values are" if count > 1 else "1 value is"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
