"""What is new in a page: rows seen already, corrections, new visits. Pure; the same for every kind of source.

A row is identified by its key. A source's last word on it counts: the same content as that is seen already, other
content is a correction, stored as the next revision. Where the source says when a row became available, a version
older than its last word is seen too; where it does not, what is read later is the later word. `available_at` is not
content: a row that is posted twice is one row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from monitor.model import Page
from monitor.pictures import digest_of
from monitor.store.rows.digests import Key, StoredRow

_PICTURES = " "
"""Stands in a digest between the content of a row and its pictures."""

Columns = dict[str, Any]
"""A row to store, by the names of its table's columns."""
Outcomes = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row to store. `index` is its position in the page, `columns` the values without arrival and revision.

    `corrects`: whether it replaces something stored.
    """

    index: int
    revision: int
    columns: Columns
    corrects: bool


@dataclass(frozen=True, slots=True)
class Intake:
    """The rows of a page to store, and the number of rows that were in the store already."""

    accepted: Sequence[Accepted]
    seen: int

    def outcomes(self) -> Outcomes:
        """Numbers of rows by outcome."""
        return outcomes(len(self.accepted), sum(1 for row in self.accepted if row.corrects), self.seen)


def outcomes(accepted: int, corrections: int, seen: int) -> Outcomes:
    """Numbers of rows by the label `outcome` of their counter: of those to store, the corrections among them, and those
    that were in the store already."""
    return ("accepted", accepted - corrections), ("corrected", corrections), ("seen", seen)


def content_digest(content: Sequence[object]) -> str:
    """A 128-bit digest of a row's content, the same on every machine."""
    text = json.dumps(content, separators=(",", ":"), default=datetime.isoformat)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def classify(rows: Iterable[tuple[Key, Columns]], stored: dict[Key, StoredRow], dated: bool) -> Intake:
    """Sort rows into accepted and seen. Adds the accepted ones to `stored`, as a page may have a key twice.

    `dated`: whether the source says when each row became available.
    """
    accepted: list[Accepted] = []
    seen = 0
    for index, (key, columns) in enumerate(rows):
        entry = stored.setdefault(key, StoredRow())
        digest, available_at = columns["digest"], columns["available_at"]
        # Without such a time, a row of an earlier time may still be a correction, but not one that was replaced before.
        replaced = is_older(available_at, entry.available_at) and (dated or _is_among(digest, entry.digests))
        if replaced or _is_among(digest, entry.digests[-1:]):
            seen += 1
            continue
        accepted.append(Accepted(index, entry.revisions, columns, entry.revisions > 0))
        entry.add(digest, available_at)
    return Intake(accepted, seen)


def _is_among(digest: str, others: Sequence[str]) -> bool:
    """Whether the content is one of the others. A picture that was not kept of one of two rows is not compared."""
    if _PICTURES not in digest and not any(_PICTURES in other for other in others):
        return digest in others
    content, _, pictures = digest.partition(_PICTURES)
    pairs = [other.partition(_PICTURES) for other in others]
    return any(same == content and (kept == pictures or not (kept and pictures)) for same, _, kept in pairs)


def is_older(available_at: datetime, last: datetime | None) -> bool:
    """Whether a row became available before the last one of its key."""
    return last is not None and available_at < last


def part_rows(page: Page, source: str, stored: dict[Key, StoredRow]) -> Iterable[tuple[Key, Columns]]:
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
    rows = zip(*columns, *both_times(f), strict=True)
    for i, (serial, step, visit, machine, recipe, lot, at, posted) in enumerate(rows):
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
        if i in page.pictures:
            digest += _PICTURES + digest_of(page.pictures[i])
        yield (
            key,
            {
                "source": source, "serial": serial, "step": step, "visit": number, "at": at, "available_at": posted,
                "machine": machine, "recipe": recipe, "lot": lot, "values": row, "digest": digest,
            },
        )  # fmt: skip


def state_rows(page: Page, source: str) -> Iterable[tuple[Key, Columns]]:
    """Machine states under (machine, at)."""
    f = page.frame
    texts = f["machine"].tolist(), f["state"].tolist()
    for machine, state, at, posted in zip(*texts, *both_times(f), strict=True):
        row = {"source": source, "machine": machine, "at": at, "available_at": posted, "state": state}
        yield (machine, at), {**row, "digest": content_digest((state,))}


def outcome_rows(page: Page, source: str, characteristic: str) -> Iterable[tuple[Key, Columns]]:
    """Outcomes under (serial, characteristic, at)."""
    f = page.frame
    for serial, value, at, posted in zip(f["serial"].tolist(), f["value"].tolist(), *both_times(f), strict=True):
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
    texts = f["serial"].tolist(), f["step"].tolist(), f["disposition"].tolist()
    for serial, step, disposition, at, posted in zip(*texts, *both_times(f), strict=True):
        row = {"source": source, "serial": serial, "step": step, "at": at, "available_at": posted}
        row |= {"disposition": disposition}
        yield (serial, step, at), {**row, "digest": content_digest((disposition,))}


def both_times(frame: pd.DataFrame) -> tuple[list[datetime], list[datetime]]:
    """When each row happened, and when it became available."""
    return _times(frame["at"]), _times(frame["available_at"])


def _times(column: pd.Series[Any]) -> list[datetime]:
    instants: list[datetime] = pd.DatetimeIndex(column).as_unit("us").to_pydatetime().tolist()
    return instants


def without_old(page: Page, since: datetime) -> tuple[Page, int]:
    """The page without its rows from before `since`, and how many those are.

    Of older rows the store has forgotten what it knew: they would all count as new.
    """
    if page.frame.empty:
        return page, 0
    kept = np.flatnonzero((page.frame["at"] >= since).to_numpy())
    old = len(page.frame) - len(kept)
    if not old:
        return page, 0
    return page.at(kept.tolist()), old
