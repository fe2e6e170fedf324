"""`gatewatch savings`: what the gates saved, by month, as text and as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from exporters.html.formatting import aligned, escape_controls
from exporters.report.savings import curve_rows, month_rows, said_of, too_few
from exporters.report.values import LineMonth, SavedMonth
from monitor.clock import Clock
from monitor.errors import UsageError
from monitor.gate_models.plant_files import PastCosts
from monitor.model import JsonObject
from monitor.plant.file.load import LoadedPlant
from monitor.store.database.schema import open_existing
from monitor.store.report.savings import (
    MonthsSaved,
    month_of,
    months_of,
    newest_decided,
    read_savings,
    stored_savings,
)

_MONTHS = 3
"""How many are shown by default."""


def plant_savings(loaded: LoadedPlant, clock: Clock, month: str | None) -> MonthsSaved:
    """What is known now of a month (YYYY-MM, UTC), or of the newest ones with decisions.

    Made of the decisions; of a month of which more parts are stored, from what was stored of it.
    """
    chosen = None if month is None else _month(month)
    if not any(gate.costs is not None for gate in loaded.plant.gates.values()):
        raise UsageError("no gate has costs, so nothing says what a decision saved; expected gates.NAME.costs")
    store = open_existing(loaded.plant.store.url)
    try:
        with store.read() as connection:
            newest = newest_decided(connection, loaded.plant)
        now = clock.now() if newest is None else max(clock.now(), newest)
        last = chosen or month_of(newest or now)
        first = chosen or month_of(last, 1 - _MONTHS)
        months = months_of(first, month_of(last, 1))
        found = read_savings(store, loaded.plant, PastCosts(store, loaded.path.parent), months, now)
        with store.read() as connection:
            stored = stored_savings(connection, loaded.plant, first, month_of(last, 1))
    finally:
        store.close()
    return _fuller(found, stored)


def _month(text: str) -> datetime:
    try:
        month = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
        month_of(month, 1)  # the last one of all has no end
    except ValueError:
        raise UsageError(f"--month {text!r}: expected a month such as 2026-11") from None
    return month


def _fuller(found: MonthsSaved, stored: MonthsSaved) -> MonthsSaved:
    """Each gate and month from where it has more parts; months without a part are left out."""
    known = {(one.month, one.gate): one for one in stored.gates}
    best = [max(one, known.get((one.month, one.gate), one), key=lambda row: row.parts) for one in found.gates]
    gone = {one.month for one, used in zip(found.gates, best, strict=True) if one is not used}
    lines = [one for one in found.lines if one.month not in gone] + [one for one in stored.lines if one.month in gone]
    gates = tuple(one for one in best if one.parts)
    months = {one.month for one in gates}
    return MonthsSaved(gates, tuple(sorted((one for one in lines if one.month in months), key=lambda one: one.month)))


def as_text(found: MonthsSaved, currency: str = "") -> str:
    """For a terminal: a table a month, and below it the value curve of each line."""
    if not found.gates:
        return "No gate with costs decided in this time.\n"
    lines: list[str] = []
    for month in dict.fromkeys(one.month for one in found.gates):
        gates = [one for one in found.gates if one.month == month]
        lines += [f"{month:%Y-%m}: {said_of(gates, currency)}", *_table(month_rows(gates, currency))]
        lines += [*too_few(gates), ""]
        for curve in (one for one in found.lines if one.month == month):
            title = f"line {curve.line}: what stopping every failed part after a step would have saved"
            lines += [title, *_table(curve_rows(curve, currency)), ""]
    return escape_controls("\0".join(lines[:-1])).replace("\\x00", "\n") + "\n"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Names, then columns of numbers."""
    return aligned(rows, range(1, len(rows[0])))


def as_values(found: MonthsSaved, currency: str = "") -> JsonObject:
    """The fields that docs/explanation/savings.md describes."""
    return {
        "currency": currency or None,
        "gates": [_gate(one) for one in found.gates],
        "lines": [_line(one) for one in found.lines],
    }


def _gate(one: SavedMonth) -> JsonObject:
    wrong = {name: getattr(one, name)._asdict() for name in ("false_scraps", "escapes")}
    return one._asdict() | wrong | {"month": f"{one.month:%Y-%m}", "at": one.at.isoformat()}


def _line(one: LineMonth) -> JsonObject:
    stops = [stop._asdict() for stop in one.stops]
    return {"line": one.line, "month": f"{one.month:%Y-%m}", "at": one.at.isoformat(), "stops": stops}
