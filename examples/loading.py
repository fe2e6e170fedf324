"""What the loaders share: finding files of a format, reading them strictly, filling a plant's tables.

Whatever is wrong with the input becomes one sentence that names the file, never a traceback.
"""

from __future__ import annotations

import argparse
import re
import sys
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
import yaml

_BROKEN = (OSError, EOFError, zlib.error, UnicodeDecodeError, ValueError)  # pandas' own errors are ValueErrors


class Trouble(Exception):  # noqa: N818 - a sentence for a person
    """Why the data cannot be loaded: one sentence that names the file."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a loader made: rows by table, and the first and last instant of the plant's history."""

    tables: Mapping[sa.Table, Sequence[Mapping[str, Any]]]
    start: datetime
    end: datetime
    notes: Sequence[str] = ()
    plant: Mapping[str, Any] | None = None
    """The sections of the plant file that follow from the data."""


def run(folder: Path, load: Callable[[Path], Loaded], arguments: Sequence[str] | None = None) -> int:
    """The command line of a loader in `folder`; the exit code."""
    parser = argparse.ArgumentParser(prog=f"examples/{folder.name}/load.py", description=load.__doc__)
    parser.add_argument("data", metavar="DATA_DIR", type=Path, help="folder with files of this format")
    parser.add_argument("url", metavar="DATABASE_URL", help="database that takes the tables, such as sqlite:///x.db")
    parser.add_argument(
        "--plant", type=Path, metavar="FILE", help="also write the plant file for this data and database"
    )
    given = parser.parse_args(arguments)
    try:
        loaded = load(_data_folder(given.data, folder.name))
        fill(given.url, loaded.tables)
        if given.plant is not None:
            write_plant(folder / "plant.yaml", given.plant, given.url, loaded.plant or {})
    except Trouble as trouble:
        sys.stderr.write(f"{parser.prog}: {trouble}\n")
        return 3
    for note in loaded.notes:
        sys.stderr.write(f"{parser.prog}: {note}\n")
    for table, rows in loaded.tables.items():
        print(f"{table.name}: {len(rows)} rows")
    where = given.plant or folder / "plant.yaml"
    start, end = loaded.start - timedelta(seconds=1), loaded.end
    print(f"gatewatch replay {where} --from {start:%Y-%m-%dT%H:%M:%SZ} --to {end:%Y-%m-%dT%H:%M:%SZ}")
    return 0


def _data_folder(given: Path, name: str) -> Path:
    """The folder itself, or in a collection of data sets the one of this name."""
    if not given.is_dir():
        raise Trouble(f"{given} is no folder; name the one that holds the data")
    return given / name if (given / name).is_dir() else given


def csv_files(folder: Path, columns: Iterable[str], separator: str = ",") -> tuple[list[Path], list[str]]:
    """The CSV files (also .gz) below a folder whose header has all the columns, and a note for each other one."""
    wanted = set(columns)
    found, notes = [], []
    for path in sorted(folder.rglob("*"), key=natural_order):
        if path.is_file() and re.search(r"\.csv(\.gz)?$", path.name):
            missing = wanted.difference(_header(path, separator))
            if missing:
                notes.append(f"{path}: left out, it has no column {min(missing)!r}")
            else:
                found.append(path)
    if not found:
        seen = f"; {notes[0]}" if notes else ""
        raise Trouble(f"{folder} holds no CSV file of this format{seen}")
    return found, notes


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Sorts 2.csv before 10.csv."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def _header(path: Path, separator: str) -> list[str]:
    return _read(path, separator, nrows=0).columns.tolist()


def _read(path: Path, separator: str, nrows: int | None = None) -> pd.DataFrame:
    try:
        return pd.read_csv(path, sep=separator, dtype=str, nrows=nrows, index_col=False)
    except _BROKEN as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Trouble(f"{path}: no readable CSV file ({why})") from None


def read_csv(path: Path, time: str, separator: str = ",") -> pd.DataFrame:
    """A file with its times (naive) and every other column as finite numbers, NaN where empty; in order of time."""
    frame = read_columns(path, {time}, separator)
    at = pd.to_datetime(frame[time], format="%Y-%m-%d %H:%M:%S", errors="coerce")
    refuse(path, frame[time], at.isna(), "a time such as 2020-03-09 10:34:33")
    return frame.assign(**{time: at}).sort_values(time, kind="stable", ignore_index=True)


def read_columns(path: Path, texts: Collection[str], separator: str = ",") -> pd.DataFrame:
    """A file with the columns `texts` as they are and every other one as finite numbers, NaN where empty."""
    text = _read(path, separator)
    if text.empty:
        raise Trouble(f"{path}: it has a header but no rows")
    return pd.DataFrame({name: text[name] if name in texts else _numbers(path, text[name]) for name in text})


def _numbers(path: Path, column: pd.Series[str]) -> pd.Series[float]:
    numbers = pd.to_numeric(column, errors="coerce")
    refuse(path, column, (numbers.isna() & column.notna()) | np.isinf(numbers), "a number")
    return numbers


def refuse(path: Path, column: pd.Series[Any], wrong: pd.Series[bool], expected: str) -> None:
    """Raise Trouble that names the first row in which a column is wrong."""
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        value = column[row]
        held = "is empty" if pd.isna(value) else f"holds {value!r}" if isinstance(value, str) else f"holds {value:g}"
        raise Trouble(f"{path}:{row + 2}: column {column.name!r} {held}; expected {expected}")


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as a database takes them: NULL for what is missing."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")  # type: ignore[return-value]


def fill(url: str, tables: Mapping[sa.Table, Sequence[Mapping[str, Any]]]) -> None:
    """Make the tables, in place of those of the same names, and fill them."""
    try:
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            for table, rows in tables.items():
                table.drop(connection, checkfirst=True)
                table.create(connection)
                for part in _parts(rows):
                    connection.execute(table.insert(), part)
        engine.dispose()
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Trouble(f"the database cannot be filled: {why}") from None


def _parts(rows: Sequence[Mapping[str, Any]], most: int = 5000) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), most):
        yield [dict(row) for row in rows[start : start + most]]


def write_plant(original: Path, file: Path, url: str, sections: Mapping[str, Any]) -> None:
    """The example's plant file with every source reading `url`, and the sections that follow from the data replaced."""
    plant = yaml.safe_load(original.read_text(encoding="utf-8")) | dict(sections)
    for source in plant["sources"].values():
        source["url"] = url
    try:
        file.write_text(yaml.safe_dump(plant, sort_keys=False, width=120), encoding="utf-8")
    except OSError as error:
        raise Trouble(f"{file} cannot be written: {(error.strerror or 'not a path').lower()}") from None
