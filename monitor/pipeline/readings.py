"""Machine readings: from a page to detector findings, machine windows and saved states."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from monitor.failpoints import reach
from monitor.instants import to_nanos
from monitor.model import Floats, MachineBatch, MachineState, Page
from monitor.pipeline import intake
from monitor.pipeline import machine_windows as windows
from monitor.pipeline.machine_states import StateTimeline
from monitor.pipeline.pipeline import Pipeline
from monitor.plant.plant import Plant
from monitor.ports import StreamDetector
from monitor.store.commit import BatchWrite, SavedState, provisional_arrival
from monitor.store.database.database import Connection, Store
from monitor.store.database.statements import tally_key
from monitor.store.rows.digests import reading_digests
from monitor.store.rows.readings import (
    StoredReading,
    last_arrival,
    saved_detectors,
    states_after,
    stored_readings,
    windows_starting,
)

log = logging.getLogger(__name__)

MakeDetectors = Callable[[Plant, str], Sequence[StreamDetector]]


class MachineMemory:
    """The detectors of one machine with their states, and how many rows came since they were saved."""

    def __init__(self, detectors: Sequence[StreamDetector], step: str) -> None:
        self.detectors = detectors
        self.step = step
        self.states: list[Any] = [d.start() for d in detectors]
        self.unsaved = 0

    def observe(self, batch: MachineBatch, write: BatchWrite | None) -> None:
        """Run every detector over the rows; findings go into `write`, or nowhere while history is replayed."""
        for i, detector in enumerate(self.detectors):
            self.states[i], findings = detector.observe(self.states[i], batch)
            if write is not None:
                write.findings.extend(replace(f, step=self.step) for f in findings)
                write.board.extend(replace(f, step=self.step) for f in detector.current(self.states[i]))
        self.unsaved += len(batch)


class ReadingsPipeline(Pipeline):
    """Judges the readings of one source partition. `process` is undone by `forget` when its commit fails."""

    def __init__(self, store: Store, plant: Plant, source: str, make_detectors: MakeDetectors) -> None:
        self._store = store
        self._plant = plant
        self._source = source
        self._make = make_detectors
        self._memory: dict[str, MachineMemory] = {}
        self._timeline = StateTimeline()

    def forget(self) -> None:
        """Drop what is in memory; the next page starts from the saved states."""
        self._memory.clear()
        self._timeline = StateTimeline()

    def process(self, page: Page, write: BatchWrite) -> None:
        """Fill `write` with what the page brings. Reads the store, changes only memory."""
        columns = {m: _columns(self._plant, m, page.names) for m in page.frame["machine"].unique()}
        with self._store.read() as connection:
            known = reading_digests(connection, "readings", page.frame)
            self._learn_states(connection)
            found = intake.take(intake.reading_rows(page, self._source, columns), known)
            accepted = sorted(found.accepted, key=lambda a: a.columns["machine"])
            self._place(connection, accepted, page, columns, write)
        reach("after_inference")
        for outcome, rows in found.outcomes():
            write.tallies[tally_key("gatewatch_source_rows_total", source=self._source, outcome=outcome)] += rows

    def _learn_states(self, connection: Connection) -> None:
        self._timeline.learn(states_after(connection, self._timeline.arrival))

    def _place(
        self,
        connection: Connection,
        accepted: Sequence[intake.Accepted],
        page: Page,
        columns: Mapping[str, Sequence[int]],
        write: BatchWrite,
    ) -> None:
        groups: dict[str, list[intake.Accepted]] = {}
        for row in accepted:
            groups.setdefault(row.columns["machine"], []).append(row)
        for machine, rows in groups.items():
            states = self._timeline.at(machine, [r.columns["at"] for r in rows])
            offset = len(write.rows)
            for row, state in zip(rows, states, strict=True):
                write.rows.append({**row.columns, "revision": row.revision, "state": state.value})
            # A correction is kept; what was judged before stays judged.
            fresh = [i for i, row in enumerate(rows) if row.revision == 0]
            if fresh:
                places = [rows[i].index for i in fresh]
                values = page.values[np.ix_(places, columns[machine])]
                facts = [rows[i].columns for i in fresh]
                batch = _batch(self._plant, machine, facts, values, [states[i] for i in fresh], page, columns)
                self._judge(connection, batch, [offset + i for i in fresh], write)
        if accepted:
            self._timeline.forget_before(min(row.columns["at"] for row in accepted))

    def _judge(self, connection: Connection, batch: MachineBatch, places: list[int], write: BatchWrite) -> None:
        memory = self._memory.get(batch.machine) or self._remember(connection, batch.machine)
        before = len(write.findings)
        memory.observe(batch, write)
        for i in range(before, len(write.findings)):
            row = write.findings[i].row
            if row >= 0:
                write.findings[i] = replace(write.findings[i], row=places[row])
        length = self._plant.store.window
        starts = windows.window_starts(batch, length)
        known = windows.from_rows(windows_starting(connection, batch.machine, starts))
        write.windows += windows.as_rows(windows.add(known, batch, length))
        if memory.unsaved >= self._plant.store.snapshot_rows:
            write.states += _saved(batch.machine, memory, provisional_arrival(places[-1]))
            memory.unsaved = 0

    def _remember(self, connection: Connection, machine: str) -> MachineMemory:
        """The machine's detectors: saved states, and the rows after them run again with their results discarded."""
        memory = MachineMemory(self._make(self._plant, machine), self._plant.machines[machine].step)
        saved = saved_detectors(connection, machine)
        arrivals = [0] * len(memory.detectors)
        for i, detector in enumerate(memory.detectors):
            row = saved.get(detector.name)
            if row is None:
                continue
            try:
                memory.states[i] = detector.restore(json.loads(row.text))
                arrivals[i] = row.arrival
            except ValueError as exc:
                # Of another version or not whole: rebuilt from history.
                log.warning("detector %s of %s starts from its history: %s", detector.name, machine, exc)
        self._run_again(connection, machine, memory, arrivals)
        self._memory[machine] = memory
        return memory

    def _run_again(self, connection: Connection, machine: str, memory: MachineMemory, arrivals: Sequence[int]) -> None:
        for rows in stored_readings(connection, machine, min(arrivals, default=0)):
            for i, detector in enumerate(memory.detectors):
                todo = [r for r in rows if r.arrival > arrivals[i]]
                if todo:
                    batch = stored_batch(self._plant, machine, todo)
                    memory.states[i], _ = detector.observe(memory.states[i], batch)
            memory.unsaved += len(rows)

    def snapshot(self, write: BatchWrite) -> None:
        """Add every unsaved state to `write`, for a clean end."""
        with self._store.read() as connection:
            for machine, memory in self._memory.items():
                if memory.unsaved:
                    write.states += _saved(machine, memory, last_arrival(connection))


