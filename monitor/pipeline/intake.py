"""What is new in a page: rows seen already, corrections, new visits. Pure; the same for every kind of source.

A row is identified by its key. Same key and same content: seen already. Same key and other content: a correction,
stored as the next revision. `available_at` is not content: a row that is posted twice is one row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from monitor.model import Page
from monitor.store.rows.digests import Key, StoredDigests

Columns = dict[str, Any]
"""A row to store, by the names of its table's columns."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row to store. `index` is its position in the page, `columns` the values without arrival and revision."""

    index: int
    revision: int
    columns: Columns


@dataclass(frozen=True, slots=True)
class Intake:
    """The rows of a page to store, and the number of rows that were in the store already."""

    accepted: Sequence[Accepted]
    seen: int

    @property
    def corrections(self) -> int:
        """How many accepted rows are revisions of stored ones."""
        return sum(1 for row in self.accepted if row.revision)

    def outcomes(self) -> tuple[tuple[str, int], ...]:
        """Numbers of rows by the label `outcome` of their counter."""
        new = len(self.accepted) - self.corrections
        return ("accepted", new), ("corrected", self.corrections), ("seen", self.seen)


def content_digest(content: Sequence[object]) -> str:
    """A 128-bit digest of a row's content, the same on every machine."""
    text = json.dumps(content, separators=(",", ":"), default=datetime.isoformat)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def classify(rows: Iterable[tuple[Key, Columns]], stored: dict[Key, StoredDigests]) -> Intake:
    """Sort rows into accepted and seen. Adds the accepted ones to `stored`, as a page may have a key twice."""
    accepted: list[Accepted] = []
    seen = 0
    for index, (key, columns) in enumerate(rows):
        entry = stored.setdefault(key, StoredDigests())
        digest = columns["digest"]
        if digest in entry.digests:
            seen += 1
            continue
        accepted.append(Accepted(index, len(entry.digests), columns))
        entry.digests.append(digest)
    return Intake(accepted, seen)


def part_rows(page: Page, source: str, stored: dict[Key, StoredDigests]) -> Iterable[tuple[Key, Columns]]:
    """Part steps under (serial, step, visit). If the source does not count visits, each time is one."""
    visits: dict[tuple[str, str], dict[datetime, int]] = {}
    last_visit: dict[tuple[str, str], int] = {}
    for serial, step, visit, *rest in stored:
        if rest:
            visits.setdefault((serial, step), {})[rest[0]] = visit
        last_visit[serial, step] = max(visit, last_visit.get((serial, step), 0))
    names = page.names
    values = page.values.tolist()
    f = page.frame
    columns = (f[c].tolist() for c in ("serial", "step", "visit", "machine", "recipe", "lot"))
    times = _times(f["at"]), _times(f["available_at"])
    for i, (serial, step, visit, machine, recipe, lot, at, posted) in enumerate(zip(*columns, *times, strict=True)):
        if visit is None or visit is pd.NA:
            number = visits.setdefault((serial, step), {}).get(at)
            if number is None:
                number = last_visit[serial, step] = last_visit.get((serial, step), 0) + 1
                visits[serial, step][at] = number
            key: Key = (serial, step, number, at)
        else:
            number = int(visit)
            key = (serial, step, number)
        row = {n: v for n, v in zip(names, values[i], strict=True) if v == v}
        digest = content_digest((at, machine, recipe, lot, row))
        yield (
            key,
            {
                "source": source, "serial": serial, "step": step, "visit": number, "at": at, "available_at": posted,
                "machine": machine, "recipe": recipe, "lot": lot, "values": row, "digest": digest,
            },
        )  # fmt: skip


def reading_rows(page: Page, source: str, sensors: Mapping[str, Sequence[int]]) -> Iterable[tuple[Key, Columns]]:
    """Readings under (machine, at). `sensors` gives the columns of `page.values` that each machine has."""
    f = page.frame
    values = page.values.tolist()
    names = page.names
    rows = zip(f["machine"].tolist(), f["recipe"].tolist(), _times(f["at"]), values, strict=True)
    for machine, recipe, at, numbers in rows:
        row = {names[j]: numbers[j] for j in sensors[machine] if numbers[j] == numbers[j]}
        digest = hashlib.blake2b(f"{recipe}|{row}".encode(), digest_size=16).hexdigest()
        columns = {"source": source, "machine": machine, "at": at, "recipe": recipe, "values": row, "digest": digest}
        yield (machine, at), columns


def state_rows(page: Page, source: str) -> Iterable[tuple[Key, Columns]]:
    """Machine states under (machine, at)."""
    f = page.frame
    for machine, at, state in zip(f["machine"].tolist(), _times(f["at"]), f["state"].tolist(), strict=True):
        columns = {"source": source, "machine": machine, "at": at, "state": state, "digest": content_digest((state,))}
        yield (machine, at), columns


def outcome_rows(page: Page, source: str, characteristic: str) -> Iterable[tuple[Key, Columns]]:
    """Outcomes under (serial, characteristic, at)."""
    f = page.frame
    times = _times(f["at"]), _times(f["available_at"])
    for serial, value, at, posted in zip(f["serial"].tolist(), f["value"].tolist(), *times, strict=True):
        number = value if value == value else None
        yield (
            (serial, characteristic, at),
            {
                "source": source, "serial": serial, "characteristic": characteristic, "at": at,
                "available_at": posted, "value": number, "digest": content_digest((number,)),
            },
        )  # fmt: skip


def disposition_rows(page: Page, source: str) -> Iterable[tuple[Key, Columns]]:
    """Dispositions under (serial, step, at)."""
    f = page.frame
    columns = (f["serial"].tolist(), f["step"].tolist(), _times(f["at"]), f["disposition"].tolist())
    for serial, step, at, disposition in zip(*columns, strict=True):
        row = {"source": source, "serial": serial, "step": step, "at": at, "disposition": disposition}
        yield (serial, step, at), {**row, "digest": content_digest((disposition,))}


def _times(column: pd.Series[Any]) -> list[datetime]:
    naive = column.dt.tz_convert(None).to_numpy().astype("datetime64[us]").tolist()
    return [t.replace(tzinfo=UTC) for t in naive]
