"""How often the intervals by which a gate of numbers can decide held, read from a store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import sqlalchemy as sa

from monitor.model import Reason
from monitor.plant.gates import GateConfig
from monitor.store.database import tables as t

AFTER = 200
"""Outcomes that had to be known: before, nothing could adapt."""
_BY_MODEL = (Reason.IN_SPEC, Reason.REWORKABLE, Reason.ADJUSTABLE, Reason.OUT_OF_SPEC, Reason.UNCERTAIN)


def lines(connection: sa.Connection, gate: str, config: GateConfig) -> Iterator[str]:
    """The coverage after 200 outcomes of the intervals that could decide, and by lot where there are some; one line.

    Of a part held for another reason than a wide interval nothing counts: there the gate said that it must not decide.
    Intervals that were wide enough to hold a part do count: those that decided are the narrow ones among them.
    """
    d, o, p = t.decision.c, t.outcome.c, t.part_step.c
    known = sa.select(o.serial, o.value, o.available_at).where(
        o.characteristic == config.characteristic, o.value.is_not(None)
    )
    outcomes = connection.execute(known.order_by(o.available_at, o.arrival)).all()
    if len(outcomes) <= AFTER:
        return
    values, start = {row.serial: row.value for row in outcomes}, outcomes[AFTER - 1].available_at
    query = sa.select(d.serial, d.reason, d.lower, d.upper, d.forecast, p.lot).join(
        t.part_step, sa.and_(p.arrival == d.arrival, p.serial == d.serial)
    )
    inside: list[bool] = []
    by_lot: dict[str, list[bool]] = defaultdict(list)
    for row in connection.execute(query.where(d.gate == gate, d.decided_at >= start)):
        bounds = _bounds(row)
        if bounds is not None and row.serial in values:
            inside.append(bounds[0] <= values[row.serial] <= bounds[1])
            by_lot[row.lot].append(inside[-1])
    if inside:
        lots = [float(np.mean(found)) for lot, found in by_lot.items() if lot]
        of_lots = f", a lot {np.mean(lots):.3f} ({len(lots)} lots)" if lots else ""
        yield (
            f"intervals that could decide after {AFTER} outcomes: {len(inside)}, held {np.mean(inside):.3f} "
            f"of {config.coverage}{of_lots}"
        )


def _bounds(row: sa.Row[tuple[object, ...]]) -> tuple[float, float] | None:
    """The interval by which a part was decided on or could have been."""
    if row.forecast is not None:
        return row.forecast["lower"], row.forecast["upper"]
    return (row.lower, row.upper) if row.reason in _BY_MODEL else None
