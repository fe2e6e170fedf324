"""Readings and machine states of one piece: what is new in their rows, and when each is judged. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from monitor.engine.pieces.raw import read_rows
from monitor.engine.pieces.results import Results, count_cells, reject_cells
from monitor.engine.pieces.timing import NEVER, Judging, Newest, Slots, Span
from monitor.instants import to_micros
from monitor.model import Page
from monitor.pipeline.intake import rows as intake
from monitor.pipeline.intake.readings import NewReadings, ReadingRows
from monitor.pipeline.readings import new_readings
from monitor.plant.plant import Plant
from monitor.plant.sources import ReadingSource, SourceBase
from monitor.sources.typed.arrays import Micros
from monitor.sources.typed.plan import make_plan
from monitor.store.rows.readings import StoredReading, StoredState


class SeenReading(NamedTuple):
    """A new reading or a revision of one, and the pull that reads it (us)."""

    row: StoredReading
    seen: int


class SeenState(NamedTuple):
    """A machine state, and the pull that reads it (us)."""

    row: StoredState
    seen: int


@dataclass(slots=True)
class Taken:
    """What the sources of a piece say that is new, in the order in which it is read."""

    readings: list[SeenReading] = field(default_factory=list)
    states: list[SeenState] = field(default_factory=list)


def take_in(plant: Plant, tables: Mapping[str, pa.Table], span: Span, results: Results) -> Taken:
    """Take in the raw rows of a piece, by source; what is refused, and counts, go into `results`."""
    taken = Taken()
    for source in sorted(tables.keys() & plant.sources.keys()):
        config = plant.sources[source]
        read = read_rows(
            tables[source], make_plan(config, plant), source, Slots(config.every, span), plant.clock_skew
        )  # fmt: skip
        results.add("rejects", (reject_cells(source, reject) for reject in read.page.rejects))
        seen: Sequence[int] = read.seen.tolist()
        if isinstance(config, ReadingSource):
            rows, news = new_readings(
                plant, read.page, {}, dated=config.available_at is not None, wide=config.sensor is None
            )
            outcomes = news.outcomes()
            taken.readings += map(SeenReading, _stored(source, rows, news), (seen[i] for i in news.places))
        else:
            found = _states(source, config, read.page)
            outcomes = found.outcomes()
            taken.states += (SeenState(_state(a.columns, n), seen[a.index]) for n, a in enumerate(found.accepted, 1))
        results.add("counts", (count_cells(source, outcome, number) for outcome, number in outcomes))
    taken.states.sort(key=lambda state: state.seen)
    # Arrival numbers go on over sources, as those of one store do.
    taken.states = [s._replace(row=s.row._replace(arrival=n)) for n, s in enumerate(taken.states, 1)]
    return taken


def refuse(plant: Plant, tables: Mapping[str, pa.Table], span: Span) -> Results:
    """What becomes of rows that name no machine or step of the plant file."""
    results = Results()
    for source, table in tables.items():
        config = plant.sources[source]
        read = read_rows(table, make_plan(config, plant), source, Slots(config.every, span), plant.clock_skew)
        results.add("rejects", (reject_cells(source, reject) for reject in read.page.rejects))
    return results


def judged_slots(judging: Judging, readings: Sequence[SeenReading], newest: Newest | None) -> tuple[Micros, Micros]:
    """When each reading is judged, and when it is found to be too late for that (us; NEVER: not).

    `newest`: how far the group of machines had been judged; None where these readings are all of it.
    """
    at = np.array([to_micros(reading.row.at) for reading in readings], dtype=np.int64)
    seen = np.array([reading.seen for reading in readings], dtype=np.int64)
    if newest is None:
        newest = Newest.of(judging.ready(at, seen), at)
    return judging.judged(at, seen, newest)


def in_order(readings: Sequence[SeenReading], slots: Micros) -> list[tuple[int, StoredReading]]:
    """The readings with a slot, each with it, in the order of slots, time, source and revision."""
    judged = [(slot, r.row) for slot, r in zip(slots.tolist(), readings, strict=True) if slot != NEVER]
    return sorted(judged, key=lambda one: (one[0], one[1].at, one[1].source, one[1].revision))


def _states(source: str, config: SourceBase, page: Page) -> intake.Intake:
    return intake.classify(intake.state_rows(page, source), {}, config.available_at is not None)


def _stored(source: str, rows: ReadingRows, news: NewReadings) -> Iterator[StoredReading]:
    """The new readings as a store would have them, numbered in their order."""
    taken = zip(news.places, news.revisions, news.values, strict=True)
    for arrival, (i, revision, values) in enumerate(taken, 1):
        yield StoredReading(arrival, source, rows.machines[i], rows.at[i], revision, rows.recipes[i], values)


def _state(columns: intake.Columns, arrival: int) -> StoredState:
    return StoredState(arrival, columns["machine"], columns["at"], columns["state"])
