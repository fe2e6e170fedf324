"""Anomaly scores of machines rolled up to their step: on the board beside them, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from monitor.model import Finding, Status
from monitor.store.database import tables as t

DETECTOR, METHOD = "anomaly", "worst_machine"
STANDS = timedelta(hours=1)
"""A machine whose last judged sample lies this far behind the step's newest one is left out: it does not run."""


def roll_up(connection: sa.Connection, findings: Iterable[Finding]) -> list[Finding]:
    """For each step of which the findings judge a machine, what the board now says of all its machines together.

    From the board and not from the batch: other machines of the step may be another partition's, in another process.
    """
    steps = sorted({f.step for f in findings if f.detector == DETECTOR and f.step})
    if not steps:
        return []
    b = t.board.c
    rows = connection.execute(sa.select(t.board).where(b.detector == DETECTOR, b.method != METHOD, b.step.in_(steps)))
    by_step: dict[str, list[Any]] = {}
    for row in rows:
        by_step.setdefault(row.step, []).append(row)
    return [worst_machine(step, by_step[step]) for step in steps if step in by_step]


def worst_machine(step: str, machines: Sequence[Any]) -> Finding:
    """The highest score / limit among the machines of a step, with the machines in breach as causes, worst first.

    The step is in breach when a machine is: its own status has patience, a single score has none.
    """
    newest = max(row.at for row in machines)
    at_work = [row for row in machines if row.at >= newest - STANDS]
    ratio = {row.subject: row.value / row.limit for row in at_work if row.value is not None and row.limit}
    statuses = {row.subject: Status(row.status) for row in at_work}
    order = sorted(statuses, key=lambda name: (-ratio.get(name, float("-inf")), name))
    causes = tuple(name for name in order if statuses[name] is Status.BREACH)
    best = (Status.BREACH, Status.OK, Status.CANNOT_JUDGE, Status.NO_DATA)
    status = next(status for status in best if status in statuses.values())
    return Finding(
        DETECTOR, METHOD, step, "", newest, status, max(ratio.values(), default=None), 1.0, causes=causes, step=step
    )
