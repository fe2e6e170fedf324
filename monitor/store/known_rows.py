"""What the store knows already about the rows of a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import fetched, selected

Key = tuple[Any, ...]


@dataclass(slots=True)
class KnownDigests:
    """What the store has under one key: its content digests, in order of revision."""

    digests: list[str] = field(default_factory=list)


_CHUNK = 500


def _chunks(items: Iterable[Any]) -> Iterable[list[Any]]:
    listed = list(items)
    for start in range(0, len(listed), _CHUNK):
        yield listed[start : start + _CHUNK]


def _instants(column: pd.Series[Any]) -> list[datetime]:
    return [x.to_pydatetime() for x in column.dt.floor("us").drop_duplicates()]


def known_by(
    connection: sa.Connection, table: sa.Table, keys: Sequence[str], where: Mapping[str, Iterable[Any]]
) -> dict[Key, KnownDigests]:
    """Digests by key, in order of revision, of the rows whose columns hold one of the given values."""
    known: dict[Key, KnownDigests] = {}
    (first, values), *others = where.items()
    columns = [table.c[k] for k in keys]
    for chunk in _chunks(values):
        query = sa.select(*columns, table.c.digest).where(table.c[first].in_(chunk)).order_by(table.c.revision)
        for name, allowed in others:
            query = query.where(table.c[name].in_(list(allowed)))
        for *key, digest in connection.execute(query):
            known.setdefault(tuple(key), KnownDigests()).digests.append(digest)
    return known


def known_readings(connection: sa.Connection, table: sa.Table, frame: pd.DataFrame) -> dict[Key, KnownDigests]:
    """Readings or machine states under (machine, at)."""
    if frame.empty:
        return {}
    machines = frame["machine"].unique().tolist()
    return known_by(connection, table, ("machine", "at"), {"at": _instants(frame["at"]), "machine": machines})


def known_serials(
    connection: sa.Connection, table: sa.Table, keys: Sequence[str], frame: pd.DataFrame
) -> dict[Key, KnownDigests]:
    """Outcomes or dispositions of the page's parts."""
    return known_by(connection, table, keys, {"serial": frame["serial"].unique().tolist()}) if len(frame) else {}


class PartStep(NamedTuple):
    """A stored part step."""

    arrival: int
    serial: str
    step: str
    visit: int
    revision: int
    at: datetime
    machine: str
    recipe: str
    lot: str
    values: Mapping[str, float]
    digest: str


def part_history(connection: sa.Connection, serials: Iterable[str]) -> list[PartStep]:
    """Every accepted part step of the given parts, in arrival order."""
    return _part_steps(connection, t.part_step.c.serial, dict.fromkeys(serials))


def part_steps(connection: sa.Connection, arrivals: Iterable[int]) -> list[PartStep]:
    """The part steps of these arrival numbers that are still there, in arrival order."""
    return _part_steps(connection, t.part_step.c.arrival, dict.fromkeys(arrivals))


def _part_steps(connection: sa.Connection, column: sa.ColumnElement[Any], values: Iterable[Any]) -> list[PartStep]:
    rows: list[PartStep] = []
    for chunk in _chunks(values):
        rows += fetched(connection, PartStep, selected(PartStep, t.part_step).where(column.in_(chunk)))
    return sorted(rows, key=lambda r: r.arrival)


def known_parts(history: Iterable[PartStep], counted: bool) -> dict[Key, KnownDigests]:
    """Part steps under (serial, step, visit), and their time too where the source counts no visits."""
    known: dict[Key, KnownDigests] = {}
    for row in history:
        key: Key = (row.serial, row.step, row.visit) if counted else (row.serial, row.step, row.visit, row.at)
        known.setdefault(key, KnownDigests()).digests.append(row.digest)
    return known
