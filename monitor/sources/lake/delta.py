"""A Delta table as a log of files: by its change data feed where it has one, else by the files that commits added."""

from __future__ import annotations

import json
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pa_fs
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, DeltaProtocolError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler

from monitor.errors import SourceError, SourceReason
from monitor.sources.lake import parquet
from monitor.sources.lake.delta_commits import Commit, Commits, DataFile, parse_commit
from monitor.sources.lake.fragments import Bounds, Fragment, Loaded, unreadable
from monitor.sources.lake.places import Find, Place

_CHANGE = "_change_type"
_NEW = ("insert", "update_postimage")
_LARGE = 200_000
"""Rows from which on a file is read by row groups."""
_SNAPSHOTS = 4
_BEFORE = 300.0
"""Seconds before its credentials end in which a place is found again."""
_ADVICE = {
    SourceReason.MISSING_TABLE: "expected a Delta table there; correct `url` or `table`",
    SourceReason.UNREACHABLE: "expected a folder or bucket that can be read; check `url`, network and credentials",
    SourceReason.REFUSED: "expected a table without deletion vectors: turn delta.enableDeletionVectors off and rewrite "
    "the table by REORG TABLE ... APPLY (PURGE)",
}


@dataclass(frozen=True, slots=True)
class _Schema:
    """The columns of a table: their types, and their names in files (which column mapping makes differ)."""

    types: Mapping[str, pa.DataType]
    physical: Mapping[str, str]


