"""Content digests of stored rows that have the keys of a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import chunked
from monitor.store.rows.kinds import KINDS
from monitor.store.rows.parts import PartStep

Key = tuple[Any, ...]


@dataclass(slots=True)
class StoredDigests:
    """The content digests stored under one key, in order of revision."""

    digests: list[str] = field(default_factory=list)


def _instants(column: pd.Series[Any]) -> list[datetime]:
    return [x.to_pydatetime() for x in column.dt.floor("us").drop_duplicates()]


def _digests_by_key(
    connection: sa.Connection, table: sa.Table, keys: Sequence[str], where: Mapping[str, Iterable[object]]
) -> dict[Key, StoredDigests]:
    """Digests by key, in order of revision, of the rows whose columns have one of the given values."""
    stored: dict[Key, StoredDigests] = {}
    (first, values), *others = where.items()
    columns = [table.c[k] for k in keys]
    for chunk in chunked(values):
        query = sa.select(*columns, table.c.digest).where(table.c[first].in_(chunk)).order_by(table.c.revision)
        for name, allowed in others:
            query = query.where(table.c[name].in_(list(allowed)))
        for *key, digest in connection.execute(query):
            stored.setdefault(tuple(key), StoredDigests()).digests.append(digest)
    return stored


def reading_digests(connection: sa.Connection, kind: str, frame: pd.DataFrame) -> dict[Key, StoredDigests]:
    """Readings or machine states by (machine, at)."""
    if frame.empty:
        return {}
    machines = frame["machine"].unique().tolist()
    return _digests_by_key(
        connection, KINDS[kind].table, ("machine", "at"), {"at": _instants(frame["at"]), "machine": machines}
    )


def outcome_digests(connection: sa.Connection, frame: pd.DataFrame) -> dict[Key, StoredDigests]:
    """Outcomes of the page's parts by (serial, characteristic, at)."""
    return _digests_of_parts(connection, t.outcome, ("serial", "characteristic", "at"), frame)


def disposition_digests(connection: sa.Connection, frame: pd.DataFrame) -> dict[Key, StoredDigests]:
    """Dispositions of the page's parts by (serial, step, at)."""
    return _digests_of_parts(connection, t.disposition, ("serial", "step", "at"), frame)


def _digests_of_parts(
    connection: sa.Connection, table: sa.Table, keys: Sequence[str], frame: pd.DataFrame
) -> dict[Key, StoredDigests]:
    return _digests_by_key(connection, table, keys, {"serial": frame["serial"].unique().tolist()}) if len(frame) else {}


def part_digests(history: Iterable[PartStep], counted: bool) -> dict[Key, StoredDigests]:
    """Part steps by (serial, step, visit), and also by time if the source counts no visits."""
    stored: dict[Key, StoredDigests] = {}
    for row in history:
        key: Key = (row.serial, row.step, row.visit) if counted else (row.serial, row.step, row.visit, row.at)
        stored.setdefault(key, StoredDigests()).digests.append(row.digest)
    return stored
