"""What happened in the plant since an instant: changes of models and recipes, and stops of machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, pairwise
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import MachineState, RetrainingState
from monitor.store.database import tables as t
from monitor.store.database.rows import fetch_rows


class ModelChange(NamedTuple):
    """Another version came into force at a gate; `back` if a person rolled back to it."""

    gate: str
    at: datetime
    version: str
    back: bool


class RecipeChange(NamedTuple):
    """A machine's first part by another recipe than the part before."""

    machine: str
    at: datetime
    before: str
    recipe: str


class Stop(NamedTuple):
    """A machine reported a state without a break, up to its next report of another one."""

    machine: str
    state: MachineState
    at: datetime
    until: datetime


class Report(NamedTuple):
    """What a machine reported at an instant."""

    machine: str
    at: datetime
    state: str


def model_changes(connection: sa.Connection, since: datetime) -> list[ModelChange]:
    """The changes that retraining and rollbacks made, and those by which the present models came into force.

    Of models that a person trained, or that were a gate's first, no more is kept.
    """
    r, m = t.retraining.c, t.model_in_force.c
    ended = r.state.in_((RetrainingState.PROMOTED, RetrainingState.ROLLED_BACK)), r.finished_at >= since
    rows = connection.execute(sa.select(r.gate, r.finished_at, r.challenger, r.state).where(*ended)).all()
    found = [ModelChange(*row[:3], row.state == RetrainingState.ROLLED_BACK) for row in rows]
    told = {(one.gate, one.at) for one in found}
    in_force = connection.execute(sa.select(m.gate, m.since, m.version).where(m.since >= since)).all()
    found += [ModelChange(*row, False) for row in in_force if (row.gate, row.since) not in told]
    return sorted(found, key=lambda one: (one.at, one.gate))


def recipe_changes(connection: sa.Connection, since: datetime, most: int) -> tuple[list[RecipeChange], int]:
    """The newest changes of recipe at the machines, at most so many, by the parts as first recorded; and all of them.

    Parts without a recipe or machine are passed over.
    """
    p = t.part_step.c
    before = sa.func.lag(p.recipe).over(partition_by=p.machine, order_by=(p.at, p.arrival)).label("before")
    told = p.at >= since, p.revision == 0, p.machine != "", p.recipe != ""
    passed = sa.select(p.machine, p.at, before, p.recipe).where(*told).subquery().c
    changed = sa.select(passed.machine, passed.at, passed.before, passed.recipe, sa.func.count().over())
    newest = changed.where(passed.before != passed.recipe).order_by(passed.at.desc(), passed.machine).limit(most)
    rows = connection.execute(newest).all()
    return [RecipeChange._make(row[:4]) for row in rows], rows[0][4] if rows else 0


def stops(connection: sa.Connection, since: datetime) -> list[Stop]:
    """The stretches in which machines were set up or down and that began and ended since then, in order of time."""
    s = t.machine_state.c
    query = sa.select(s.machine, s.at, s.state).where(s.at >= since).order_by(s.machine, s.at, s.arrival)
    found = stretches(fetch_rows(connection, Report, query))
    stopped = (MachineState.SETUP, MachineState.DOWN)
    return sorted((one for one in found if one.state in stopped), key=lambda one: (one.at, one.machine))


def stretches(reports: Iterable[Report]) -> Iterator[Stop]:
    """The ended stretches of each state, from reports in order of machine and time; of one instant the last counts.

    The first report of a machine begins none: since when it holds is not known.
    """
    for machine, of_machine in groupby(reports, key=lambda report: report.machine):
        last = {report.at: report.state for report in of_machine}
        turns: list[tuple[datetime, str]] = []
        for at, state in last.items():
            if not turns or turns[-1][1] != state:
                turns.append((at, state))
        for (at, state), (until, _) in pairwise(turns[1:]):
            yield Stop(machine, MachineState(state), at, until)


class Anew(NamedTuple):
    """People let a machine's baseline start anew, of one recipe or (None) of all, and said why."""

    machine: str
    recipe: str | None
    at: datetime
    reason: str


def baselines_anew(connection: sa.Connection, since: datetime) -> list[Anew]:
    """The baselines that people let start anew, in order."""
    f = t.forgotten_baseline.c
    query = sa.select(f.machine, f.recipe, f.at, f.reason).where(f.at >= since).order_by(f.at, f.id)
    return list(fetch_rows(connection, Anew, query))


def has_states(connection: sa.Connection) -> bool:
    """Whether any machine ever reported a state."""
    return connection.execute(sa.select(t.machine_state.c.arrival).limit(1)).first() is not None
