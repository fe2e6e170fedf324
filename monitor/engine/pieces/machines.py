"""The machines of one piece: from raw rows to findings, machine windows and what detectors know at the end. Pure.

The same functions as in the single process do the work: typing, what is new, joining, detectors. What is here says in
which pieces and in which order; it follows from the slots of the jobs, so that the single process agrees row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter

import numpy as np
import pyarrow as pa

from monitor.engine.pieces.intake import SeenReading, SeenState, in_order, judged_slots, take_in
from monitor.engine.pieces.results import Results, count_cells, finding_cells, state_cells, window_cells
from monitor.engine.pieces.timing import NEVER, Judging, Newest, Span
from monitor.engine.pieces.units import MachineUnits, newest_of
from monitor.instants import EPOCH
from monitor.model import Finding, MachineBatch
from monitor.pipeline import machine_windows as windows
from monitor.pipeline.feeds import feeds_of
from monitor.pipeline.joining import Feed
from monitor.pipeline.machine_states import StateTimeline
from monitor.pipeline.machines import MachineMemory, borrow, judge, unjudged_batch
from monitor.plant.plant import Plant
from monitor.store.commit import BatchWrite
from monitor.store.rows.readings import JudgedSpan, StoredReading

Slotted = tuple[int, StoredReading]
"""A reading with the slot in which it is judged (us)."""


@dataclass(slots=True)
class Piece:
    """The machines of a piece while they are judged: findings are in `write`, the last one of each in `board`."""

    plant: Plant
    memories: dict[str, MachineMemory]
    timeline: StateTimeline = field(default_factory=StateTimeline)
    write: BatchWrite = field(default_factory=lambda: BatchWrite("", "", "", EPOCH))
    board: dict[tuple[str, str, str, str], Finding] = field(default_factory=dict)
    windows: dict[windows.WindowKey, windows.Totals] = field(default_factory=dict)

    def add(self, batch: MachineBatch) -> None:
        """Add rows to the machine windows."""
        self.windows |= windows.add(self.windows, batch, self.plant.store.window)

    def count(self, late: Sequence[Slotted]) -> None:
        """Add readings that are not judged to the machine windows."""
        for _, row in late:
            self.add(unjudged_batch(self.plant, row))


def judge_machines(plant: Plant, units: MachineUnits, unit: str, tables: Mapping[str, pa.Table], span: Span) -> Results:
    """Everything that the single process would find about the machines of a unit.

    `tables`: by source the raw rows that name them, and how far their group was read (`machine_parcels`). UsageError
    if a table lacks a column of the plant file.
    """
    results = Results()
    taken = take_in(plant, tables, span, results)
    if unit not in units.groups:  # machines that no source of readings feeds
        return results
    feeds, members = units.groups[unit]
    judging = Judging(feeds, span)
    slots, late = judged_slots(judging, taken.readings, newest_in(tables.get(newest_of(members))))
    piece = Piece(plant, {machine: MachineMemory(plant, machine) for machine in units.machines[unit]})
    told = list(_new_values(plant, taken.readings, late.tolist()))
    judge_all(piece, in_order(taken.readings, slots), taken.states, told, judging)
    sources = [row.source for _, row in told]
    results.add("counts", (count_cells(name, "too_late", sources.count(name)) for name in dict.fromkeys(sources)))
    _collect(piece, results)
    return results


def newest_in(table: pa.Table | None) -> Newest | None:
    """How far a group of machines had been judged, from what its parcels hold; None without any."""
    if table is None:
        return None
    return Newest.of(*(np.asarray(table.column(name).to_numpy(), np.int64) for name in ("slot", "newest")))


def judge_all(
    piece: Piece, readings: Sequence[Slotted], states: Sequence[SeenState], late: Sequence[Slotted], judging: Judging
) -> None:
    """Judge readings in order of their slots, each with the states that were known in its slot.

    Slots between which nothing else happens are one batch. Readings that came too late count in the machine windows.
    """
    slots = np.array([slot for slot, _ in readings], dtype=np.int64)
    known = judging.slot_of(np.array([state.seen for state in states], dtype=np.int64))
    met = np.array([slot for slot, _ in late], dtype=np.int64)
    of_states, of_late = (np.searchsorted(others, slots, "right") for others in (known, met))
    # A machine that borrows a baseline is judged slot by slot with its sister, as the single process does.
    by_slot = slots if len(piece.memories) > 1 else np.zeros_like(slots)
    learnt = told = 0
    keys = zip(of_states.tolist(), of_late.tolist(), by_slot.tolist(), strict=True)
    for (until, telling, _), group in groupby(zip(keys, readings, strict=True), key=itemgetter(0)):
        piece.timeline.learn(state.row for state in states[learnt:until])
        piece.count(late[told:telling])
        _judge_part(piece, [row for _, (_, row) in group])
        learnt, told = until, telling
    piece.count(late[told:])


def _judge_part(piece: Piece, rows: Sequence[StoredReading]) -> None:
    """Judge readings of which nobody need know more; machines in order, who lends a baseline first."""
    for machine, memory in piece.memories.items():
        mine = [row for row in rows if row.machine == machine]
        if not mine:
            continue
        for part in _parts(piece, memory, mine):
            span = JudgedSpan(machine, part[-1].at, memory.until, part[-1].arrival)
            piece.add(judge(piece.plant, memory, part, piece.timeline, span, piece.write))
            for finding in piece.write.board:
                piece.board[finding.detector, finding.method, finding.subject, finding.feature] = finding
            piece.write.board.clear()
            piece.write.arrivals.clear()


def _parts(piece: Piece, memory: MachineMemory, rows: Sequence[StoredReading]) -> Iterator[Sequence[StoredReading]]:
    sister = piece.plant.machines[memory.machine].like
    lender = piece.memories.get(sister) if sister is not None else None
    if lender is None or not memory.lacks_baseline():
        return iter([rows])
    return borrow(memory, lender, rows, piece.write, piece.plant.store.snapshot_rows)


def _new_values(plant: Plant, readings: Sequence[SeenReading], late: Sequence[int]) -> list[Slotted]:
    """Of the late readings, by slot, those that say of a sensor what nobody had said before; corrections are left out.

    A revision of a wide row, in which a value was missing at first, is a correction.
    """
    found: list[Slotted] = []
    given: dict[tuple[str, str, datetime], set[str]] = {}
    if all(slot == NEVER for slot in late):
        return found
    for (row, _), slot in zip(readings, late, strict=True):
        before = given.setdefault((row.source, row.machine, row.at), set())
        new = {name: value for name, value in row.values.items() if name not in before}
        before |= row.values.keys()
        if slot == NEVER:
            continue
        wide = feeds_of(plant, row.machine).get(row.source, Feed()).sensors
        if not row.revision or (new and not wide):
            found.append((slot, row._replace(values=new)))
    return sorted(found, key=lambda one: one[0])


def _collect(piece: Piece, results: Results) -> None:
    results.add("findings", map(finding_cells, piece.write.findings))
    results.add("board", map(finding_cells, piece.board.values()))
    results.add("machine_windows", map(window_cells, windows.as_rows(piece.windows)))
    for memory in piece.memories.values():
        if memory.last is not None:
            results.add("detector_states", map(state_cells, memory.save(memory.last)))
