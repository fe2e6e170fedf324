"""The worst machine of a step: what the anomaly scores of its machines say together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from monitor.detection import ANOMALY, WORST_MACHINE
from monitor.model import Finding, Status

DETECTOR, METHOD = ANOMALY, WORST_MACHINE


STANDS = timedelta(hours=1)
"""A machine whose last judged sample lies this far behind the step's newest one is left out: it does not run."""


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
