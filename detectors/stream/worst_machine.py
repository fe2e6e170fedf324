"""The worst machine of a step: the anomaly scores of its machines in one finding."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from monitor.detection import ANOMALY, WORST_MACHINE
from monitor.model import Finding, Status

DETECTOR, METHOD = ANOMALY, WORST_MACHINE


STOPPED_AFTER = timedelta(hours=1)
"""A machine counts as stopped if its last judged sample is older than the step's newest one by more than this."""


def worst_machine(step: str, machines: Sequence[Any]) -> Finding:
    """The highest score / limit among the running machines of a step; causes: the machines in breach, worst first.

    The step is in breach when a machine is. The status of a machine decides, not its latest score, because a status
    changes only after several rows (`Patience`).
    """
    newest = max(row.at for row in machines)
    running = [row for row in machines if row.at >= newest - STOPPED_AFTER]
    ratio = {row.subject: row.value / row.limit for row in running if row.value is not None and row.limit}
    statuses = {row.subject: Status(row.status) for row in running}
    order = sorted(statuses, key=lambda name: (-ratio.get(name, float("-inf")), name))
    causes = tuple(name for name in order if statuses[name] is Status.BREACH)
    precedence = (Status.BREACH, Status.OK, Status.CANNOT_JUDGE, Status.NO_DATA)
    status = next(status for status in precedence if status in statuses.values())
    return Finding(
        DETECTOR, METHOD, step, "", newest, status, max(ratio.values(), default=None), 1.0, causes=causes, step=step
    )
