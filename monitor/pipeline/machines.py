"""The detectors of machines: from stored readings to findings, machine windows and saved states."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from monitor.instants import from_nanos, to_nanos
from monitor.model import Finding, MachineBatch, MachineState
from monitor.pipeline import machine_windows as windows
from monitor.pipeline.detectors import detectors_of
from monitor.pipeline.feeds import feeds_of, holding_of
from monitor.pipeline.joining import Feed, Joined, JoinState, Reading, join
from monitor.pipeline.machine_states import StateTimeline
from monitor.plant.plant import Plant
from monitor.ports import Learner, State
from monitor.store.commit import BatchWrite, SavedState
from monitor.store.database.database import Connection
from monitor.store.rows.forgotten import BorrowedBaseline, ForgottenBaseline, borrowed_since, forgotten_after
from monitor.store.rows.readings import (
    JudgedSpan,
    SavedDetector,
    StoredReading,
    last_span,
    readings_between,
    saved_detectors,
    spans_after,
    states_after,
    windows_starting,
)

log = logging.getLogger(__name__)

_JOINED = "last_values"
"""The name under which the last values of a machine's sensors are saved, beside its detectors."""


class MachineMemory:
    """The detectors of one machine with their states, the last values, and what was judged since these were saved."""

    def __init__(self, plant: Plant, machine: str) -> None:
        self.machine = machine
        self.detectors = detectors_of(plant, machine)
        self.step = plant.machines[machine].step
        self.states: list[Any] = [d.start() for d in self.detectors]
        self.joined = JoinState()
        self.last: JudgedSpan | None = None
        self.unsaved = 0
        self._sensors = plant.sensor_names(machine)
        self._feeds = feeds_of(plant, machine)
        self._holding = holding_of(plant, machine)

    def join(self, readings: Sequence[Reading]) -> Joined:
        """The rows of new readings, in order of time."""
        self.joined, rows = join(self.joined, readings, self._sensors, self._feeds, self._holding)
        return rows

    def batch(self, rows: Joined, states: Sequence[MachineState], offset: int = 0) -> MachineBatch:
        """Rows as the detectors get them."""
        at = np.array(rows.at, dtype=np.int64)
        return MachineBatch(
            self.machine, self._sensors, at, rows.values, states, rows.recipes, offset, rows.sampled
        )  # fmt: skip

    def observe(self, batch: MachineBatch, write: BatchWrite) -> None:
        """Run every detector on the rows; the findings go into `write`."""
        for i, detector in enumerate(self.detectors):
            self.states[i], findings = detector.observe(self.states[i], batch)
            write.findings.extend(replace(f, step=self.step) for f in findings)
            write.board.extend(replace(f, step=self.step) for f in detector.current(self.states[i]))
        self.unsaved += len(batch)

    def recipes(self) -> tuple[str, ...]:
        """The recipes of which a detector has learnt something."""
        recipes = (recipe for detector, state in self._learners() for recipe in detector.recipes(state))
        return tuple(dict.fromkeys(recipes))

    def _learners(self) -> list[tuple[Learner, Any]]:
        """The detectors that learn, with their states."""
        return [(d, s) for d, s in zip(self.detectors, self.states, strict=True) if isinstance(d, Learner)]

    def forget(self, recipe: str | None, places: Collection[int] | None = None) -> list[Finding]:
        """Let the detectors (at these places, if given) forget a recipe, or all; the changes of status."""
        changes: list[Finding] = []
        for i, detector in enumerate(self.detectors):
            if isinstance(detector, Learner) and (places is None or i in places):
                self.states[i], found = detector.forget(self.states[i], recipe)
                changes += (replace(f, step=self.step) for f in found)
        return changes

    def lacks_baseline(self) -> bool:
        """Whether every detector that learns has nothing to compare the machine with."""
        learners = self._learners()
        return bool(learners) and all(detector.lacks_baseline(state) for detector, state in learners)

    def lend(self, recipe: str, before: int) -> tuple[int, dict[str, State]] | None:
        """By detector what all have learnt for good of a recipe before an instant (ns), and since when."""
        learners = self._learners()
        lent = {detector.name: detector.lend(state, recipe, before) for detector, state in learners}
        known = {name: one for name, one in lent.items() if one is not None}
        if not known or len(known) < len(learners):
            return None
        return max(since for since, _ in known.values()), {name: state for name, (_, state) in known.items()}

    def borrow(self, content: Mapping[str, State], places: Collection[int] | None = None) -> None:
        """Let the detectors (at these places, if given) compare with what a sister's have lent."""
        for i, detector in enumerate(self.detectors):
            if isinstance(detector, Learner) and detector.name in content and (places is None or i in places):
                self.states[i] = detector.borrow(self.states[i], content[detector.name])

    @property
    def until(self) -> datetime | None:
        """Up to which instant the machine has been judged."""
        return None if self.last is None else self.last.until

    def save(self, span: JudgedSpan) -> list[SavedState]:
        """The states to save after the machine's last span."""
        self.unsaved = 0
        states = [(d.name, d.save(state)) for d, state in zip(self.detectors, self.states, strict=True)]
        states.append((_JOINED, self.joined.save()))
        return [SavedState(name, self.machine, span.arrival, span.until, state) for name, state in states]


