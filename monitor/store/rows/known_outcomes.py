"""The newest outcomes of a characteristic that were known at an instant, for a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import chunked, fetch_rows, select_columns
from monitor.store.rows.outcomes import is_usable

_LOOK = 2
"""So many times as many rows as parts are read: a part may have several outcomes."""


class KnownOutcome(NamedTuple):
    """The last word on a part by an instant."""

    arrival: int
    serial: str
    at: datetime
    available_at: datetime
    value: float


def known_outcomes(
    connection: sa.Connection, characteristic: str, now: datetime, arrival: int, parts: int
) -> list[KnownOutcome]:
    """The last outcomes of the newest `parts` parts available at `now`, from rows up to `arrival`.

    In the order in which they became available.
    """
    o = t.outcome.c
    wanted = (o.characteristic == characteristic, is_usable(o.value), o.available_at <= now, o.arrival <= arrival)
    query = select_columns(KnownOutcome, t.outcome).where(*wanted)
    newest = query.order_by(o.available_at.desc(), o.arrival.desc()).limit(_LOOK * parts)
    last: dict[str, KnownOutcome] = {}
    for row in fetch_rows(connection, KnownOutcome, newest):
        if len(last) < parts or row.serial in last:
            last.setdefault(row.serial, row)
    return list(last.values())[::-1]


def passed_at(connection: sa.Connection, step: str, outcomes: Sequence[KnownOutcome], arrival: int) -> list[datetime]:
    """When the part of each outcome passed the step before it was measured; without such a passage, its own time."""
    p = t.part_step.c
    passages: dict[str, list[datetime]] = {}
    for chunk in chunked(outcome.serial for outcome in outcomes):
        query = sa.select(p.serial, p.at).where(p.serial.in_(chunk), p.step.concat("") == step, p.arrival <= arrival)
        for serial, at in connection.execute(query):
            passages.setdefault(serial, []).append(at)
    return [
        max((at for at in passages.get(outcome.serial, ()) if at <= outcome.at), default=outcome.at)
        for outcome in outcomes
    ]


def parts_out_of_distribution(connection: sa.Connection, gate: str, serials: Sequence[str], arrival: int) -> int:
    """How many of these parts the gate's model called out of distribution at their last passage up to `arrival`."""
    d = t.decision.c
    last: dict[str, tuple[datetime, bool]] = {}
    for chunk in chunked(serials):
        query = sa.select(d.serial, d.at, d.distance, d.distance_limit).where(
            d.serial.in_(chunk), d.gate.concat("") == gate, d.arrival <= arrival
        )
        for serial, at, distance, limit in connection.execute(query):
            if serial not in last or at >= last[serial][0]:
                last[serial] = at, distance is not None and limit is not None and distance > limit
    return sum(far for _, far in last.values())
