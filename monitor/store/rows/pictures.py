"""Stored pictures of part steps: those that a gate judges, each under the arrival number of its row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, overload

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.exc import DBAPIError

from monitor.errors import StoreError, StoreReason
from monitor.pictures import Picture, restore
from monitor.store.database import tables as t
from monitor.store.database.database import store_error
from monitor.store.database.rows import chunked, fetch_rows, select_columns

_CHUNK = 32
"""Pictures read at once."""


class StoredPicture(NamedTuple):
    """A picture of a part step, as a PNG, by the arrival number of the row and the value that holds it."""

    arrival: int
    name: str
    png: bytes


def picture_of(connection: sa.Connection, arrival: int, name: str) -> bytes | None:
    """The picture of a row, as a PNG; None if there is none."""
    p = t.picture.c
    found = connection.execute(sa.select(p.png).where(p.arrival == arrival, p.name == name)).scalar_one_or_none()
    return None if found is None else bytes(found)


def pictures_of(connection: sa.Connection, arrivals: Iterable[int]) -> list[StoredPicture]:
    """Every picture of these rows, in order of arrival and name."""
    found: list[StoredPicture] = []
    for chunk in chunked(arrivals):
        query = select_columns(StoredPicture, t.picture).where(t.picture.c.arrival.in_(chunk))
        found += fetch_rows(connection, StoredPicture, query)
    return sorted(row._replace(png=bytes(row.png)) for row in found)


def picture_names(connection: sa.Connection, arrivals: Iterable[int]) -> dict[int, list[str]]:
    """By row the names of its pictures, sorted; rows without one are left out."""
    p, found = t.picture.c, dict[int, list[str]]()
    for chunk in chunked(arrivals):
        query = sa.select(p.arrival, p.name).where(p.arrival.in_(chunk)).order_by(p.arrival, p.name)
        for arrival, name in connection.execute(query):
            found.setdefault(arrival, []).append(name)
    return found


def with_picture(connection: sa.Connection, arrivals: Iterable[int], name: str) -> set[int]:
    """Those of the rows that have a picture."""
    p, found = t.picture.c, set[int]()
    for chunk in chunked(arrivals):
        found |= set(connection.execute(sa.select(p.arrival).where(p.name == name, p.arrival.in_(chunk))).scalars())
    return found


class StoredPictures(Sequence[Picture]):
    """The pictures of rows, in the order given. They stay in the store: only some are in memory at a time.

    As an array of numbers it is indexed by a position, or by an array of positions for the pictures there. StoreError
    where one was deleted since.
    """

    def __init__(
        self, engine: sa.Engine, arrivals: Sequence[int], name: str, beat: Callable[[], None] = lambda: None
    ) -> None:
        """Of the store that a connection belongs to: its `engine`. `beat` is called whenever some more are read."""
        self._engine, self._arrivals, self._name, self._beat = engine, tuple(arrivals), name, beat

    def __len__(self) -> int:
        return len(self._arrivals)

    @overload
    def __getitem__(self, place: int) -> Picture: ...

    @overload
    def __getitem__(self, place: slice | NDArray[np.intp] | NDArray[np.bool_]) -> StoredPictures: ...

    def __getitem__(self, place: int | slice | NDArray[np.intp] | NDArray[np.bool_]) -> Picture | StoredPictures:
        if isinstance(place, int):
            return restore(next(self._read([self._arrivals[place]])))
        chosen = np.arange(len(self))[place].tolist()
        return StoredPictures(self._engine, [self._arrivals[i] for i in chosen], self._name, self._beat)

    def __iter__(self) -> Iterator[Picture]:
        return map(restore, self.contents())

    def contents(self) -> Iterator[bytes]:
        """Each picture as a PNG."""
        for start in range(0, len(self), _CHUNK):
            self._beat()
            yield from self._read(self._arrivals[start : start + _CHUNK])

    def _read(self, arrivals: Sequence[int]) -> Iterator[bytes]:
        p = t.picture.c
        query = sa.select(p.arrival, p.png).where(p.name == self._name, p.arrival.in_(arrivals))
        try:
            with self._engine.begin() as connection:
                found: dict[int, bytes] = dict(tuple(row) for row in connection.execute(query))
        except DBAPIError as exc:
            raise store_error(exc, self._engine.url.render_as_string(hide_password=False)) from exc
        for arrival in arrivals:
            if arrival not in found:
                raise StoreError(
                    f"the picture of row {arrival} was deleted while it was needed; the next attempt does without",
                    StoreReason.REFUSED,
                )
            yield bytes(found[arrival])
