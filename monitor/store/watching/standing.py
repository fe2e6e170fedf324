"""The newest reported state of each machine."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from exporters.metrics.shared.snapshot import StandingRow
from monitor.model import MachineState
from monitor.store.database import tables as t


def newest_states(connection: sa.Connection, now: datetime) -> dict[str, StandingRow]:
    """The state of each machine at `now`, by time of report; a machine that never reported one is left out.

    Of several reports for one instant the one that arrived last counts. A few index lookups a machine.
    """
    s, later = t.machine_state.c, t.machine_state.alias().c
    replaced = sa.exists(
        sa.select(later.arrival).where(later.machine == s.machine, later.at == s.at, later.arrival > s.arrival)
    )
    newest: dict[str, StandingRow] = {}
    machine = connection.scalar(sa.select(sa.func.min(s.machine)))
    while machine is not None:
        reported = sa.select(s.state, s.at).where(s.machine == machine, s.at <= now, ~replaced)
        newest_first = reported.order_by(s.at.desc()).limit(1)
        last = connection.execute(newest_first).one_or_none()
        if last is not None:
            ran = connection.execute(newest_first.where(s.state == MachineState.RUN)).one_or_none()
            newest[machine] = StandingRow(MachineState(last.state), None if ran is None else ran.at)
        machine = connection.scalar(sa.select(sa.func.min(s.machine)).where(s.machine > machine))
    return newest