def load_memory(connection: Connection, plant: Plant, machine: str) -> MachineMemory:
    """A machine's detectors as they stood after what was judged last: saved states, and the rows judged since."""
    memory = MachineMemory(plant, machine)
    saved = saved_detectors(connection, machine)
    seen: list[datetime | None] = [None] * len(memory.detectors)
    for i, detector in enumerate(memory.detectors):
        row = saved.get(detector.name)
        if row is not None and row.until is not None:
            try:
                memory.states[i] = detector.restore(json.loads(row.text))
                seen[i] = row.until
            except ValueError as exc:
                # Another version, or incomplete: rebuilt from history.
                log.warning("detector %s of %s is rebuilt from history: %s", detector.name, machine, exc)
    since = _restore_joined(memory, saved.get(_JOINED), seen)
    for event in judged_batches(connection, memory, since):
        if isinstance(event, ForgottenBaseline):
            memory.forget(event.recipe, [i for i, at in enumerate(seen) if at is None or at < event.until])
        elif isinstance(event, BorrowedBaseline):
            memory.borrow(event.content, [i for i, at in enumerate(seen) if at is None or at <= event.until])
        else:
            _observe_again(memory, event.batch, seen)
    memory.last = last_span(connection, machine)
    return memory


def _restore_joined(
    memory: MachineMemory, saved: SavedDetector | None, seen: Sequence[datetime | None]
) -> datetime | None:
    """Restore the last values if every detector stands where they do; returns up to where (None: the beginning)."""
    if saved is None or saved.until is None or any(until != saved.until for until in seen):
        return None
    try:
        memory.joined = JoinState.restore(json.loads(saved.text))
    except ValueError as exc:
        log.warning("%s: %s", memory.machine, exc)
        return None
    return saved.until


def _observe_again(memory: MachineMemory, batch: MachineBatch, seen: Sequence[datetime | None]) -> None:
    """Bring each detector up to the end of a batch; the findings were stored when it was judged first."""
    for i, detector in enumerate(memory.detectors):
        until = seen[i]
        rows = batch if until is None else _rows_after(batch, to_nanos(until))
        memory.states[i], _ = detector.observe(memory.states[i], rows)
    memory.unsaved += len(batch)


def _rows_after(batch: MachineBatch, at: int) -> MachineBatch:
    first = int(np.searchsorted(batch.at, at, side="right"))
    sampled = None if batch.sampled is None else batch.sampled[first:]
    return replace(
        batch, at=batch.at[first:], values=batch.values[first:], states=batch.states[first:],
        recipes=batch.recipes[first:], sampled=sampled,
    )  # fmt: skip


class JudgedBatch(NamedTuple):
    """Rows of a machine as they were judged, and the arrival numbers of their readings."""

    batch: MachineBatch
    arrivals: list[int]


def judged_batches(
    connection: Connection, memory: MachineMemory, since: datetime | None
) -> Iterator[JudgedBatch | ForgottenBaseline | BorrowedBaseline]:
    """What happened to a machine after an instant, in order: rows that were judged, and baselines that were forgotten
    or taken over from a sister.

    Changes the memory's last values, which must stand at that instant.
    """
    spans = spans_after(connection, memory.machine, since)
    if not spans:
        return
    after, last, timeline = spans[0].after, spans[-1].until, StateTimeline()
    learnt: list[ForgottenBaseline | BorrowedBaseline] = [*forgotten_after(connection, memory.machine, since)]
    learnt = sorted([*learnt, *borrowed_since(connection, memory.machine, since)], key=lambda event: event.until)
    for until in sorted({*(event.until for event in learnt if event.until < last), last}):
        if after is None or until > after:
            yield from _judged_between(connection, memory, timeline, spans, (after, until))
            after = until
        while learnt and (learnt[0].until <= until or until == last):
            yield learnt.pop(0)


def _judged_between(
    connection: Connection, memory: MachineMemory, timeline: StateTimeline, spans: Sequence[JudgedSpan],
    between: tuple[datetime | None, datetime],
) -> Iterator[JudgedBatch]:  # fmt: skip
    newest = max(span.arrival for span in spans)
    for rows in readings_between(connection, (memory.machine,), *between, newest):
        readings: list[Reading] = []
        states: list[MachineState] = []
        for span, group in _by_span(rows, spans):
            known = merged(row for row in group if row.arrival <= span.arrival)
            timeline.learn(states_after(connection, timeline.arrival, span.arrival))
            readings += known
            states += timeline.at(memory.machine, np.array(sorted({r.at for r in known}), np.int64))
        joined = memory.join(readings)
        yield JudgedBatch(memory.batch(joined, states), joined.arrivals)


