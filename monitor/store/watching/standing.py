"""The newest reported state of each machine."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from exporters.metrics.shared.snapshot import StandingRow
from monitor.model import MachineState
from monitor.store.database import tables as t


def newest_states(connection: sa.Connection, now: datetime) -> dict[str, StandingRow]:
    """The state of each machine at `now`, by time of report; a machine that never reported one is left out.

    Of several reports for one instant the one that arrived last counts. A few index lookups a machine.
    """
    newest: dict[str, StandingRow] = {}
    machine = connection.scalar(_FIRST)
    while machine is not None:
        of_machine = {"machine": machine, "now": now}
        last = connection.execute(_newest_report(), of_machine).one_or_none()
        if last is not None:
            ran = connection.execute(_newest_run(), of_machine).one_or_none()
            newest[machine] = StandingRow(MachineState(last.state), None if ran is None else ran.at)
        machine = connection.scalar(_NEXT, {"machine": machine})
    return newest


_MACHINE = t.machine_state.c.machine
_FIRST = sa.select(sa.func.min(_MACHINE))
_NEXT = _FIRST.where(sa.bindparam("machine") < _MACHINE)


@cache
def _newest_report() -> sa.Select[Any]:
    s, later = t.machine_state.c, t.machine_state.alias().c
    replaced = sa.exists(
        sa.select(later.arrival).where(later.machine == s.machine, later.at == s.at, later.arrival > s.arrival)
    )
    by_now: sa.BindParameter[datetime] = sa.bindparam("now")
    reported = sa.select(s.state, s.at).where(s.machine == sa.bindparam("machine"), s.at <= by_now, ~replaced)
    return reported.order_by(s.at.desc()).limit(1)


@cache
def _newest_run() -> sa.Select[Any]:
    return _newest_report().where(t.machine_state.c.state == MachineState.RUN)