def stored_batch(plant: Plant, machine: str, rows: Sequence[StoredReading]) -> MachineBatch:
    """Stored rows as the batch that the detectors saw."""
    sensors = plant.sensor_names(machine)
    values = np.array([[r.values.get(s, np.nan) for s in sensors] for r in rows], dtype=np.float64)
    return MachineBatch(
        machine,
        sensors,
        np.array([to_nanos(r.at) for r in rows], dtype=np.int64),
        values.reshape(len(rows), len(sensors)),
        [MachineState(r.state) for r in rows],
        [r.recipe for r in rows],
    )


def _columns(plant: Plant, machine: str, names: Sequence[str]) -> list[int]:
    place = {n: i for i, n in enumerate(names)}
    return [place[s] for s in plant.sensor_names(machine) if s in place]


def _batch(
    plant: Plant,
    machine: str,
    facts: Sequence[intake.Columns],
    values: Floats,
    states: Sequence[MachineState],
    page: Page,
    columns: Mapping[str, Sequence[int]],
) -> MachineBatch:
    sensors = plant.sensor_names(machine)
    given = [page.names[j] for j in columns[machine]]
    if tuple(given) != sensors:
        # A sensor that the source does not map is missing, never invented.
        whole = np.full((len(facts), len(sensors)), np.nan)
        whole[:, [sensors.index(s) for s in given]] = values
        values = whole
    at = np.array([to_nanos(f["at"]) for f in facts], dtype=np.int64)
    return MachineBatch(machine, sensors, at, values, states, [f["recipe"] for f in facts])


def _saved(machine: str, memory: MachineMemory, arrival: int) -> list[SavedState]:
    pairs = zip(memory.detectors, memory.states, strict=True)
    return [SavedState(d.name, machine, arrival, d.save(state)) for d, state in pairs]
