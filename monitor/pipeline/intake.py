"""What is new in a page: rows seen already, corrections, new visits. Pure; the same for every kind of source.

A row is identified by its key. A source's last word on it counts: the same content as that is seen already, other
content is a correction, stored as the next revision. Where the source says when a row became available, a version
older than its last word is seen too; where it does not, what is read later is the later word. `available_at` is not
content: a row that is posted twice is one row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from monitor.model import Page
from monitor.pictures import digest_of
from monitor.store.rows.digests import Key, StoredReading, StoredRow

_PICTURES = " "
"""Stands in a digest between the content of a row and its pictures."""

Columns = dict[str, Any]
"""A row to store, by the names of its table's columns."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row to store. `index` is its position in the page, `columns` the values without arrival and revision.

    `corrects`: whether it replaces something stored; a revision of a reading may only add sensors.
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

    def outcomes(self) -> tuple[tuple[str, int], ...]:
        """Numbers of rows by the label `outcome` of their counter."""
        corrections = sum(1 for row in self.accepted if row.corrects)
        return ("accepted", len(self.accepted) - corrections), ("corrected", corrections), ("seen", self.seen)


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
        replaced = _is_older(available_at, entry.available_at) and (dated or _is_among(digest, entry.digests))
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


def _is_older(available_at: datetime, last: datetime | None) -> bool:
    return last is not None and available_at < last


def classify_readings(
    rows: Iterable[tuple[Key, Columns]],
    stored: dict[Key, StoredReading],
    dated: bool,
    mapped: Mapping[str, Sequence[str]] | None,
) -> Intake:
    """Sort readings into accepted and seen, sensor by sensor: a revision holds what is new or changed.

    `mapped`: by machine the sensors that every row of it gives (wide layout), where a missing value is a word too;
    None if a row has only the sensors that it names (long layout).
    """
    accepted: list[Accepted] = []
    seen = 0
    for index, (key, columns) in enumerate(rows):
        entry = stored.setdefault(key, StoredReading())
        if not entry.digests:
            change, corrects = columns, False
        elif entry.digests[-1] == columns["digest"]:
            seen += 1
            continue
        else:
            names = columns["values"] if mapped is None else mapped[columns["machine"]]
            values, corrects = _changed_sensors(columns, entry, names, dated, mapped is not None)
            if not values and not corrects:
                seen += 1
                continue
            change = {**columns, "values": values}
        accepted.append(Accepted(index, len(entry.digests), change, corrects))
        entry.digests.append(columns["digest"])
        entry.revisions.append((change["values"], columns["available_at"], columns["recipe"]))
    return Intake(accepted, seen)


def _changed_sensors(
    columns: Columns, entry: StoredReading, names: Iterable[str], dated: bool, whole: bool
) -> tuple[dict[str, float | None], bool]:
    """The sensors of a row that differ from what is stored, and whether one of them, or the recipe, is corrected.

    `whole`: whether the row gives all of `names`, so that an older version of it says nothing any more.
    """
    known = entry.sensors()
    _, newest, recipe = entry.revisions[-1]
    place = columns["available_at"]
    older = dated and _is_older(place, newest)
    if older and whole:
        return {}, False
    corrects = recipe != columns["recipe"] and not older
    changed: dict[str, float | None] = {}
    for name in names:
        value, (before, of) = columns["values"].get(name), known.get(name, (None, None))
        if value == before or (dated and _is_older(place, of)):
            continue
        changed[name] = value
        corrects = corrects or name in known
    return changed, corrects


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
    rows = zip(*columns, *_both_times(f), strict=True)
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


def reading_rows(page: Page, source: str, sensors: Mapping[str, Sequence[int]]) -> Iterable[tuple[Key, Columns]]:
    """Readings under (machine, at). `sensors` gives the columns of `page.values` that each machine has."""
    f = page.frame
    texts = f["machine"].tolist(), f["recipe"].tolist()
    values, contents = _values_by_name(page, sensors)
    for machine, recipe, at, posted, row, content in zip(*texts, *_both_times(f), values, contents, strict=True):
        digest = hashlib.blake2b(recipe.encode() + content, digest_size=16).hexdigest()
        yield (
            (machine, at),
            {
                "source": source, "machine": machine, "at": at, "available_at": posted, "recipe": recipe,
                "values": row, "digest": digest,
            },
        )  # fmt: skip


def _values_by_name(page: Page, sensors: Mapping[str, Sequence[int]]) -> tuple[list[dict[str, float]], list[bytes]]:
    """Of each row of a page the values by sensor, and these as bytes; a sensor without a value is left out."""
    machines = page.frame["machine"].to_numpy()
    by_row: list[dict[str, float]] = [{}] * len(machines)
    contents = [b"|"] * len(machines)
    for machine, places in sensors.items():
        rows = np.flatnonzero(machines == machine)
        names, values = [page.names[j] for j in places], page.values[rows][:, list(places)]
        gaps = np.asarray(np.isnan(values).any(axis=1)).tolist()
        head, data, width = f"|{'|'.join(names)}|".encode(), values.tobytes(), 8 * len(names)
        for i, (row, numbers, has_gaps) in enumerate(zip(rows.tolist(), values.tolist(), gaps, strict=True)):
            pairs = zip(names, numbers, strict=True)
            by_row[row] = {name: value for name, value in pairs if value == value} if has_gaps else dict(pairs)
            contents[row] = f"|{by_row[row]}".encode() if has_gaps else head + data[i * width : (i + 1) * width]
    return by_row, contents


def state_rows(page: Page, source: str) -> Iterable[tuple[Key, Columns]]:
    """Machine states under (machine, at)."""
    f = page.frame
    texts = f["machine"].tolist(), f["state"].tolist()
    for machine, state, at, posted in zip(*texts, *_both_times(f), strict=True):
        row = {"source": source, "machine": machine, "at": at, "available_at": posted, "state": state}
        yield (machine, at), {**row, "digest": content_digest((state,))}


def outcome_rows(page: Page, source: str, characteristic: str) -> Iterable[tuple[Key, Columns]]:
    """Outcomes under (serial, characteristic, at)."""
    f = page.frame
    for serial, value, at, posted in zip(f["serial"].tolist(), f["value"].tolist(), *_both_times(f), strict=True):
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
    for serial, step, disposition, at, posted in zip(*texts, *_both_times(f), strict=True):
        row = {"source": source, "serial": serial, "step": step, "at": at, "available_at": posted}
        row |= {"disposition": disposition}
        yield (serial, step, at), {**row, "digest": content_digest((disposition,))}


def _both_times(frame: pd.DataFrame) -> tuple[list[datetime], list[datetime]]:
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
