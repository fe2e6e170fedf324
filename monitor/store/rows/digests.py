"""What is stored under the keys of a page: the last content that its source delivered for each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import chunked
from monitor.store.rows.parts import PartStep

Key = tuple[Any, ...]


@dataclass(slots=True)
class StoredRow:
    """The revisions stored under one key: how many, the digests of the source's own, and when its last one became
    available (None in rows of a version that did not record it)."""

    revisions: int = 0
    digests: list[str] = field(default_factory=list)
    available_at: datetime | None = None

    def add(self, digest: str, available_at: datetime | None) -> None:
        """Add a revision of the source."""
        self.revisions += 1
        self.digests.append(digest)
        self.available_at = available_at


@dataclass(slots=True)
class StoredReading:
    """The revisions of a reading, each as (values, if stored JSON text; when available; recipe), and their digests.

    A revision holds the sensors that are new or changed with it, None where the source withdrew a value.
    """

    digests: list[str] = field(default_factory=list)
    revisions: list[tuple[str | Mapping[str, float | None], datetime | None, str]] = field(default_factory=list)

    def sensors(self) -> dict[str, tuple[float | None, datetime | None]]:
        """The last value of each sensor, and when it became available."""
        last: dict[str, tuple[float | None, datetime | None]] = {}
        for values, available_at, _ in self.revisions:
            known = json.loads(values) if isinstance(values, str) else values
            last |= {name: (value, available_at) for name, value in known.items()}
        return last


def _instants(column: pd.Series[Any]) -> list[datetime]:
    return [x.to_pydatetime() for x in column.dt.floor("us").drop_duplicates()]


def _rows_by_key(
    connection: sa.Connection, table: sa.Table, keys: Sequence[str], source: str, where: Mapping[str, Iterable[object]]
) -> dict[Key, StoredRow]:
    """What is stored, by key, of the rows whose columns have one of the given values."""
    stored: dict[Key, StoredRow] = {}
    (first, values), *others = where.items()
    c = table.c
    columns = [c[k] for k in keys]
    for chunk in chunked(values):
        query = sa.select(*columns, c.source, c.digest, c.available_at).where(c[first].in_(chunk)).order_by(c.revision)
        for name, allowed in others:
            query = query.where(c[name].in_(list(allowed)))
        for *key, of, digest, available_at in connection.execute(query):
            _add(stored.setdefault(tuple(key), StoredRow()), of == source, digest, available_at)
    return stored


def _add(row: StoredRow, own: bool, digest: str, available_at: datetime | None) -> None:
    if own:
        row.add(digest, available_at)
    else:
        row.revisions += 1


def state_rows(connection: sa.Connection, source: str, frame: pd.DataFrame) -> dict[Key, StoredRow]:
    """Machine states of the source by (machine, at)."""
    if frame.empty:
        return {}
    where = {"at": _instants(frame["at"]), "machine": frame["machine"].unique().tolist(), "source": [source]}
    return _rows_by_key(connection, t.machine_state, ("machine", "at"), source, where)


def outcome_rows(connection: sa.Connection, source: str, frame: pd.DataFrame) -> dict[Key, StoredRow]:
    """Outcomes of the page's parts by (serial, characteristic, at)."""
    return _rows_of_parts(connection, t.outcome, ("serial", "characteristic", "at"), source, frame)


def disposition_rows(connection: sa.Connection, source: str, frame: pd.DataFrame) -> dict[Key, StoredRow]:
    """Dispositions of the page's parts by (serial, step, at)."""
    return _rows_of_parts(connection, t.disposition, ("serial", "step", "at"), source, frame)


def _rows_of_parts(
    connection: sa.Connection, table: sa.Table, keys: Sequence[str], source: str, frame: pd.DataFrame
) -> dict[Key, StoredRow]:
    return _rows_by_key(connection, table, keys, source, {"serial": frame["serial"].unique()}) if len(frame) else {}


def part_rows(history: Iterable[PartStep], source: str, counted: bool) -> dict[Key, StoredRow]:
    """Part steps by (serial, step, visit), and also by time if the source counts no visits."""
    stored: dict[Key, StoredRow] = {}
    for row in history:
        key: Key = (row.serial, row.step, row.visit) if counted else (row.serial, row.step, row.visit, row.at)
        _add(stored.setdefault(key, StoredRow()), row.source == source, row.digest, row.available_at)
    return stored


def stored_readings_of(connection: sa.Connection, source: str, frame: pd.DataFrame) -> dict[Key, StoredReading]:
    """Readings of the source by (machine, at)."""
    stored: dict[Key, StoredReading] = {}
    if frame.empty:
        return stored
    r = t.reading.c
    at = frame["at"].dt.floor("us")
    if not _any_reading_between(connection, source, at.min().to_pydatetime(), at.max().to_pydatetime()):
        return stored  # the usual page of new rows
    machines = frame["machine"].unique().tolist()
    columns = (r.machine, r.at, r.digest, sa.type_coerce(r["values"], sa.Text), r.available_at, r.recipe)
    for chunk in chunked(_instants(frame["at"])):
        query = sa.select(*columns).where(r.at.in_(chunk), r.machine.in_(machines), r.source == source)
        for machine, at, digest, text, available_at, recipe in connection.execute(query.order_by(r.revision)):
            row = stored.setdefault((machine, at), StoredReading())
            row.digests.append(digest)
            row.revisions.append((text, available_at, recipe))
    return stored


def _any_reading_between(connection: sa.Connection, source: str, first: datetime, last: datetime) -> bool:
    r = t.reading.c
    query = sa.select(r.arrival).where(r.at >= first, r.at <= last, r.source == source).limit(1)
    return connection.execute(query).first() is not None
