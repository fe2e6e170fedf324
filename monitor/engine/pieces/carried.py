"""Machines of one piece judged as their rows come: what is carried from one batch of rows to the next. Pure.

Slots are those of a backfill, with the newest row as the clock: a reading is judged when rows of its slot's time have
come. So batches cut as they may find what a backfill finds, if rows come in the order in which they became available.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from monitor.engine.pieces.intake import SeenReading, in_order, judged_slots, take_in
from monitor.engine.pieces.machines import Piece, judge_all, newest_in
from monitor.engine.pieces.packing import packed, unpacked
from monitor.engine.pieces.results import Results, finding_cells
from monitor.engine.pieces.timing import NEVER, Judging, Span
from monitor.engine.pieces.units import NOBODY, MachineUnits, newest_of
from monitor.pipeline.joining import JoinState
from monitor.pipeline.machines import MachineMemory
from monitor.plant.plant import Plant
from monitor.plant.sources import ReadingSource
from monitor.sources.typed.arrays import UNREADABLE, Micros
from monitor.sources.typed.plan import make_plan
from monitor.sources.typed.rows import cursor_times
from monitor.store.rows.readings import JudgedSpan

_VERSION = 1
_MICRO = timedelta(microseconds=1)
KEPT = timedelta(hours=6)
"""How long rows are kept beyond the clock: a repetition or correction of an older row counts as a late row."""
_STATES = 200
"""The newest rows of machine states that are kept."""


@dataclass(slots=True)
class Carried:
    """What is known of a piece between two batches: up to which slot it was judged (us; None: nothing yet), rows that
    may still matter by source, and by machine the saved states of its detectors."""

    clock: int | None = None
    rows: dict[str, pa.Table] = field(default_factory=dict)
    machines: dict[str, dict[str, Any]] = field(default_factory=dict)

    def save(self) -> str:
        """As JSON text."""
        rows = {source: base64.b64encode(packed(table)).decode() for source, table in self.rows.items()}
        return json.dumps({"version": _VERSION, "clock": self.clock, "rows": rows, "machines": self.machines})

    @classmethod
    def restore(cls, text: str) -> Carried:
        """What was saved; ValueError if that is of another version."""
        saved = json.loads(text)
        if saved.get("version") != _VERSION:
            raise ValueError("the saved state of a stream is of another version; begin the stream anew")
        tables = {source: unpacked([base64.b64decode(content)]) for source, content in saved["rows"].items()}
        return cls(saved["clock"], {s: t for s, t in tables.items() if t is not None}, saved["machines"])


def judge_more(
    plant: Plant, units: MachineUnits, unit: str, carried: Carried, tables: Mapping[str, pa.Table], span: Span
) -> tuple[Carried, Results]:
    """Judge what new rows of a unit make judgeable; what to carry on, and the findings. `tables`: as for a backfill."""
    results = Results()
    if unit == NOBODY or unit not in units.groups:
        return carried, results
    rows = {source: _joined(carried.rows.get(source), tables.get(source)) for source in carried.rows | dict(tables)}
    taken = take_in(plant, rows, span, Results())
    feeds, members = units.groups[unit]
    judging = Judging(feeds, span)
    clock = _clock(plant, rows, judging)
    if clock is None or (carried.clock is not None and clock <= carried.clock):
        return Carried(carried.clock, rows, carried.machines), results
    slots, _ = judged_slots(judging, taken.readings, newest_in(rows.get(newest_of(members))))
    piece = Piece(plant, {machine: _memory(plant, machine, carried) for machine in units.machines[unit]})
    judge_all(piece, in_order(*_between(taken.readings, slots, carried.clock, clock)), taken.states, (), judging)
    results.add("findings", map(finding_cells, piece.write.findings))
    saved = {machine: _saved(memory) for machine, memory in piece.memories.items()}
    return Carried(clock, _kept(plant, rows, clock), saved), results


def _joined(before: pa.Table | None, new: pa.Table | None) -> pa.Table:
    tables = [table for table in (before, new) if table is not None]
    return pa.concat_tables(tables, promote_options="permissive")


def _between(
    readings: Sequence[SeenReading], slots: Micros, after: int | None, until: int
) -> tuple[Sequence[SeenReading], Micros]:
    """The readings of slots in (after, until]."""
    chosen = (slots <= until) & (slots != NEVER)
    if after is not None:
        chosen &= slots > after
    places = np.flatnonzero(chosen).tolist()
    return [readings[i] for i in places], slots[places]


def _clock(plant: Plant, rows: Mapping[str, pa.Table], judging: Judging) -> int | None:
    """The newest slot of whose time all rows have come, as far as sources of readings tell; None before the first."""
    newest = [
        int(places.max())
        for source, table in rows.items()
        if isinstance(plant.sources.get(source), ReadingSource) and len(places := _places(plant, source, table))
    ]
    if not newest:
        return None
    after = int(judging.slot_of(np.array([min(newest) + 1]))[0])
    return after - judging.every


def _places(plant: Plant, source: str, table: pa.Table) -> Micros:
    """When the rows became available, as far as that can be read."""
    config = plant.sources[source]
    column = config.available_at or config.at
    plan = make_plan(config, plant)
    blank = dict.fromkeys(plan.columns, [None] * len(table)) | {column.column: table.column(column.column).to_pylist()}
    micros = cursor_times(list(zip(*blank.values(), strict=True)), plan).micros
    delay = timedelta(0) if config.available_at else config.delay
    return np.where(micros == UNREADABLE, UNREADABLE, micros + delay // _MICRO)


def _memory(plant: Plant, machine: str, carried: Carried) -> MachineMemory:
    memory = MachineMemory(plant, machine)
    saved = carried.machines.get(machine)
    if saved is not None:
        memory.states = [d.restore(saved["detectors"][d.name]) for d in memory.detectors]
        memory.joined = JoinState.restore(saved["joined"])
        if saved["until"] is not None:
            memory.last = JudgedSpan(machine, datetime.fromisoformat(saved["until"]), None, 0)
    return memory


def _saved(memory: MachineMemory) -> dict[str, Any]:
    detectors = {d.name: d.save(state) for d, state in zip(memory.detectors, memory.states, strict=True)}
    until = None if memory.until is None else memory.until.isoformat()
    return {"detectors": detectors, "joined": memory.joined.save(), "until": until}


def _kept(plant: Plant, rows: Mapping[str, pa.Table], clock: int) -> dict[str, pa.Table]:
    """The rows that may still matter: pending ones, those by which repetitions are known, and the newest states."""
    since = clock - KEPT // _MICRO
    kept: dict[str, pa.Table] = {}
    for source, table in rows.items():
        if source not in plant.sources:
            kept[source] = _newest_kept(table, since)
        elif isinstance(plant.sources[source], ReadingSource):
            kept[source] = table.filter(pa.array(_places(plant, source, table) > since))
        else:
            order = np.argsort(_places(plant, source, table), kind="stable")[-_STATES:]
            kept[source] = table.take(pa.array(order))
    return kept


def _newest_kept(table: pa.Table, since: int) -> pa.Table:
    """How far a group had been read: older slots in one, which has what matters of them."""
    slots, newest = (np.asarray(table.column(name).to_numpy(), np.int64) for name in ("slot", "newest"))
    old = slots <= since
    if not old.any():
        return table
    first = [int(slots[old].max())], [int(newest[old].max())]
    return pa.table({"slot": [*first[0], *slots[~old].tolist()], "newest": [*first[1], *newest[~old].tolist()]})
