"""Values beside their limits, and estimates before outcomes, as text."""

from __future__ import annotations

from collections.abc import Iterable

from exporters.html.formatting import number
from exporters.metrics.shared.snapshot import BoardRow
from monitor.detection import ESTIMATE, ESTIMATE_LIGHT, ESTIMATED_ERROR
from monitor.model import Status


def with_limit(row: BoardRow | None, unit: str = "") -> str:
    """A value with its limit and unit; '-' where there is none."""
    if row is None or row.value is None:
        return "-"
    limit = f" of {number(row.limit)}" if row.limit is not None else ""
    return f"{number(row.value)}{limit} {unit}".rstrip()


def estimated_error(rows: Iterable[BoardRow], unit: str) -> str:
    """The estimated error of a gate from its rows of the board, and why it should not be believed, if so."""
    found = {row.method: row for row in rows if row.detector == ESTIMATE}
    light = found.get(ESTIMATE_LIGHT)
    said = with_limit(found.get(ESTIMATED_ERROR), unit)
    if light is None or light.value is None or light.status == Status.OK:
        return said
    why = f"not to be believed: {', '.join(light.causes)}" if light.causes else "too few parts, or too alike, to say"
    return f"{said} ({why})"
