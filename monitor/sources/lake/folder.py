"""A folder into which CSV or Parquet files are dropped, as a log of files: a file's rows became known with the file.

Hand a file over by renaming it into place, which is atomic. A file that is written in place waits until it is whole: a
Parquet file until it can be read, the last line of a CSV file until it ends.
"""

from __future__ import annotations

import csv
import fnmatch
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from monitor.clock import Clock, WallClock
from monitor.errors import SourceReason
from monitor.sources.lake import csv_files, parquet
from monitor.sources.lake.fragments import Bounds, Damage, Fragment, Loaded, unreadable

_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart")
_QUIET = 60_000_000_000
"""Nanoseconds without a change after which a file is taken for finished, whole or not."""
_LARGE = 64 * 2**20
"""Bytes from which on a Parquet file is read by row groups."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    known: int
    size: int
    quiet: bool

    @property
    def name(self) -> str:
        """Stands for the content: what is written to a file, or renamed onto it, is another."""
        return f"{self.path.name}@{self.known}+{self.size}{'' if self.quiet else '?'}"


class FolderLog:
    """The files of a folder that match a pattern such as `*.csv`; `numbers`: columns to be read as float64.

    A file became known when it was last renamed or written (its ctime), so that one written long before it was handed
    over is met. Names that begin with '.' or '_', and those of unfinished downloads, are left alone.
    """

    def __init__(
        self, name: str, folder: Path, pattern: str, numbers: Sequence[str], tables: bool, clock: Clock | None = None
    ) -> None:
        self._name, self._folder, self._pattern = name, folder, pattern
        self._numbers, self._parquet = list(numbers), tables
        self._clock = clock or WallClock()

    def columns(self) -> Sequence[str]:
        """The names of the columns of all files, in the order in which they are met."""
        names: dict[str, None] = {}
        for file in self._found():
            names.update(dict.fromkeys(self._names(file)))
        return list(names)

    def changes(self, after: int | None, until: int) -> Sequence[Fragment]:
        """The rows of the files that were handed over in (after, until]."""
        files = [file for file in self._found() if file.known <= until and (after is None or file.known > after)]
        return [fragment for file in files for fragment in self._pieces(file)]

    def state(self, until: int | None) -> Sequence[Fragment]:
        """The rows of all files that were there at an instant."""
        return self.changes(None, 2**62 if until is None else until)

    def _found(self) -> list[_File]:
        now = int(self._clock.now().timestamp() * 1e9)
        found = []
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if self._wanted(entry.name) and entry.is_file():
                        stat = entry.stat()
                        known = stat.st_ctime_ns // 1000
                        found.append(_File(Path(entry.path), known, stat.st_size, now - stat.st_ctime_ns > _QUIET))
        except FileNotFoundError as exc:
            advice = "expected a folder; create it, or correct `url`"
            raise unreadable(self._name, str(self._folder), exc, advice, SourceReason.MISSING_TABLE) from exc
        except OSError as exc:
            advice = "expected a folder that may be read; check its rights"
            raise unreadable(self._name, str(self._folder), exc, advice, SourceReason.UNREACHABLE) from exc
        return sorted(found, key=lambda file: (file.known, file.path.name))

    def _wanted(self, name: str) -> bool:
        unfinished = name.startswith((".", "_")) or name.lower().endswith(_UNFINISHED)
        return not unfinished and fnmatch.fnmatchcase(name, self._pattern)

    def _names(self, file: _File) -> list[str]:
        try:
            return parquet.names_of(partial(file.path.open, "rb")) if self._parquet else csv_files.names_of(file.path)
        except (OSError, pa.ArrowInvalid, UnicodeDecodeError, csv.Error):
            return []

    def _pieces(self, file: _File) -> list[Fragment]:
        groups: list[list[int] | None] = [None]
        if self._parquet and file.size > _LARGE:
            with suppress(OSError, pa.ArrowInvalid):  # what cannot be read is said when its rows are
                groups = [[i] for i in range(parquet.row_groups(partial(file.path.open, "rb")))]
        return [
            Fragment(
                file.name if group is None else f"{file.name}#{group[0]}", file.known,
                partial(self._load, file, group), partial(self._bounds, file, group),
            )
            for group in groups
        ]  # fmt: skip

    def _bounds(self, file: _File, groups: Sequence[int] | None, column: str) -> Bounds | None:
        if not self._parquet:
            return None
        try:
            return parquet.bounds_of(partial(file.path.open, "rb"), column, groups)
        except (OSError, pa.ArrowInvalid):
            return None

    def _load(self, file: _File, groups: Sequence[int] | None, names: Sequence[str]) -> Loaded:
        """The rows of a file; none of one that is still being written, or is gone."""
        try:
            if not self._parquet:
                return csv_files.read(file.path, names, whole=file.quiet)
            table = parquet.read_columns(partial(file.path.open, "rb"), names, groups)
            return Loaded(parquet.columns_of(table, names, self._numbers))
        except FileNotFoundError:
            return Loaded({name: [] for name in names})
        except (OSError, pa.ArrowInvalid, UnicodeDecodeError, csv.Error) as exc:
            damage = (Damage({"file": file.path.name}, str(exc).splitlines()[0]),) if file.quiet else ()
            return Loaded({name: [] for name in names}, damage)
