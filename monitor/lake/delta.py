"""One Delta table: opened or made, compared with its schema, appended to, its files kept few. The library's only user.

Errors of the library become a LakeError of one sentence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from monitor.errors import LakeError
from monitor.lake.schemas import PARTITIONS

_CHECKPOINT = {"delta.checkpointInterval": "100"}
"""Commits between two checkpoints, which keep opening a table quick."""

_IMPATIENT = {"max_retries": "3"}
"""Of an object store, whose credentials are in the environment: the job itself tries again."""
_MARKS = re.compile(r"\x1b\[[0-9;]*m|\u21b3|\x00")
_LONGEST = 300
"""Characters of what a library says."""


class LakeFolder:
    """A Delta table at a path or a URL of an object store; `schema` are the columns that it must have or is given.

    It stands at the version of the last `refresh`: an append is refused if the same application wrote since.
    """

    def __init__(self, location: str, schema: pa.Schema) -> None:
        self.location = location
        self._schema = schema
        self._options = dict(_IMPATIENT) if "://" in location else None
        self._table: DeltaTable | None = None

    def refresh(self) -> None:
        """Read the newest version; LakeError if it cannot be read or has columns of other types."""
        with _told(self.location):
            if self._table is None:
                self._table = self._open()
            else:
                self._table.update_incremental()
        self._compare(self._table)

    def forget(self) -> None:
        """Open it anew next time."""
        self._table = None

    def last_batch(self, application: str) -> int:
        """The number of the last batch of an application in the version that was read; 0 before the first."""
        return 0 if self._table is None else self._table.transaction_version(application) or 0

    def append(self, rows: pa.Table, application: str, number: int) -> None:
        """Append rows in one commit that bears the number; makes the table if it is not there."""
        with _told(self.location):
            if self._table is None:
                self._table = self._make()
            write_deltalake(
                self._table,
                rows,
                mode="append",
                schema_mode="merge",
                commit_properties=CommitProperties(app_transactions=[Transaction(application, number)]),
            )

    def compact(self, site: str, before: date) -> Iterator[date]:
        """Make the files of each earlier day of a site into few, where they are several; yields each day after it."""
        files = Counter(self._days(site))
        for day in sorted(day for day, several in files.items() if day < before and several > 1):
            with _told(self.location):
                self._opened.optimize.compact(partition_filters=[("site", "=", site), ("day", "=", day.isoformat())])
            yield day

    def retire(self, site: str, before: date) -> bool:
        """Delete earlier days of a site, by partition; whether there were any."""
        if not any(day < before for day in self._days(site)):
            return False
        quoted = site.replace("'", "''")
        with _told(self.location):
            self._opened.delete(f"site = '{quoted}' AND day < '{before.isoformat()}'")
        return True

    def vacuum(self) -> None:
        """Delete files that no version of the last week needs, and entries of the log that a checkpoint covers."""
        with _told(self.location):
            self._opened.vacuum(dry_run=False)
            self._opened.cleanup_metadata()

    @property
    def _opened(self) -> DeltaTable:
        if self._table is None:
            raise LakeError(f"lake table {self.location}: it does not exist")
        return self._table

    def _open(self) -> DeltaTable | None:
        try:
            return DeltaTable(self.location, storage_options=self._options)
        except TableNotFoundError:
            return None

    def _make(self) -> DeltaTable:
        return DeltaTable.create(
            self.location,
            self._schema,
            partition_by=list(PARTITIONS),
            configuration=dict(_CHECKPOINT),
            storage_options=self._options,
        )

    def _days(self, site: str) -> list[date]:
        """The day of each file of a site."""
        if self._table is None:
            return []
        files = pa.table(self._table.get_add_actions(flatten=True)).select(["partition.site", "partition.day"])
        return [day for of_site, day in zip(*files.to_pydict().values(), strict=True) if of_site == site]

    def _compare(self, table: DeltaTable | None) -> None:
        if table is None:
            return
        there = {field.name: field.type for field in table.schema().fields}
        ours = Schema.from_arrow(self._schema).fields
        wrong = [field.name for field in ours if field.name in there and there[field.name] != field.type]
        if not wrong and tuple(table.metadata().partition_columns) == PARTITIONS:
            return
        found = f"another type of {', '.join(wrong)}" if wrong else "other partitions than site and day"
        raise LakeError(
            f"lake table {self.location}: it is not one of Gatewatch's: it has {found}; set lake.url to another folder"
        )


@contextmanager
def _told(location: str) -> Iterator[None]:
    try:
        yield
    except CommitFailedError as exc:
        raise LakeError(
            f"lake table {location}: somebody else wrote to it meanwhile; the next slot tries again"
        ) from exc
    except (DeltaError, OSError, ValueError) as exc:
        raise LakeError(f"lake table {location}: {_words(exc)}; nothing is lost, the next slot tries again") from exc


def _words(error: Exception) -> str:
    """What a library says in its first and last line, without colours and arrows: what failed, and why."""
    stripped = (_MARKS.sub("", line).strip().removesuffix(":").removesuffix(".") for line in str(error).splitlines())
    lines = [line for line in stripped if line]
    said = ": ".join(dict.fromkeys([*lines[:1], *lines[-1:]]))
    return (said if len(said) <= _LONGEST else f"{said[:_LONGEST]}...") or type(error).__name__
