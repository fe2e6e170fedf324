"""Anomaly scores of machines rolled up to their step: on the board beside them, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from detectors.stream.worst_machine import DETECTOR, METHOD, worst_machine
from monitor.model import Finding
from monitor.store.database import tables as t


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
