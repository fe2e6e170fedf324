"""What was understood of a source: its newest rows, raw beside typed, what would be refused, and what is not mapped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.connecting.said import SAID
from monitor.instants import from_micros
from monitor.model import Page, Reject
from monitor.plant.messages import join_names
from monitor.plant.plant import Plant
from monitor.plant.sources import CodeColumn, SourceBase, TimeColumn, ValueColumn
from monitor.ports import KeptRows
from monitor.sources.typed.columns import numbers, quarantine_text, to_text
from monitor.sources.typed.times import read_times

Cells = Mapping[str, object]
SAMPLE = 1000
"""Newest rows of a source that are looked at."""
SHOWN = 10
"""Newest rows that are shown."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row as the source has it, and as it was understood, or why it would be refused."""

    raw: Mapping[str, str | None]
    typed: Mapping[str, object]
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Rows that would be refused for one reason because of one column, with a value of theirs."""

    reason: str
    column: str
    value: str
    rows: int

    def sentence(self) -> str:
        """What is wrong: `TEMP "3,2" is not a number`."""
        said = SAID.get(self.reason, "cannot be read")
        return f"{self.column} {self.value} {said}" if self.column else f"a row {said}"


@dataclass(frozen=True, slots=True)
class Preview:
    """What was understood of one source.

    `rows`: how many were looked at; `accepted`: how many of them can be read. `unread`: cells that are missing in rows
    that can be read, as they cannot be. `unmapped`: names in the source by what they name, which the plant file does
    not know. `problem`: why nothing, or no time, can be read. `rows_an_hour` is None where times cannot be read; it is
    exact if `whole_hour`.
    """

    source: str
    kind: str
    rows: int = 0
    accepted: int = 0
    shown: tuple[ShownRow, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unread: tuple[Refusal, ...] = ()
    times: Mapping[str, str] | None = None
    unmapped: Mapping[str, tuple[str, ...]] | None = None
    recipes: tuple[str, ...] = ()
    rows_an_hour: int | None = None
    whole_hour: bool = True
    newest: datetime | None = None
    problem: str = ""

    @property
    def refused(self) -> int:
        """How many of the rows would be refused."""
        return self.rows - self.accepted


def understand(
    name: str, config: SourceBase, plant: Plant, kept: KeptRows, rows: Sequence[Cells], now: datetime, problem: str = ""
) -> Preview:
    """What is understood of a source's newest rows, newest first, under the plant file."""
    kind = str(getattr(config, "kind", ""))
    page = kept.page(rows, now)
    refused = {reject.index: reject for reject in page.rejects}
    places = _places(rows, config)
    rate, whole = _rate(places, len(rows) < SAMPLE)
    recipe = getattr(config, "recipe", None)
    return Preview(
        name,
        kind,
        len(rows),
        len(rows) - len(page.rejects),
        tuple(_shown(cells, kept, refused.get(i), now) for i, cells in enumerate(rows[:SHOWN])),
        _refusals(page.rejects),
        _unread([row for i, row in enumerate(rows) if i not in refused], config) if page.hidden else (),
        {key: time_words(column, [row[column.column] for row in rows]) for key, column in time_columns(config).items()},
        _unmapped(rows, config, plant),
        tuple(sorted({text for row in rows if (text := to_text(row[recipe]))})) if recipe else (),
        rate,
        whole,
        max((place for place in places if place <= now + plant.clock_skew), default=None),
        problem,
    )


def time_columns(config: SourceBase) -> dict[str, TimeColumn]:
    """The source's time columns by key."""
    return {"at": config.at} | ({"available_at": config.available_at} if config.available_at else {})


def time_words(column: TimeColumn, cells: Sequence[object]) -> str:
    """How a column's times are read: `DD.MM.YYYY hh:mm:ss in Europe/Berlin`."""
    zone = f" in {column.zone}" if column.zone else ""
    if column.time_format is not None:
        return column.time_format.words + zone
    if column.epoch is not None:
        return f"numbers, {column.epoch} since 1970"
    texts = [cell for cell in cells if isinstance(cell, str)]
    return ("ISO text" if texts or not cells else "times of the database") + zone


def _places(rows: Sequence[Cells], config: SourceBase) -> list[datetime]:
    """When the rows became available, as far as that can be read."""
    column = config.available_at or config.at
    times = read_times([row[column.column] for row in rows], column)
    times = times if config.available_at else times.later(config.delay)
    return [from_micros(at) for i, at in enumerate(times.micros.tolist()) if i not in times.faults]


def _rate(places: Sequence[datetime], all_rows: bool) -> tuple[int | None, bool]:
    """Rows in the hour up to the newest one, and whether that is exact: estimated if the sample ends within it."""
    if not places:
        return None, True
    last, first = max(places), min(places)
    if all_rows or last - first > _HOUR:
        return sum(1 for place in places if place > last - _HOUR), True
    return round((len(places) - 1) / max((last - first) / _HOUR, 1e-9)) if last > first else len(places), last == first


