"""What a gate's model may be trained on: parts whose outcome was available, with the inputs that the gate saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

import numpy as np
import sqlalchemy as sa

from monitor.model import Floats
from monitor.parts import Passage, gate_input
from monitor.plant import GateConfig
from monitor.store import tables as t
from monitor.store.knowledge import part_history


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Rows in order of time, shape (parts, inputs), with their outcomes and serials.

    A missing value is NaN, and is only there where the gate's model may fill it.
    """

    rows: Floats
    target: Floats
    serials: tuple[str, ...]


def outcomes(connection: sa.Connection, characteristic: str, now: datetime, newest: int) -> dict[str, float]:
    """The last word on each part's characteristic among what was available by `now`: the newest parts."""
    o = t.outcome.c
    known = (o.characteristic == characteristic, o.available_at <= now, o.value.is_not(None))
    last = sa.func.max(o.at)
    parts = sa.select(o.serial, last.label("at")).where(*known).group_by(o.serial).order_by(last.desc(), o.serial)
    newest_parts = parts.limit(newest).subquery()
    mine = sa.and_(o.serial == newest_parts.c.serial, o.at == newest_parts.c.at)
    query = sa.select(o.serial, o.value).join(newest_parts, mine).where(*known).order_by(o.revision)
    return {row.serial: row.value for row in connection.execute(query)}


def count_outcomes(connection: sa.Connection, characteristic: str, now: datetime) -> int:
    """How many parts have an available outcome."""
    o = t.outcome.c
    query = sa.select(sa.func.count(o.serial.distinct())).where(
        o.characteristic == characteristic, o.available_at <= now, o.value.is_not(None)
    )
    return int(connection.execute(query).scalar_one())


def passages(history: Sequence[Any], gate: GateConfig) -> dict[str, tuple[Passage, dict[str, Passage]]]:
    """By serial, the part's last passage through the gate's step with its earlier steps as they were known then."""
    latest: dict[str, dict[str, Passage]] = {}
    found: dict[str, tuple[Passage, dict[str, Passage]]] = {}
    for row in history:
        own = latest.setdefault(row.serial, {})
        passage = Passage(row.arrival, row.serial, row.step, row.visit, row.at, row.values)
        if row.step == gate.step and row.revision == 0:
            found[row.serial] = (passage, dict(own))
        own[row.step] = passage
    return found


def training_set(connection: sa.Connection, gate: GateConfig, now: datetime) -> TrainingSet:
    """The frozen set for a gate at an instant: the same store and instant give the same set."""
    truth = outcomes(connection, gate.characteristic, now, gate.training.max_rows)
    found = passages(part_history(connection, sorted(truth)), gate)
    ordered = sorted(found.items(), key=lambda item: (item[1][0].at, item[0]))
    names = gate.inputs()
    rows: list[list[float]] = []
    serials: list[str] = []
    for serial, (passage, earlier) in ordered:
        values = gate_input(gate, passage, earlier)[0].values
        row = [values[name] for name in names]
        if gate.max_missing or all(map(isfinite, row)):
            rows.append(row)
            serials.append(serial)
    target = np.array([truth[s] for s in serials], dtype=np.float64)
    return TrainingSet(np.array(rows, dtype=np.float64).reshape(len(rows), len(names)), target, tuple(serials))
