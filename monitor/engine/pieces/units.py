"""Which rows one partition function needs together: machines with those whose baseline they borrow. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from monitor.engine.pieces.packing import SITE, Parcel, cut, packed
from monitor.engine.pieces.raw import require_columns
from monitor.engine.pieces.timing import Judging, Slots, Span, seen_at
from monitor.pipeline.feeds import PullFeed, machine_groups
from monitor.pipeline.machines import lenders
from monitor.plant.plant import Plant
from monitor.plant.sources import ReadingSource, StateSource
from monitor.sources.typed.arrays import UNREADABLE, Micros
from monitor.sources.typed.columns import text_column
from monitor.sources.typed.plan import Plan, make_plan
from monitor.sources.typed.times import Times, read_times

NOBODY = ""
"""The unit of rows that name no machine of the plant file: they are typed, and refused."""
_NEWEST = " newest"
"""What is derived of a group of machines goes under this, after the group's first machine."""


@dataclass(frozen=True, slots=True)
class MachineUnits:
    """How a plant's machines are cut: by machine its unit, by unit its machines in the order in which they are judged.

    `groups`: by unit the pulls that feed it and all machines that these feed, whose rows say what came too late.
    """

    of_machine: Mapping[str, str]
    machines: Mapping[str, Sequence[str]]
    groups: Mapping[str, tuple[tuple[PullFeed, ...], Sequence[str]]]


def machine_units(plant: Plant) -> MachineUnits:
    """The units of a plant, each named after the machine that learns by itself."""
    of_machine: dict[str, str] = {}
    machines: dict[str, list[str]] = {}
    groups: dict[str, tuple[tuple[PullFeed, ...], Sequence[str]]] = {}
    for feeds, members in machine_groups(plant).items():
        for machine in sorted(members, key=lambda name: (lenders(plant, name), name)):
            unit = of_machine[machine] = root_of(plant, machine, members)
            machines.setdefault(unit, []).append(machine)
            groups[unit] = feeds, members
    return MachineUnits(of_machine, machines, groups)


def root_of(plant: Plant, machine: str, members: Collection[str]) -> str:
    """The machine whose baseline this one borrows in the end, among these; itself if it borrows none."""
    like = plant.machines[machine].like
    return machine if like is None or like not in members else root_of(plant, like, members)


def newest_of(group: Sequence[str]) -> str:
    """Under which name goes how far a group of machines had been read."""
    return f"{group[0]}{_NEWEST}"


def machine_parcels(plant: Plant, source: str, table: pa.Table, units: MachineUnits, span: Span) -> Iterator[Parcel]:
    """The rows of a source of readings or machine states, by site and unit; with them, how far groups were read."""
    config = plant.sources[source]
    plan = make_plan(config, plant)
    require_columns(table, plan.columns, source)
    names = text_column(table.column(plan.member.column).to_pylist(), plan.member.codes)  # type: ignore[union-attr]
    keys = pa.array([units.of_machine.get(name, NOBODY) for name in names], pa.string())
    for site, rows in _by_site(table.append_column(_UNIT, keys).append_column(_MACHINE, pa.array(names, pa.string()))):
        for unit, of_unit in cut(rows, rows.column(_UNIT)):
            yield Parcel(site, unit, source, packed(of_unit.select(list(plan.columns))))
        if isinstance(config, ReadingSource) and config.available_at is not None:
            yield from _newest(plant, plan, site, rows, units, span)


_UNIT, _MACHINE = " unit", " machine"
"""Columns that are added to a source's own."""


def _by_site(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    return cut(table, table.column(SITE).cast(pa.string()))


def _newest(plant: Plant, plan: Plan, site: str, rows: pa.Table, units: MachineUnits, span: Span) -> Iterator[Parcel]:
    """By group of machines: the slots in which these rows became judgeable, each with the newest instant among them.

    Rows that are refused for their numbers count here, unlike when they are judged.
    """
    names = rows.column(_MACHINE)
    for feeds, members in dict.fromkeys((f, tuple(m)) for f, m in units.groups.values()):
        mine = rows.filter(pa.compute.is_in(names, pa.array(members, pa.string())))
        at, available = _times(mine, plan)
        readable = (at != UNREADABLE) & (available != UNREADABLE)
        at, available = at[readable], available[readable]
        if not len(at):
            continue
        seen = seen_at(at, available, Slots(plan.config.every, span), plant.clock_skew)
        slots = Judging(feeds, span).ready(at, seen)
        table = pa.table({"slot": slots, "newest": at}).group_by("slot").aggregate([("newest", "max")])
        content = packed(table.rename_columns(["slot", "newest"]))
        for unit in dict.fromkeys(units.of_machine[machine] for machine in members):
            yield Parcel(site, unit, newest_of(members), content)


def _times(rows: pa.Table, plan: Plan) -> tuple[Micros, Micros]:
    """When each row happened and when it became available; UNREADABLE where that cannot be read."""
    config = plan.config
    own, available = (
        _usable(read_times(rows.column(column.column).to_pylist(), column))
        for column in (config.at, config.available_at or config.at)
    )
    return own, available


def _usable(times: Times) -> Micros:
    micros = times.micros.copy()
    micros[list(times.faults)] = UNREADABLE
    return micros


def machine_sources(plant: Plant) -> list[str]:
    """The sources that say something of machines."""
    return [name for name, config in plant.sources.items() if isinstance(config, ReadingSource | StateSource)]