def _by_span(
    rows: Sequence[StoredReading], spans: Sequence[JudgedSpan]
) -> Iterator[tuple[JudgedSpan, list[StoredReading]]]:
    """Readings in order of time by the span in which they were judged; those between two spans came too late."""
    place = 0

    def span_of(row: StoredReading) -> int:
        nonlocal place
        while spans[place].until < row.at:
            place += 1
        return place

    for index, group in groupby(rows, key=span_of):
        after = spans[index].after
        judged = [row for row in group if after is None or row.at > after]
        if judged:
            yield spans[index], judged


def merged(rows: Iterator[StoredReading]) -> list[Reading]:
    """The revisions of one machine's readings in one, in order of time; they come by time, source and revision."""
    readings: list[Reading] = []
    last: StoredReading | None = None
    for row in rows:
        if last is not None and row.at == last.at and row.source == last.source:
            before = readings.pop()
            readings.append(Reading(before.at, row.arrival, row.source, row.recipe, {**before.values, **row.values}))
        else:
            readings.append(Reading(to_nanos(row.at), row.arrival, row.source, row.recipe, row.values))
        last = row
    return readings


def judge(
    plant: Plant, memory: MachineMemory, rows: Sequence[StoredReading], timeline: StateTimeline, span: JudgedSpan,
    write: BatchWrite,
) -> MachineBatch:  # fmt: skip
    """Judge new readings of a machine, in order of time; findings and the span go into `write`."""
    joined = memory.join(merged(iter(rows)))
    states = timeline.at(memory.machine, np.array(joined.at, dtype=np.int64))
    batch = memory.batch(joined, states, len(write.arrivals))
    memory.observe(batch, write)
    memory.last = span
    write.arrivals += joined.arrivals
    write.spans.append(span)
    if memory.unsaved >= plant.store.snapshot_rows:
        write.states += memory.save(span)
    return batch


def lenders(plant: Plant, machine: str) -> int:
    """How many machines are between this one and the one that learns by itself."""
    like = plant.machines[machine].like
    return 0 if like is None else 1 + lenders(plant, like)


def borrow(
    memory: MachineMemory, lender: MachineMemory, new: Sequence[StoredReading], write: BatchWrite, save_after: int
) -> Iterator[Sequence[StoredReading]]:
    """The new readings of a machine that lacks a baseline in one or two parts: the second begins with what its sister's
    baseline is borrowed for.

    That is the first instant after the sister's was frozen, wherever a page begins; the caller judges each part
    before the next is asked for. `save_after`: after how many rows states are saved.
    """
    for place, row in enumerate(new):
        recipe = row.recipe or memory.joined.recipe
        if (lent := lender.lend(recipe, to_nanos(row.at))) is None:
            continue
        before = [one for one in new[:place] if one.at < row.at]
        if before:
            yield before
        if memory.lacks_baseline():
            until: datetime = max(at for at in (from_nanos(lent[0]), memory.until) if at is not None)
            write.borrowed.append(
                BorrowedBaseline(memory.machine, lender.machine, recipe, until, write.now, lent[1])
            )  # fmt: skip
            memory.borrow(lent[1])
            memory.unsaved += save_after  # what was saved before knows nothing of it
        yield new[len(before) :]
        return
    yield new


def start_anew(memory: MachineMemory, forgotten: ForgottenBaseline, write: BatchWrite) -> None:
    """Forget what is named there, of a machine as it stands; the record, findings and states go into `write`."""
    write.findings += memory.forget(forgotten.recipe)
    for detector, state in zip(memory.detectors, memory.states, strict=True):
        write.board += (replace(f, step=memory.step) for f in detector.current(state))
    if memory.last is not None:
        write.states += memory.save(memory.last)
    write.forgotten.append(forgotten)


def unjudged_batch(plant: Plant, row: StoredReading) -> MachineBatch:
    """A reading by itself: what it says, nothing held."""
    sensors = plant.sensor_names(row.machine)
    values = np.array([[row.values.get(name) for name in sensors]], dtype=np.float64)
    given = feeds_of(plant, row.machine).get(row.source, Feed()).sensors | row.values.keys()
    sampled = np.array([[name in given for name in sensors]], dtype=np.bool_)
    at = np.array([to_nanos(row.at)], dtype=np.int64)
    return MachineBatch(row.machine, sensors, at, values, [MachineState.UNKNOWN], [row.recipe], sampled=sampled)


def add_to_windows(connection: Connection, plant: Plant, batches: Sequence[MachineBatch], write: BatchWrite) -> None:
    """Add rows to the machine windows."""
    length = plant.store.window
    starts = {start for batch in batches for start in windows.window_starts(batch, length)}
    known = windows.from_rows(windows_starting(connection, [batch.machine for batch in batches], starts))
    changed: dict[windows.WindowKey, windows.Totals] = {}
    for batch in batches:
        changed |= windows.add(known | changed, batch, length)
    write.windows += windows.as_rows(changed)
    if plant.lake is not None and "machine_windows" in plant.lake.tables:
        write.noted_windows.update(changed)