class DeltaLog:
    """The table at a place. `numbers`: columns to be read as float64; `name`: the source's, for messages.

    A table whose old files were vacuumed away begins with the oldest version that can still be read as a whole, and
    all rows of that version became known with it.
    """

    def __init__(self, name: str, find: Find, numbers: Sequence[str]) -> None:
        self._name, self._find, self._numbers = name, find, list(numbers)
        self._place = Place("")
        self._table: DeltaTable | None = None
        self._files: Any = None
        self._commits = Commits(self._read_commit)
        self._snapshots: OrderedDict[int, Sequence[tuple[DataFile, int]]] = OrderedDict()
        self._base: int | None = None
        self._counted: dict[str, int] = {}

    def columns(self) -> Sequence[str]:
        """The names of the table's columns."""
        return list(self._schema(self._newest()).types)

    def changes(self, after: int | None, until: int) -> Sequence[Fragment]:
        """The rows that commits in (after, until] added or corrected, in order of commit."""
        table = self._newest()
        latest, schema = int(table.version()), self._schema(table)
        try:
            commits = self._commits.between(after, until, latest)
            if (self._base is None and self._commits.begins_after(after)) or self._vacuumed(commits):
                self._base = self._beginning(latest)
            found: list[Fragment] = []
            base = -1 if self._base is None else self._base
            if base >= 0 and (after is None or after < self._commits.known(base)):
                placed = _placed(self._snapshot(base), self._commits.known(base))
                found += [
                    f for file, at in placed if (after is None or at > after) and at <= until
                    for f in self._pieces(file, at, schema)
                ]  # fmt: skip
            for commit in commits:
                if commit.version > base:
                    found += self._changed(commit, schema)
        except (DeltaError, OSError) as exc:
            raise self._error(exc) from exc
        return found

    def state(self, until: int | None) -> Sequence[Fragment]:
        """The rows of the version that was the latest at an instant, or of the oldest that can be read."""
        table = self._newest()
        latest = int(table.version())
        try:
            version = latest if until is None else self._commits.version(until, latest)
            if version is None:
                return []
            if version < latest and self._base is None:
                self._base = self._beginning(latest)
            if self._base is not None and version < self._base:
                return []
            schema = self._schema(table)
            return [f for file, at in self._snapshot(version) for f in self._pieces(file, at, schema)]
        except (DeltaError, OSError) as exc:
            raise self._error(exc) from exc

    def _newest(self) -> DeltaTable:
        """The table, brought up to date."""
        if self._place.until is not None and time.time() > self._place.until - _BEFORE:
            self._table = None
        try:
            if self._table is None:
                self._place = self._find()
                self._table = self._open()
                self._files = pa_fs.PyFileSystem(DeltaStorageHandler.from_table(self._table._table))
            else:
                self._table.update_incremental()
        except (DeltaError, OSError) as exc:
            self._table = None
            raise self._error(exc) from exc
        return self._table

    def _open(self, version: int | None = None) -> DeltaTable:
        return DeltaTable(self._place.uri, version=version, storage_options=dict(self._place.options) or None)

    @staticmethod
    def _schema(table: DeltaTable) -> _Schema:
        fields = json.loads(table.schema().to_json())["fields"]
        physical = {f["name"]: f["metadata"].get("delta.columnMapping.physicalName", f["name"]) for f in fields}
        return _Schema({field.name: field.type for field in pa.schema(table.schema().to_arrow())}, physical)

    def _error(self, exc: Exception) -> SourceError:
        reason = SourceReason.UNREACHABLE
        if isinstance(exc, TableNotFoundError):
            reason = SourceReason.MISSING_TABLE
        elif isinstance(exc, DeltaProtocolError):
            reason = SourceReason.REFUSED
        return unreadable(self._name, f"Delta table at {self._place.uri}", exc, _ADVICE[reason], reason)

    # Versions ---------------------------------------------------------------------------------------------------------

    def _read_commit(self, version: int) -> Commit | None:
        path = f"_delta_log/{version:020d}.json"
        try:
            with self._files.open_input_file(path) as file:
                text = file.read().decode()
        except FileNotFoundError:
            return None
        modified = self._files.get_file_info(path).mtime_ns if "timestamp" not in text.lower() else None
        return parse_commit(version, text, (modified or 0) // 1000)

    def _beginning(self, latest: int) -> int | None:
        """The oldest version that can be read whole, with all that came after it; None: from the first commit on."""
        commits = self._commits.between(None, 2**62, latest)
        if not commits:
            return latest
        base = commits[0].version if commits[0].version > 0 else None
        replaced = [(path, commit.version) for commit in commits for path in commit.gone]
        infos = self._files.get_file_info([path for path, _ in replaced]) if replaced else []
        gone = [v for (_, v), info in zip(replaced, infos, strict=True) if info.type is pa_fs.FileType.NotFound]
        return max(gone) if gone else base

    def _vacuumed(self, commits: Sequence[Commit]) -> bool:
        """Whether a file with rows of these commits is gone: of a feed, or one that a later commit removed."""
        first = -1 if self._base is None else self._base
        wanted = [commit for commit in commits if commit.version > first]
        if not wanted:
            return False
        feeds = {file.path for commit in wanted for file in commit.feed}
        files = {file.path for commit in wanted if not commit.feed for file in commit.added}
        doubtful = sorted(feeds | (files & self._commits.removed()))
        infos = self._files.get_file_info(doubtful) if doubtful else []
        return any(info.type is pa_fs.FileType.NotFound for info in infos)

    def _snapshot(self, version: int) -> Sequence[tuple[DataFile, int]]:
        """The files of a version, each with when it was written (us), in that order; at the latest with the version."""
        if version not in self._snapshots:
            table = self._newest()
            table = table if version == table.version() else self._open(version)
            cut = self._commits.when(version)
            files = [
                (_file_of(action), min(int(action["modification_time"]) * 1000, cut))
                for action in pa.table(table.get_add_actions()).to_pylist()
            ]
            self._snapshots[version] = sorted(files, key=lambda pair: (pair[1], pair[0].path))
            while len(self._snapshots) > _SNAPSHOTS:
                self._snapshots.popitem(last=False)
        return self._snapshots[version]

    # Files ------------------------------------------------------------------------------------------------------------

    def _changed(self, commit: Commit, schema: _Schema) -> list[Fragment]:
        """The rows that a commit brought: of its feed; else of its files, without those that it only rewrote."""
        at = self._commits.known(commit.version)
        if commit.feed:
            return [
                Fragment(f"{file.path}@feed", at, partial(self._load_feed, file, schema)) for file in commit.feed
            ]  # fmt: skip
        if commit.removed and commit.added:
            name = f"{commit.version}@rewritten"
            return [Fragment(name, at, partial(self._load_rewritten, commit, schema))]
        return [fragment for file in commit.added for fragment in self._pieces(file, at, schema)]

    def _pieces(self, file: DataFile, at: int, schema: _Schema) -> list[Fragment]:
        """A file as fragments; one with many rows by row groups."""
        if file.deletion_vector:
            raise DeltaProtocolError(f"{file.path} has a deletion vector")
        groups: list[list[int] | None] = [None]
        if file.rows is None or file.rows > _LARGE:
            groups = [[group] for group in range(self._row_groups(file))]
        return [
            Fragment(
                file.path if group is None else f"{file.path}#{group[0]}", at,
                partial(self._load, file, schema, group), partial(self._bounds, file, schema, group),
            )
            for group in groups
        ]  # fmt: skip

    def _row_groups(self, file: DataFile) -> int:
        """How many row groups a file has, looked at once: each page asks for every file."""
        if file.path not in self._counted:
            self._counted[file.path] = parquet.row_groups(self._opener(file))
        return self._counted[file.path]

    def _opener(self, file: DataFile) -> Callable[[], Any]:
        return partial(self._files.open_input_file, file.path)

    def _bounds(self, file: DataFile, schema: _Schema, groups: Sequence[int] | None, column: str) -> Bounds | None:
        return parquet.bounds_of(self._opener(file), schema.physical.get(column, column), groups)

    def _load(self, file: DataFile, schema: _Schema, groups: Sequence[int] | None, names: Sequence[str]) -> Loaded:
        try:
            return Loaded(parquet.columns_of(self._table_of(file, schema, names, groups), names, self._numbers))
        except (OSError, pa.ArrowInvalid) as exc:
            raise self._error(exc) from exc

    def _load_feed(self, file: DataFile, schema: _Schema, names: Sequence[str]) -> Loaded:
        try:
            table = self._table_of(file, schema, [*names, _CHANGE], None)
            new = table.filter(pc.is_in(table.column(_CHANGE), pa.array(_NEW)))
        except (OSError, pa.ArrowInvalid) as exc:
            raise self._error(exc) from exc
        return Loaded(parquet.columns_of(new, names, self._numbers))

    def _load_rewritten(self, commit: Commit, schema: _Schema, names: Sequence[str]) -> Loaded:
        """The rows of the files that a commit added which none of those that it removed had."""
        try:
            added = pa.concat_tables([self._table_of(file, schema, names, None) for file in commit.added])
            rows = list(zip(*(added.column(name).to_pylist() for name in names), strict=True))
            before: Counter[tuple[object, ...]] = Counter()
            for file in commit.removed:
                removed = self._table_of(file, schema, names, None)
                before.update(zip(*(removed.column(name).to_pylist() for name in names), strict=True))
        except FileNotFoundError:
            before = Counter()  # vacuumed: all rows are met again, those that did not change without effect
        except (OSError, pa.ArrowInvalid) as exc:
            raise self._error(exc) from exc
        new = []
        for i, row in enumerate(rows):
            before[row] -= 1
            if before[row] < 0:
                new.append(i)
        return Loaded(parquet.columns_of(added.take(pa.array(new, pa.int64())), names, self._numbers))

    def _table_of(
        self, file: DataFile, schema: _Schema, names: Sequence[str], groups: Sequence[int] | None
    ) -> pa.Table:
        """Columns of a file by their names in the table; those it lacks are empty, partition columns the same."""
        stored = {schema.physical.get(name, name): name for name in names}
        table = parquet.read_columns(self._opener(file), list(stored), groups)
        table = table.rename_columns([stored[name] for name in table.column_names])
        for name in names:
            if name not in table.column_names:
                kind = schema.types.get(name, pa.null())
                value = file.partition.get(name, file.partition.get(schema.physical.get(name, name)))
                cells = pa.repeat(_typed(value, kind), table.num_rows)
                table = table.append_column(pa.field(name, kind), cells)
        return table.select(list(names))


def _typed(value: object, kind: pa.DataType) -> pa.Scalar:
    """The value of a partition column, which a log holds as text."""
    if value is None or not isinstance(value, str) or value == "":
        return pa.scalar(value or None, kind)
    return pa.scalar(value).cast(kind)


def _file_of(action: Mapping[str, Any]) -> DataFile:
    """A file of a version, as deltalake describes it."""
    return DataFile(
        unquote(action["path"]), action.get("partition") or {}, action.get("num_records"),
        bool(action.get("deletion_vector")),
    )  # fmt: skip


def _placed(files: Sequence[tuple[DataFile, int]], known: int) -> list[tuple[DataFile, int]]:
    """The files of a table's oldest version in the last millisecond before it, so that not all are one page."""
    last = 999
    return [(file, known - last + i * last // max(len(files) - 1, 1)) for i, (file, _) in enumerate(files)]
