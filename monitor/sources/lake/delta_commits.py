"""The log of a Delta table: its commits, read from their files one by one, and when each became known.

Source: the Delta transaction log protocol, https://github.com/delta-io/delta/blob/master/PROTOCOL.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

_MILLI = 1000
"""Microseconds in a millisecond, the resolution of commits."""
SKEW = 3_600_000_000
"""How far (us) the clocks of writers may be apart."""
_KEPT = 20_000
"""Commits that are remembered."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of rows in a table: its path, the values of the partition columns, and how many rows it says it has."""

    path: str
    partition: Mapping[str, str | None] = field(default_factory=dict, compare=False)
    rows: int | None = None
    deletion_vector: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """What a version changed: files of rows added, removed, and of its change data feed.

    `stamp`: when its writer says it was made, in microseconds since 1970. Files that hold the same rows as those they
    replace (compaction) are not among the added and removed; `gone` are the paths of all that were removed.
    """

    version: int
    stamp: int
    added: tuple[DataFile, ...] = ()
    removed: tuple[DataFile, ...] = ()
    feed: tuple[DataFile, ...] = ()
    gone: tuple[str, ...] = ()


def parse_commit(version: int, text: str, modified: int) -> Commit:
    """A commit from its file; `modified` (us) is the file's own time, for one that does not say when it was made."""
    actions = [json.loads(line) for line in text.splitlines() if line.strip()]
    info: Mapping[str, Any] = next((a["commitInfo"] for a in actions if "commitInfo" in a), {})
    made = info.get("inCommitTimestamp", info.get("timestamp"))
    return Commit(
        version,
        modified if made is None else int(made) * _MILLI,
        tuple(data_file(a["add"]) for a in actions if "add" in a and a["add"].get("dataChange", True)),
        tuple(data_file(a["remove"]) for a in actions if "remove" in a and a["remove"].get("dataChange", True)),
        tuple(data_file(a["cdc"]) for a in actions if "cdc" in a),
        tuple(unquote(a["remove"]["path"]) for a in actions if "remove" in a),
    )


def data_file(action: Mapping[str, Any]) -> DataFile:
    """The file that an action is about."""
    statistics = action.get("stats")
    rows = json.loads(statistics).get("numRecords") if isinstance(statistics, str) and statistics else None
    return DataFile(
        unquote(action["path"]), action.get("partitionValues") or {}, rows, action.get("deletionVector") is not None
    )


class Commits:
    """The commits of a table up to a version, the newest first read; older ones when they are asked for.

    A commit is known at its stamp, or just after the one before it if that is later: clocks of writers differ.
    """

    def __init__(self, read: Callable[[int], Commit | None]) -> None:
        self._read = read
        self._of: dict[int, Commit] = {}
        self._known: dict[int, int] = {}
        self._first = self._end = -1
        """The versions that were read: from the first up to before the end."""
        self.oldest = False
        """Whether the first one is the oldest that the log still has."""

    def known(self, version: int) -> int:
        """When a version became known, in microseconds since 1970."""
        return self._known[version]

    def when(self, version: int) -> int:
        """As `known`, also of a version that was not looked at."""
        self._extend(None if version < self._first else 2**62, max(version, self._end - 1))
        return self._known[version]

    def begins_after(self, at: int | None) -> bool:
        """Whether rows that became known after an instant came with commits that the log no longer has."""
        return at is None or (self.oldest and self._end > self._first and at < self._known[self._first])

    def removed(self) -> set[str]:
        """The files that the commits which were looked at removed."""
        return {path for commit in self._of.values() for path in commit.gone}

    def between(self, after: int | None, until: int, latest: int) -> Sequence[Commit]:
        """The commits that became known in (after, until], of the versions up to the latest; all if `after` is None."""
        self._extend(after, latest)
        versions = range(self._first, self._end)
        floor = -1 if after is None else after
        return [self._of[v] for v in versions if floor < self._known[v] <= until]

    def version(self, until: int, latest: int) -> int | None:
        """The latest version that was known; None if all that the log has came later."""
        self._extend(until, latest)
        return next((v for v in reversed(range(self._first, self._end)) if self._known[v] <= until), None)

    def _extend(self, after: int | None, latest: int) -> None:
        if self._end < 0:
            self._first = self._end = latest
        start = self._end
        while self._end <= latest:
            commit = self._read(self._end)
            if commit is None:  # cleaned away while nobody looked
                self._first, self._end = self._end + 1, self._end + 1
                self._of.clear()
                self._known.clear()
                start = self._end
                self.oldest = True
                continue
            self._of[self._end] = commit
            self._end += 1
        before = self._first
        floor = -1 if after is None else after - SKEW
        while not self.oldest and (self._first >= self._end or self._of[self._first].stamp > floor):
            commit = self._read(self._first - 1) if self._first > 0 else None
            if commit is None:
                self.oldest = True
                break
            self._first -= 1
            self._of[self._first] = commit
        self._order(self._first if self._first < before else start)
        if self._end - self._first > _KEPT and after is not None:
            self._forget(floor)

    def _order(self, start: int) -> None:
        """The instants of the versions from `start` on, each later than the one before."""
        latest = self._known.get(start - 1, -1)
        for version in range(start, self._end):
            latest = max(self._of[version].stamp, latest + _MILLI)
            self._known[version] = latest

    def _forget(self, floor: int) -> None:
        while self._first < self._end - 1 and self._known[self._first] <= floor:
            del self._of[self._first], self._known[self._first]
            self._first += 1
            self.oldest = False
