"""Which rows of parts one partition function needs together: a gate, its inputs and the gates it rests on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from monitor.engine.pieces.packing import SITE, Parcel, cut, packed
from monitor.engine.pieces.raw import require_columns
from monitor.engine.pieces.units import NOBODY
from monitor.plant.plant import Plant
from monitor.plant.sources import DispositionSource, OutcomeSource, PartSource
from monitor.sources.typed.columns import text_column
from monitor.sources.typed.plan import make_plan

_PREFIX = "step "
"""Units of steps and of machines may have the same names."""


@dataclass(frozen=True, slots=True)
class StepUnit:
    """The gates and steps that are judged together, and the steps whose rows that takes."""

    gates: frozenset[str]
    steps: frozenset[str]
    needs: frozenset[str]


def step_units(plant: Plant) -> dict[str, StepUnit]:
    """The units of a plant's steps by name; a step without a gate is one by itself."""
    units: dict[str, StepUnit] = {}
    for gates in _together(plant):
        steps = frozenset(plant.gates[gate].step for gate in gates)
        needs = steps.union(*(plant.gates[gate].input_steps() for gate in gates))
        units[_PREFIX + min(gates)] = StepUnit(frozenset(gates), steps, needs)
    judged = {step for unit in units.values() for step in unit.steps}
    for step in plant.steps:
        if step not in judged:
            units[f"{_PREFIX}of {step}"] = StepUnit(frozenset(), frozenset([step]), frozenset([step]))
    return units


def is_of_steps(unit: str) -> bool:
    """Whether a unit is one of steps."""
    return unit.startswith(_PREFIX)


def _together(plant: Plant) -> list[set[str]]:
    """The gates of which one's decision may rest on another's.

    A gate uses the predictions of others where it says so; one that decides by cost looks at what all others said of
    the part.
    """
    groups = [{gate} for gate in plant.gates]
    for gate, config in plant.gates.items():
        linked = {gate, *(earlier.gate for earlier in config.earlier)}
        linked |= set(plant.gates) if config.costs is not None else set()
        joined = set().union(*(group for group in groups if group & linked))
        groups = [group for group in groups if not group & linked] + [joined]
    return groups


def step_sources(plant: Plant) -> list[str]:
    """The sources that say something of parts."""
    kinds = PartSource | OutcomeSource | DispositionSource
    return [name for name, config in plant.sources.items() if isinstance(config, kinds)]


def step_parcels(plant: Plant, source: str, table: pa.Table, units: Mapping[str, StepUnit]) -> Iterator[Parcel]:
    """The rows of a source of parts, outcomes or dispositions, by site and unit; UsageError if a column is missing."""
    config = plant.sources[source]
    plan = make_plan(config, plant)
    require_columns(table, plan.columns, source)
    for site, rows in cut(table, table.column(SITE).cast(pa.string())):
        if not isinstance(config, PartSource):
            content = packed(rows.select(list(plan.columns)))
            yield from (Parcel(site, name, source, content) for name, unit in units.items() if unit.gates)
            continue
        column = plan.member.column if plan.member else None
        steps = text_column(rows.column(column).to_pylist(), plan.member.codes if plan.member else None)
        needed = {NOBODY: set(steps) - plant.steps.keys(), **{name: unit.needs for name, unit in units.items()}}
        for name, names in needed.items():
            mine = rows.filter(pa.array([step in names for step in steps], pa.bool_()))
            if len(mine):
                yield Parcel(site, name, source, packed(mine.select(list(plan.columns))))
