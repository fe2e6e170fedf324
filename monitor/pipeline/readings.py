"""Machine readings: from a page to detector findings, machine windows and saved states."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from monitor.failpoints import reach
from monitor.instants import to_nanos
from monitor.model import Floats, MachineBatch, MachineState, Page
from monitor.pipeline import intake
from monitor.pipeline import machine_windows as windows
from monitor.pipeline.detectors import detectors_of
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


class MachineMemory:
    """The detectors of one machine with their states, and the number of rows since these were saved."""

    def __init__(self, detectors: Sequence[StreamDetector], step: str) -> None:
        self.detectors = detectors
        self.step = step
        self.states: list[Any] = [d.start() for d in detectors]
        self.unsaved = 0

    def observe(self, batch: MachineBatch, write: BatchWrite | None) -> None:
        """Run every detector on the rows; findings go into `write`, if given."""
        for i, detector in enumerate(self.detectors):
            self.states[i], findings = detector.observe(self.states[i], batch)
            if write is not None:
                write.findings.extend(replace(f, step=self.step) for f in findings)
                write.board.extend(replace(f, step=self.step) for f in detector.current(self.states[i]))
        self.unsaved += len(batch)


class ReadingsPipeline(Pipeline):
    """Judges the readings of one source partition. If a commit fails, `forget` reverts the state in memory."""

    def __init__(self, store: Store, plant: Plant, source: str) -> None:
        self._store = store
        self._plant = plant
        self._source = source
        self._memory: dict[str, MachineMemory] = {}
        self._timeline = StateTimeline()

    def forget(self) -> None:
        """Drop the state in memory; the next page starts from the saved states."""
        self._memory.clear()
        self._timeline = StateTimeline()

    def process(self, page: Page, write: BatchWrite) -> None:
        """Fill `write` with the page's rows, findings and windows. Reads the store and changes only memory."""
        columns = {m: _columns(self._plant, m, page.names) for m in page.frame["machine"].unique()}
        with self._store.read() as connection:
            stored = reading_digests(connection, "readings", page.frame)
            self._timeline.learn(states_after(connection, self._timeline.arrival))
            result = intake.classify(intake.reading_rows(page, self._source, columns), stored)
            accepted = sorted(result.accepted, key=lambda a: a.columns["machine"])
            self._process_rows(connection, accepted, page, columns, write)
        reach("after_inference")
        for outcome, rows in result.outcomes():
            write.tallies[tally_key("gatewatch_source_rows_total", source=self._source, outcome=outcome)] += rows

    def _process_rows(
        self,
        connection: Connection,
        accepted: Sequence[intake.Accepted],
        page: Page,
        columns: Mapping[str, Sequence[int]],
        write: BatchWrite,
    ) -> None:
        groups: dict[str, list[intake.Accepted]] = {}
        batches: list[MachineBatch] = []
        for row in accepted:
            groups.setdefault(row.columns["machine"], []).append(row)
        for machine, rows in groups.items():
            states = self._timeline.at(machine, [r.columns["at"] for r in rows])
            offset = len(write.rows)
            for row, state in zip(rows, states, strict=True):
                write.rows.append({**row.columns, "revision": row.revision, "state": state.value})
            # A correction is stored but not judged again.
            new = [i for i, row in enumerate(rows) if row.revision == 0]
            if new:
                indices = [rows[i].index for i in new]
                values = page.values[np.ix_(indices, columns[machine])]
                new_rows = [rows[i].columns for i in new]
                batch = _batch(self._plant, machine, new_rows, values, [states[i] for i in new], page, columns)
                self._judge(connection, batch, [offset + i for i in new], write)
                batches.append(batch)
        if batches:
            self._add_to_windows(connection, batches, write)
        if accepted:
            self._timeline.forget_before(min(row.columns["at"] for row in accepted))

    def _judge(self, connection: Connection, batch: MachineBatch, positions: list[int], write: BatchWrite) -> None:
        memory = self._memory.get(batch.machine) or self._load_memory(connection, batch.machine)
        before = len(write.findings)
        memory.observe(batch, write)
        for i in range(before, len(write.findings)):
            row = write.findings[i].row
            if row >= 0:
                write.findings[i] = replace(write.findings[i], row=positions[row])
        if memory.unsaved >= self._plant.store.snapshot_rows:
            write.states += _saved_states(batch.machine, memory, provisional_arrival(positions[-1]))
            memory.unsaved = 0

    def _add_to_windows(self, connection: Connection, batches: Sequence[MachineBatch], write: BatchWrite) -> None:
        length = self._plant.store.window
        starts = {start for batch in batches for start in windows.window_starts(batch, length)}
        stored = windows.from_rows(windows_starting(connection, [batch.machine for batch in batches], starts))
        for batch in batches:
            write.windows += windows.as_rows(windows.add(stored, batch, length))

    def _load_memory(self, connection: Connection, machine: str) -> MachineMemory:
        """The machine's detectors with their saved states, updated by the rows since, whose findings are discarded."""
        memory = MachineMemory(detectors_of(self._plant, machine), self._plant.machines[machine].step)
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
                # Another version, or incomplete: rebuilt from history.
                log.warning("detector %s of %s is rebuilt from history: %s", detector.name, machine, exc)
        self._replay(connection, machine, memory, arrivals)
        self._memory[machine] = memory
        return memory

    def _replay(self, connection: Connection, machine: str, memory: MachineMemory, arrivals: Sequence[int]) -> None:
        for rows in stored_readings(connection, machine, min(arrivals, default=0)):
            for i, detector in enumerate(memory.detectors):
                unseen = [r for r in rows if r.arrival > arrivals[i]]
                if unseen:
                    batch = stored_batch(self._plant, machine, unseen)
                    memory.states[i], _ = detector.observe(memory.states[i], batch)
            memory.unsaved += len(rows)

    def snapshot(self, write: BatchWrite) -> None:
        """Add every unsaved state to `write`, at a clean shutdown."""
        with self._store.read() as connection:
            for machine, memory in self._memory.items():
                if memory.unsaved:
                    write.states += _saved_states(machine, memory, last_arrival(connection))


def stored_batch(plant: Plant, machine: str, rows: Sequence[StoredReading]) -> MachineBatch:
    """Stored rows as the batch that the detectors get."""
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
    rows: Sequence[intake.Columns],
    values: Floats,
    states: Sequence[MachineState],
    page: Page,
    columns: Mapping[str, Sequence[int]],
) -> MachineBatch:
    sensors = plant.sensor_names(machine)
    mapped = [page.names[j] for j in columns[machine]]
    if tuple(mapped) != sensors:
        # A sensor that the source does not map is missing.
        all_sensors = np.full((len(rows), len(sensors)), np.nan)
        all_sensors[:, [sensors.index(s) for s in mapped]] = values
        values = all_sensors
    at = np.array([to_nanos(row["at"]) for row in rows], dtype=np.int64)
    return MachineBatch(machine, sensors, at, values, states, [row["recipe"] for row in rows])


def _saved_states(machine: str, memory: MachineMemory, arrival: int) -> list[SavedState]:
    pairs = zip(memory.detectors, memory.states, strict=True)
    return [SavedState(d.name, machine, arrival, d.save(state)) for d, state in pairs]
