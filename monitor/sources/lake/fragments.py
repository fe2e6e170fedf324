"""What a lake source is read from: files, or pieces of them, each with the instant at which its rows became known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from monitor.errors import SourceError, SourceReason
from monitor.sources.typed.arrays import Instants, Numbers

Cells = Sequence[object]
"""A column: a list, or where files have types, `Numbers` or `Instants`."""

Bounds = tuple[int, int]
"""The lowest and the highest time of a column, both included, in microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A file, or a line of one, that could not be read: where, and what there was."""

    where: Mapping[str, object]
    found: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The rows of a fragment by column, and what of it could not be read."""

    columns: Mapping[str, Cells]
    damaged: Sequence[Damage] = ()

    def __len__(self) -> int:
        return next((len(cells) for cells in self.columns.values()), 0)


@dataclass(frozen=True, slots=True)
class Fragment:
    """Rows that became known together: a file or a piece of one.

    `name` stands for the content, which never changes. `known`: the instant, in microseconds since 1970. `load` reads
    columns by name; a column the file lacks is empty there. `bounds`: of a column of times, if the file says so
    itself and no cell of it is empty.
    """

    name: str
    known: int
    load: Callable[[Sequence[str]], Loaded] = field(compare=False)
    bounds: Callable[[str], Bounds | None] = field(compare=False, default=lambda _: None)


class Log(Protocol):
    """The files of one source: which rows came when, and which hold as of an instant.

    `known` strictly increases from one hand-over (a commit, a file) to the next, so that nothing handed over later
    ever gets a place that was passed. Every method raises SourceError with its reason if the files cannot be read.
    """

    def columns(self) -> Sequence[str]:
        """The names of the columns there are; empty if there are no rows yet."""

    def changes(self, after: int | None, until: int) -> Sequence[Fragment]:
        """The rows that became known in (after, until], new and corrected ones, in order of `known`."""

    def state(self, until: int | None) -> Sequence[Fragment]:
        """The rows that the table has as of `until` (None: now), in order of `known`."""


def take(cells: Cells, rows: Sequence[int]) -> Cells:
    """The cells of the given rows, in that order."""
    if isinstance(cells, Instants):
        return Instants(cells.micros[np.asarray(rows, np.intp)], cells.utc)
    if isinstance(cells, Numbers):
        return Numbers(cells.values[np.asarray(rows, np.intp)])
    return [cells[i] for i in rows]


def joined(parts: Sequence[Cells]) -> Cells:
    """Columns one after the other; of one kind if all are."""
    if len(parts) == 1:
        return parts[0]
    numbers = [part for part in parts if isinstance(part, Numbers)]
    times = [part for part in parts if isinstance(part, Instants)]
    if numbers and len(numbers) == len(parts):
        return Numbers(np.concatenate([part.values for part in numbers]))
    if times and len(times) == len(parts) and len({part.utc for part in times}) == 1:
        return Instants(np.concatenate([part.micros for part in times]), times[0].utc)
    return [cell for part in parts for cell in part]


def unreadable(name: str, where: str, what: object, advice: str, reason: SourceReason) -> SourceError:
    """The error for files that cannot be read: the source, what failed, and what to do."""
    lines = str(what).strip().splitlines() or [type(what).__name__]
    return SourceError(
        f"source {name!r} ({where}) cannot be read, {reason.value.replace('_', ' ')}: {lines[0]}; {advice}", reason
    )
