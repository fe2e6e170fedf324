"""A complete history of the demo plant: every row of its databases with its posting time, and the ground truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from monitor.errors import UsageError
from monitor.model import Floats
from monitor.simulator.faults import DEFAULT_SCRIPT, Fault, FaultTruth, check_script, initial_truth
from monitor.simulator.flow import Flow, run_line
from monitor.simulator.inspection import inspect_parts
from monitor.simulator.parts import (
    FORGING,
    Blades,
    FaultEffects,
    Orders,
    add_trials,
    apply_faults,
    draw_blades,
    draw_orders,
    resonance_of,
)  # fmt: skip
from monitor.simulator.records import Names, record_steps, record_tests
from monitor.simulator.shifts import WORK_DAY_MS, Shifts, shifts_between, to_datetime, to_ms
from monitor.simulator.signals import record_signals
from monitor.simulator.tables import Rows, sort_by_posting
from monitor.simulator.truth import truth_as_json

PARTS_PER_DAY = 240
_COMMISSIONING_PER_DAY = 60
_WARM_UP = timedelta(hours=28)
"""How long the line runs before the history begins, with unrecorded parts of an earlier order, so that every machine
is running from the first sample, including the test rig, which parts reach after a day."""
_COMMISSIONING_ENDS = timedelta(days=4)
"""Time before the start: a day to the final test, and a margin."""


@dataclass(frozen=True, slots=True)
class History:
    """Rows of both databases in posted order, and the ground truth as JSON values.

    The plant runs from `start` to `end`; `end` is `start` + days + extra hours, and `days_end` is where the days end.
    Outcomes of the last parts are posted after `end`; `last_posted` is the time of the last row.
    """

    start: datetime
    days_end: datetime
    end: datetime
    tables: tuple[Rows, ...]
    truth: Mapping[str, Any]

    @property
    def first_posted(self) -> datetime:
        """When the first row was posted."""
        return to_datetime(min(int(rows.posted[0]) for rows in self.tables if len(rows)))

    @property
    def last_posted(self) -> datetime:
        """When the last row is posted."""
        return to_datetime(max(int(rows.posted[-1]) for rows in self.tables if len(rows)))

    def rows_of(self, table: str) -> Rows:
        """The rows of the table of that name."""
        return next(rows for rows in self.tables if rows.table.name == table)


@dataclass(frozen=True, slots=True)
class _Campaign:
    """A series of parts: their rows in the MES, and the truth by serial."""

    rows: tuple[Rows, ...]
    dirt: Mapping[str, int]
    resonance: Mapping[str, float]
    finish: Mapping[str, str]
    faults: tuple[FaultTruth, ...]


def simulate(
    seed: int = 1,
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC),
    days: float = 5.0,
    faults: Sequence[Fault] = DEFAULT_SCRIPT,
    commissioning_parts: int = 900,
    extra_hours: float = 0.0,
) -> History:
    """The history of a plant that goes live at `start` (aware).

    Faults that would begin after the end are left out. During the extra hours the line continues as before.
    """
    start = _checked_start(start, days, extra_hours, commissioning_parts)
    check_script(faults)
    days_end, end = start + timedelta(days=days), start + timedelta(days=days, hours=extra_hours)
    script = [fault for fault in faults if start + fault.start_offset < end]
    truths = [initial_truth(fault, start, end) for fault in script]
    seeds = np.random.SeedSequence(seed).spawn(4)
    coat_rngs = [np.random.default_rng(child) for child in seeds[3].spawn(2)]
    early = _commissioning(commissioning_parts, start, np.random.default_rng(seeds[0]), coat_rngs[0])
    rng = np.random.default_rng(seeds[1])
    shifts = shifts_between(start - _WARM_UP, end + timedelta(days=4))
    orders, flow = _fill_line(shifts, (end - start + _WARM_UP) / timedelta(days=1), rng)
    blades = draw_blades(orders, rng)
    effects = apply_faults(blades, orders, flow.passes, truths)
    names = _names(flow, orders, to_ms(start), to_ms(end), commissioning_parts)
    main = _record(effects, orders, flow, names, truths, rng, coat_rngs[1], dirty=True)
    signals = record_signals(
        flow, effects.recipe, script, truths, to_ms(start), to_ms(end), np.random.default_rng(seeds[2])
    )
    tables = _join_tables([*early.rows, *main.rows]) + signals.rows
    dirt = _sum_counts(early.dirt, main.dirt, signals.dirt)
    truth = truth_as_json(seed, start, end, main.faults, dirt, early.resonance, main.resonance, main.finish)
    return History(start, days_end, end, tables, truth)


def _checked_start(start: datetime, days: float, extra_hours: float, commissioning_parts: int) -> datetime:
    if start.tzinfo is None:
        raise UsageError(f"start {start.isoformat()} is naive: expected a time with an offset")
    if days <= 0 or extra_hours < 0 or commissioning_parts < 0:
        raise UsageError("expected days > 0, extra hours >= 0 and commissioning parts >= 0")
    return start.astimezone(UTC).replace(microsecond=0)


def _fill_line(shifts: Shifts, days: float, rng: np.random.Generator) -> tuple[Orders, Flow]:
    parts = int(np.ceil(days * PARTS_PER_DAY))
    orders = draw_orders(parts, rng)
    release: Floats = np.arange(parts, dtype=np.float64) * (WORK_DAY_MS / PARTS_PER_DAY)
    return orders, run_line(release, orders.recipe, orders.rework, shifts, rng)


def _commissioning(parts: int, start: datetime, rng: np.random.Generator, coat_rng: np.random.Generator) -> _Campaign:
    """Parts made in the weeks before the start; in the first third, one in four is a trial far off target."""
    if parts == 0:
        return _Campaign((), {}, {}, {}, ())
    shifts = shifts_between(start - _COMMISSIONING_ENDS - timedelta(days=parts / _COMMISSIONING_PER_DAY), start)
    orders = draw_orders(parts, rng)
    release: Floats = np.arange(parts, dtype=np.float64) * (WORK_DAY_MS / _COMMISSIONING_PER_DAY)
    flow = run_line(release, orders.recipe, orders.rework, shifts, rng)
    blades: Blades = add_trials(draw_blades(orders, rng), rng)
    effects = apply_faults(blades, orders, flow.passes, ())
    names = Names([_serial(i) for i in range(parts)], _lots(orders, 0))
    return _record(effects, orders, flow, names, (), rng, coat_rng, dirty=False)


def _serial(number: int) -> str:
    return f"B{number + 1:06d}"


def _lots(orders: Orders, first: int) -> list[str]:
    return [f"HT{first + lot + 1:04d}" for lot in range(int(orders.lot[-1]) + 1)]


def _names(flow: Flow, orders: Orders, start: int, end: int, first: int) -> Names:
    """Serials for the parts forged in [start, end), in order of release."""
    forged = flow.passes.where((flow.passes.step == FORGING) & (flow.passes.end >= start) & (flow.passes.end < end))
    recorded = np.zeros(orders.lot.shape, dtype=bool)
    recorded[forged.part] = True
    numbers = first + np.cumsum(recorded) - 1
    serials = [_serial(int(number)) if named else "" for number, named in zip(numbers, recorded, strict=True)]
    return Names(serials, _lots(orders, 1000))


def _record(
    effects: FaultEffects, orders: Orders, flow: Flow, names: Names, truths: Sequence[FaultTruth],
    rng: np.random.Generator, coat_rng: np.random.Generator, dirty: bool,
) -> _Campaign:  # fmt: skip
    steps = record_steps(effects, orders, flow.passes, names, rng, dirty)
    tests, resonance = record_tests(resonance_of(effects, orders, flow.passes), flow.passes, names, rng)
    inspected = inspect_parts(steps.rows[0], orders, flow.passes, names, coat_rng)
    faults = tuple(
        replace(
            truth,
            serials=tuple(names.serials[part] for part in affected.parts if names.serials[part]),
            lots=tuple(names.lots[lot] for lot in affected.lots),
        )
        for truth, affected in zip(truths, effects.affected, strict=True)
    )
    rows, dirt = (inspected.steps, *tests.rows, *inspected.rows), _sum_counts(steps.dirt, tests.dirt)
    return _Campaign(rows, dirt, resonance, inspected.finish, faults)


def _sum_counts(*counts: Mapping[str, int]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)


def _join_tables(tables: Sequence[Rows]) -> tuple[Rows, ...]:
    """The rows of each table, joined."""
    joined = []
    for table in {rows.table.name: rows.table for rows in tables}.values():
        same = [rows for rows in tables if rows.table is table]
        joined.append(sort_by_posting(
            table, np.concatenate([rows.posted for rows in same]), [row for rows in same for row in rows.rows]
        ))  # fmt: skip
    return tuple(joined)