def _shown(cells: Cells, kept: KeptRows, reject: Reject | None, now: datetime) -> ShownRow:
    raw = {name: quarantine_text(value) for name, value in cells.items()}
    if reject is not None:
        return ShownRow(raw, {}, _refusals([reject])[0].sentence())
    return ShownRow(raw, _typed(kept.page([cells], now)))


def _typed(page: Page) -> dict[str, object]:
    """The cells of a page's first row that hold something, by our names."""
    if page.frame.empty:
        return {}
    row = page.frame.iloc[0].to_dict()
    found = {str(name): _plain(value) for name, value in row.items() if not _nothing(value)}
    values = dict(zip(page.names, page.values[0].tolist(), strict=True)) if page.names else {}
    return found | {name: value for name, value in values.items() if value == value}


def _nothing(value: object) -> bool:
    return value is None or value == "" or str(value) in ("<NA>", "nan", "NaT")


def _plain(value: Any) -> object:
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)
    return value.item() if hasattr(value, "item") else value


def _refusals(rejects: Sequence[Reject]) -> tuple[Refusal, ...]:
    """The refusals by reason and column, most frequent first, each with the value of its first row."""
    first: dict[tuple[str, str], str] = {}
    counts = Counter[tuple[str, str]]()
    for reject in rejects:
        what = (reject.reason.value, reject.column)
        text = reject.row.get(reject.column)
        first.setdefault(what, "no value" if text is None else f'"{text}"')
        counts[what] += 1
    return tuple(Refusal(*what, first[what], rows) for what, rows in counts.most_common())


def _unread(rows: Sequence[Cells], config: SourceBase) -> tuple[Refusal, ...]:
    """The cells that cannot be read in rows that can, by column and reason."""
    found = []
    for _, column in value_columns(config):
        cells = [row[column.column] for row in rows]
        _, faults = numbers(cells, column)
        for reason, count in Counter(faults.values()).items():
            first = next(cells[i] for i, fault in faults.items() if fault is reason)
            found.append(Refusal(reason.value, column.column, f'"{quarantine_text(first)}"', count))
    return tuple(found)


def value_columns(config: SourceBase) -> list[tuple[str, ValueColumn]]:
    """The columns of single numbers with their keys."""
    values = getattr(config, "values", {})
    found = [(f"values.{name}", column) for name, column in values.items()]
    single = getattr(config, "value", None)
    found += [("value", single)] if single is not None else []
    return [(key, column) for key, column in found if column.image is None and column.vector is None]


def _unmapped(rows: Sequence[Cells], config: SourceBase, plant: Plant) -> dict[str, tuple[str, ...]]:
    """Names in the source, by what they name, that neither are codes nor names of the plant file."""
    sensors = {sensor for machine in plant.machines.values() for sensor in machine.sensors}
    known = {"machine": set(plant.machines), "step": set(plant.steps), "sensor": sensors}
    found = {}
    for what, names in known.items():
        column = getattr(config, what, None)
        if isinstance(column, CodeColumn):
            texts = {text for row in rows if (text := to_text(row[column.column]))}
            found[what] = tuple(sorted(text for text in texts if column.codes.get(text, text) not in names))
    return {what: names for what, names in found.items() if names}


def sentence(seen: Preview, now: datetime) -> str:
    """What was understood of a source, in one sentence."""
    if not seen.rows:
        return f"{seen.source}: {seen.problem or 'no rows yet'}"
    parts = []
    if seen.rows_an_hour is not None and seen.newest is not None:
        recent = now - seen.newest < _HOUR
        hour = "in the last hour" if recent else "in the hour before the newest"
        parts.append(f"{'' if seen.whole_hour else 'about '}{seen.rows_an_hour:,} {_rows(seen.rows_an_hour)} {hour}")
        parts.append(f"newest {age(seen.newest, now)}")
    parts.append(share(seen))
    parts += [f"a value is missing in {cell.rows:,}: {cell.sentence()}" for cell in seen.unread[:3]]
    if seen.unmapped:
        parts.append("not mapped: " + "; ".join(f"{what} {join_names(names)}" for what, names in seen.unmapped.items()))
    return f"{seen.source}: {', '.join(parts)}"


def _rows(number: int) -> str:
    return "row" if number == 1 else "rows"


def share(seen: Preview) -> str:
    """How many rows would be refused, and why."""
    looked = f"the newest {seen.rows:,}" if seen.rows > 1 else "the only row"
    if not seen.refused:
        return f"none of {looked} would be refused" if seen.rows > 1 else f"{looked} can be read"
    reasons = "; ".join(refusal.sentence() for refusal in seen.refusals[:3])
    return f"{seen.refused:,} of {looked} would be refused: {reasons}"


def age(at: datetime, now: datetime) -> str:
    """`40 s ago`, `3 h ago`; ahead of the clock: `2 min ahead`."""
    seconds = (now - at).total_seconds()
    size = abs(seconds)
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if size >= 2 * length:
            return f"{size // length:.0f} {unit} {'ago' if seconds >= 0 else 'ahead'}"
    return f"{size:.0f} s {'ago' if seconds >= 0 else 'ahead'}"
