"""What the store knows already about the rows of a page."""

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
class KnownDigests:
    """What the store has under one key: its content digests, in order of revision."""

    digests: list[str] = field(default_factory=list)


def _instants(column: pd.Series[Any]) -> list[datetime]:
    return [x.to_pydatetime() for x in column.dt.floor("us").drop_duplicates()]


def _known_by(
    connection: sa.Connection, table: sa.Table, keys: Sequence[str], where: Mapping[str, Iterable[object]]
) -> dict[Key, KnownDigests]:
    """Digests by key, in order of revision, of the rows whose columns hold one of the given values."""
    known: dict[Key, KnownDigests] = {}
    (first, values), *others = where.items()
    columns = [table.c[k] for k in keys]
    for chunk in chunked(values):
        query = sa.select(*columns, table.c.digest).where(table.c[first].in_(chunk)).order_by(table.c.revision)
        for name, allowed in others:
            query = query.where(table.c[name].in_(list(allowed)))
        for *key, digest in connection.execute(query):
            known.setdefault(tuple(key), KnownDigests()).digests.append(digest)
    return known


def known_readings(connection: sa.Connection, kind: str, frame: pd.DataFrame) -> dict[Key, KnownDigests]:
    """Readings or machine states under (machine, at)."""
    if frame.empty:
        return {}
    machines = frame["machine"].unique().tolist()
    return _known_by(
        connection, KINDS[kind].table, ("machine", "at"), {"at": _instants(frame["at"]), "machine": machines}
    )


def known_outcomes(connection: sa.Connection, frame: pd.DataFrame) -> dict[Key, KnownDigests]:
    """Outcomes of the page's parts under (serial, characteristic, at)."""
    return _known_of_parts(connection, t.outcome, ("serial", "characteristic", "at"), frame)


def known_dispositions(connection: sa.Connection, frame: pd.DataFrame) -> dict[Key, KnownDigests]:
    """Dispositions of the page's parts under (serial, step, at)."""
    return _known_of_parts(connection, t.disposition, ("serial", "step", "at"), frame)


def _known_of_parts(
    connection: sa.Connection, table: sa.Table, keys: Sequence[str], frame: pd.DataFrame
) -> dict[Key, KnownDigests]:
    return _known_by(connection, table, keys, {"serial": frame["serial"].unique().tolist()}) if len(frame) else {}


def known_parts(history: Iterable[PartStep], counted: bool) -> dict[Key, KnownDigests]:
    """Part steps under (serial, step, visit), and their time too where the source counts no visits."""
    known: dict[Key, KnownDigests] = {}
    for row in history:
        key: Key = (row.serial, row.step, row.visit) if counted else (row.serial, row.step, row.visit, row.at)
        known.setdefault(key, KnownDigests()).digests.append(row.digest)
    return known
