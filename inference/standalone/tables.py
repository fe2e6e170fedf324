"""Tables from files: which columns are inputs, and their values as the kinds of models take them."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import UsageError
from monitor.model import Floats

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "-")
"""Texts that mean a missing value."""
MOST_LEVELS = 50
"""Different texts above which a column is no category."""
MOST_NUMBERS = 0.95
"""Share of numbers from which a column is one of numbers; what is none is missing."""
_WITH_COMMA = r"\s*[+-]?\d+,\d+([eE][+-]?\d+)?\s*"
_WITH_COMMA_OR_WHOLE = rf"{_WITH_COMMA}|\s*[+-]?\d+\s*"
_MOST_BYTES = 2 * 2**30
_SAMPLE = 65_536


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of a table that are no inputs; '' where there is none."""

    target: str
    groups: str = ""
    time: str = ""
    ignored: tuple[str, ...] = ()

    def named(self) -> list[tuple[str, str]]:
        """The options with the columns that they name."""
        named = [("--target", self.target), ("--groups", self.groups), ("--time", self.time)]
        return [(option, name) for option, name in named if name] + [("--without", name) for name in self.ignored]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a table: their names, and the levels of those that are categories; why others were left out."""

    names: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


def read_table(path: Path, separator: str = "") -> pd.DataFrame:
    """A table of texts, NaN where a value is missing: CSV, also compressed by gzip, of a separator given or found out.

    UsageError where it cannot be read as a table.
    """
    import pandas as pd

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path} is larger than {_MOST_BYTES} bytes; split it, or take a sample")
        separator = separator or _separator(path)
        frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, na_values=list(MISSING))
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror or exc}; expected a CSV file") from exc
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError, EOFError) as exc:
        first = str(exc).strip().splitlines()[0]
        raise UsageError(f"{path} cannot be read as a table: {first}; expected CSV with a header, in UTF-8") from exc
    frame.columns = [str(name).strip() for name in frame.columns]
    if frame.empty:
        raise UsageError(f"{path} has no rows; expected a header and at least one row")
    return frame if separator == "," else frame.apply(_with_points)


def _with_points(column: pd.Series[str]) -> pd.Series[str]:
    """A column of numbers with decimal commas, as numbers are written with points; any other column as it is."""
    texts = column.dropna()
    if not texts.str.fullmatch(_WITH_COMMA).any() or texts.str.fullmatch(_WITH_COMMA_OR_WHOLE).mean() < MOST_NUMBERS:
        return column
    return column.str.replace(",", ".", regex=False)


def _separator(path: Path) -> str:
    with path.open("rb") as file:
        content = gzip.GzipFile(fileobj=file).read(_SAMPLE) if path.suffix == ".gz" else file.read(_SAMPLE)
    header = content.decode("utf-8-sig", "replace").split("\n", 1)[0]
    try:
        return str(csv.Sniffer().sniff(header, delimiters=",;\t|").delimiter)
    except csv.Error:
        return ","  # a single column


def numbers(column: pd.Series[str]) -> Floats:
    """The numbers of a column of texts, NaN where there is none; infinite ones are missing."""
    import pandas as pd

    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def check_columns(frame: pd.DataFrame, named: Sequence[tuple[str, str]], path: Path) -> None:
    """UsageError where the table lacks a column that an option names."""
    for option, name in named:
        if name not in frame.columns:
            raise UsageError(f"{option} {name!r}: {path} has no such column; it has {_listed(list(frame.columns))}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(map(repr, names[:20])) + more


def find_inputs(frame: pd.DataFrame, roles: Roles) -> Inputs:
    """Every other column is an input: numbers, or a category of at most `MOST_LEVELS` texts."""
    names: list[str] = []
    categories: dict[str, tuple[str, ...]] = {}
    left_out: dict[str, str] = {}
    for name in frame.columns:
        if name in (roles.target, roles.groups, roles.time, *roles.ignored):
            continue
        reason, levels = _judged(frame[name])
        if reason:
            left_out[name] = reason
            continue
        names.append(name)
        if levels:
            categories[name] = levels
    return Inputs(tuple(names), categories, left_out)


def _judged(column: pd.Series[str]) -> tuple[str, tuple[str, ...]]:
    """Why a column is no input ('' if it is one), and its levels if it is a category."""
    present = column.dropna()
    if present.nunique() < 2:
        return "it has one value only" if len(present) else "it is empty", ()
    values = numbers(present)
    if np.isfinite(values).mean() >= MOST_NUMBERS:
        steps = np.diff(values)
        if len(values) == len(column) > 2 and (steps == 1).all():
            return "it numbers the rows", ()
        return "", ()
    levels = tuple(sorted(present.unique()))
    if len(levels) > MOST_LEVELS:
        return f"it has {len(levels)} different texts, more than {MOST_LEVELS}", ()
    return "", levels


def rows_of(frame: pd.DataFrame, names: Sequence[str], categories: Mapping[str, Sequence[str]]) -> Floats:
    """The inputs (rows, inputs): numbers, or the index of a category's level (-1: unknown); NaN where missing."""
    columns = [_encoded(frame[name], categories.get(name)) for name in names]
    return np.stack(columns, axis=1) if columns else np.empty((len(frame), 0))


def _encoded(column: pd.Series[str], levels: Sequence[str] | None) -> Floats:
    if levels is None:
        return numbers(column)
    index = {level: float(i) for i, level in enumerate(levels)}
    codes = [index.get(text, -1.0) if isinstance(text, str) else np.nan for text in column.tolist()]
    return np.array(codes, dtype=np.float64)
