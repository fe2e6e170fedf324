"""What is new in a page of readings, sensor by sensor: see `monitor.pipeline.intake.rows` for what counts as seen.

By columns: nearly all rows of nearly all pages are the first of their key, and nothing is made for those but what is
stored. Pure.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from monitor.model import Page
from monitor.pipeline.intake.rows import Outcomes, both_times, is_older, outcomes
from monitor.store.rows.digests import Key, StoredReading

Values = Mapping[str, float | None]
"""Of a row the values by sensor; None where the source withdrew one."""


@dataclass(frozen=True, slots=True)
class ReadingRows:
    """The rows of a page by column. A sensor without a value is not in `values`."""

    machines: Sequence[str]
    at: Sequence[datetime]
    available_at: Sequence[datetime]
    recipes: Sequence[str]
    values: Sequence[Values]
    digests: Sequence[str]

    def keys(self) -> list[Key]:
        """The key of each row: machine and time."""
        return list(zip(self.machines, self.at, strict=True))


@dataclass(slots=True)
class NewReadings:
    """The rows to store: their places in the page, their revisions, and what is new or changed with each.

    `corrections`: how many of them replace something stored, for a revision may only add sensors. `seen`: how many rows
    of the page were in the store already.
    """

    places: list[int] = field(default_factory=list)
    revisions: list[int] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)
    corrections: int = 0
    seen: int = 0

    def add(self, place: int, revision: int, values: Values) -> None:
        """Add a row."""
        self.places.append(place)
        self.revisions.append(revision)
        self.values.append(values)

    def outcomes(self) -> Outcomes:
        """Numbers of rows by outcome."""
        return outcomes(len(self.places), self.corrections, self.seen)


def reading_rows(page: Page, sensors: Mapping[str, Sequence[int]]) -> ReadingRows:
    """The readings of a page. `sensors` gives the columns of `page.values` that each machine has."""
    recipes = page.frame["recipe"].tolist()
    values, contents = _values_by_name(page, sensors)
    digests = [
        hashlib.blake2b(recipe.encode() + content, digest_size=16).hexdigest()
        for recipe, content in zip(recipes, contents, strict=True)
    ]
    return ReadingRows(page.frame["machine"].tolist(), *both_times(page.frame), recipes, values, digests)


def _values_by_name(page: Page, sensors: Mapping[str, Sequence[int]]) -> tuple[list[Values], list[bytes]]:
    """Of each row of a page the values by sensor, and these as bytes; a sensor without a value is left out."""
    machines = page.frame["machine"].to_numpy()
    by_row: list[Values] = [{}] * len(machines)
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


def classify_readings(
    rows: ReadingRows, stored: Mapping[Key, StoredReading], dated: bool, mapped: Mapping[str, Sequence[str]] | None
) -> NewReadings:
    """Sort readings into new and seen, sensor by sensor: a revision holds what is new or changed.

    `stored`: what the store has under the keys of the rows. `dated`: whether the source says when each row became
    available. `mapped`: by machine the sensors that every row of it gives (wide layout), where a missing value is a
    word too; None if a row has only the sensors that it names (long layout).
    """
    keys = rows.keys()
    times = Counter(keys)
    known: dict[Key, StoredReading] = {}
    news = NewReadings()
    for place, key in enumerate(keys):
        if times[key] == 1 and key not in stored:
            news.add(place, 0, rows.values[place])
            continue
        if key not in known:
            known[key] = stored.get(key) or StoredReading()
        names = rows.values[place] if mapped is None else mapped[rows.machines[place]]
        _compare(rows, place, known[key], names, dated, mapped is not None, news)
    return news


def _compare(
    rows: ReadingRows, place: int, entry: StoredReading, names: Iterable[str], dated: bool, whole: bool,
    news: NewReadings,
) -> None:  # fmt: skip
    """Compare a row with the revisions before it; if it says anything new, it goes into `news` and into `entry`."""
    values, corrects = rows.values[place], False
    if entry.digests:
        if entry.digests[-1] == rows.digests[place]:
            news.seen += 1
            return
        values, corrects = _changed_sensors(rows, place, entry, names, dated, whole)
        if not values and not corrects:
            news.seen += 1
            return
    news.add(place, len(entry.digests), values)
    news.corrections += corrects
    entry.digests.append(rows.digests[place])
    entry.revisions.append((values, rows.available_at[place], rows.recipes[place]))


def _changed_sensors(
    rows: ReadingRows, place: int, entry: StoredReading, names: Iterable[str], dated: bool, whole: bool
) -> tuple[dict[str, float | None], bool]:
    """The sensors of a row that differ from what is stored, and whether one of them, or the recipe, is corrected.

    `whole`: whether the row gives all of `names`, so that an older version of it says nothing any more.
    """
    known, given, posted = entry.sensors(), rows.values[place], rows.available_at[place]
    _, newest, recipe = entry.revisions[-1]
    older = dated and is_older(posted, newest)
    if older and whole:
        return {}, False
    corrects = recipe != rows.recipes[place] and not older
    changed: dict[str, float | None] = {}
    for name in names:
        value, (before, of) = given.get(name), known.get(name, (None, None))
        if value == before or (dated and is_older(posted, of)):
            continue
        changed[name] = value
        corrects = corrects or name in known
    return changed, corrects
