"""What the gates of a plant saved, month by month: made of the decisions, and kept beyond them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from exporters.report.values import LineMonth, SavedMonth, StopAt, Wrong
from inference.policy import savings as policy
from inference.policy.followed import PartResult
from inference.policy.stopping import Failed, value_curve
from monitor.model import JsonObject
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.bulk import upsert
from monitor.store.database.database import Store
from monitor.store.report.followed import CostsAt, followed_parts

EVIDENCE_MONTHS = 3
"""Probabilities are recalibrated by the parts of so many months up to the one that is summed up."""
GATE, LINE = "gate", "line"


@dataclass(frozen=True, slots=True)
class MonthsSaved:
    """What gates saved and what earlier stops would have saved, in order of month and then of the plant file."""

    gates: tuple[SavedMonth, ...] = ()
    lines: tuple[LineMonth, ...] = ()


def month_of(at: datetime, later: int = 0) -> datetime:
    """The first instant of the month (UTC) of an aware time, or of one so many months later.

    >>> month_of(datetime(2026, 11, 29, 8, tzinfo=UTC), 2).isoformat()
    '2027-01-01T00:00:00+00:00'
    """
    at = at.astimezone(UTC)
    months = 12 * at.year + at.month - 1 + later
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def months_of(start: datetime, end: datetime) -> list[datetime]:
    """The months that a period touches, from `start` (inclusive) to `end` (exclusive)."""
    found = [month_of(start)]
    while month_of(found[-1], 1) < end:
        found.append(month_of(found[-1], 1))
    return found


def newest_decided(connection: sa.Connection, plant: Plant) -> datetime | None:
    """When the newest part passed that a gate with costs decided on; None without any."""
    d = t.decision.c
    queries = (
        sa.select(sa.func.max(d.at)).where(d.gate == gate) for gate, of in plant.gates.items() if of.costs is not None
    )
    return max((at for query in queries if (at := connection.scalar(query)) is not None), default=None)


def read_savings(
    store: Store, plant: Plant, costs_at: CostsAt, months: Sequence[datetime], now: datetime,
    beat: Callable[[], None] = lambda: None,
) -> MonthsSaved:  # fmt: skip
    """What is known at `now` of consecutive months. `beat` is called now and then."""
    gates: list[SavedMonth] = []
    failed: dict[tuple[str, datetime], list[Failed]] = defaultdict(list)
    for gate, config in plant.gates.items():
        if config.costs is None:
            continue
        with store.read() as connection:
            parts = _Parts(connection, plant, costs_at, gate, now, beat)
            gates += parts.months(months, failed)
    order = list(plant.gates)
    gates.sort(key=lambda one: (one.month, order.index(one.gate)))
    return MonthsSaved(tuple(gates), tuple(_lines(plant, gates, failed, months, now)))


class _Parts:
    """The parts of a gate, a month at a time. Equal results are kept once, so that few need memory."""

    def __init__(
        self, connection: sa.Connection, plant: Plant, costs_at: CostsAt, gate: str, now: datetime,
        beat: Callable[[], None],
    ) -> None:  # fmt: skip
        self._source = connection, plant, costs_at, gate
        self._gate, self._line = gate, plant.steps[plant.gates[gate].step].line
        self._costs = plant.gates[gate].priced()
        self._now, self._beat = now, beat
        self._same: dict[PartResult, PartResult] = {}

    def months(
        self, months: Sequence[datetime], failed: dict[tuple[str, datetime], list[Failed]]
    ) -> Iterator[SavedMonth]:
        """Each month summed up; the parts that failed are added to `failed`, by line and month."""
        if self._costs is None or not months:
            return
        recent: list[list[PartResult]] = []
        for back in range(1 - EVIDENCE_MONTHS, len(months)):
            month = month_of(months[0], back)
            results, lost = self._month(month)
            recent = [*recent[1 - EVIDENCE_MONTHS :], results]
            if month < months[0]:
                continue
            failed[self._line, month] += lost
            calibration = policy.recalibrated(result for of_month in recent for result in of_month)
            found = policy.sum_up(results, self._costs, calibration)
            wrong = {"false_scraps": _told(found.false_scraps), "escapes": _told(found.escapes)}
            yield SavedMonth(self._gate, month, self._now, **{**asdict(found), **wrong})

    def _month(self, month: datetime) -> tuple[list[PartResult], list[Failed]]:
        results, lost = [], []
        for part in followed_parts(*self._source, month, month_of(month, 1), self._now):
            results.append(self._same.setdefault(part.result, part.result))
            if part.failed is not None:
                lost.append(part.failed)
            if len(results) % 1000 == 0:
                self._beat()
        self._beat()
        return results, lost


def _lines(
    plant: Plant, gates: Sequence[SavedMonth], failed: dict[tuple[str, datetime], list[Failed]],
    months: Sequence[datetime], now: datetime,
) -> Iterator[LineMonth]:  # fmt: skip
    """The value curves of the lines that have a gate with costs and a step with a value."""
    for month in months:
        for line in dict.fromkeys(step.line for step in plant.steps.values()):
            steps = [name for name, step in plant.steps.items() if step.line == line]
            values = {name: value for name in steps if (value := plant.steps[name].value) is not None}
            here = [one for one in gates if one.month == month and plant.gates[one.gate].step in steps]
            if values and here:
                curve = value_curve(failed[line, month], steps, values)
                stops = (
                    StopAt(one.step, one.value, one.parts, one.saved, *_caught(plant, one.step, here)) for one in curve
                )
                yield LineMonth(line, month, now, tuple(stops))


def _caught(plant: Plant, step: str, gates: Sequence[SavedMonth]) -> tuple[tuple[str, ...], int]:
    here = [one for one in gates if plant.gates[one.gate].step == step]
    return tuple(one.gate for one in here), sum(one.stopped for one in here)


def keep_savings(connection: sa.Connection, found: MonthsSaved) -> None:
    """Store months, but none of which more parts are stored: since then retention has deleted decisions."""
    s = t.saving.c
    stored = {(row.name, row.month): row.parts for row in connection.execute(sa.select(t.saving).where(s.kind == GATE))}
    kept = [one for one in found.gates if one.parts >= stored.get((one.gate, one.month), 0)]
    left_out = {one.month for one in found.gates} - {one.month for one in kept}
    rows: list[dict[str, object]] = [
        {"kind": GATE, "name": one.gate, "month": one.month, "at": one.at, "parts": one.parts, "content": _content(one)}
        for one in kept
    ]
    rows += [
        {"kind": LINE, "name": one.line, "month": one.month, "at": one.at, "parts": 0,
         "content": {"stops": [stop._asdict() for stop in one.stops]}}
        for one in found.lines
        if one.month not in left_out
    ]  # fmt: skip
    upsert(connection, t.saving, rows)


def stored_savings(connection: sa.Connection, plant: Plant, start: datetime, end: datetime) -> MonthsSaved:
    """The stored months that a period touches, from `start` (inclusive) to `end` (exclusive); gates as in the plant.

    Gates that the plant file no longer has are the last.
    """
    order = {gate: place for place, gate in enumerate(plant.gates)}
    s = t.saving.c
    query = sa.select(t.saving).where(s.month >= month_of(start), s.month < end).order_by(s.month, s.name)
    rows = sorted(connection.execute(query), key=lambda row: (row.month, order.get(row.name, len(order))))
    return MonthsSaved(
        tuple(saved_month(row.name, row.month, row.at, row.content) for row in rows if row.kind == GATE),
        tuple(LineMonth(row.name, row.month, row.at, _stops(row.content)) for row in rows if row.kind == LINE),
    )


def _content(one: SavedMonth) -> JsonObject:
    content = {name: value for name, value in one._asdict().items() if name not in ("gate", "month", "at")}
    return content | {name: getattr(one, name)._asdict() for name in ("false_scraps", "escapes")}


def saved_month(gate: str, month: datetime, at: datetime, content: JsonObject) -> SavedMonth:
    """A month as it is stored."""
    parts = {"false_scraps": content["scrapped"], "escapes": content["continued"]}
    wrong = {name: _wrong(content[name], of) for name, of in parts.items()}
    return SavedMonth(gate, month, at, **{**content, **wrong})


def _wrong(content: JsonObject, parts: int) -> Wrong:
    """As it was stored; an earlier version stored the audit's total, and not of how many parts nobody knows."""
    return Wrong(**content) if "estimate" in content else _told(policy.Wrong(**{"open": parts, **content}))


def _told(found: policy.Wrong) -> Wrong:
    return Wrong(found.known, found.open, found.inspected, found.estimate, found.lower, found.upper)


def _stops(content: JsonObject) -> tuple[StopAt, ...]:
    return tuple(StopAt(**{**stop, "gates": tuple(stop["gates"])}) for stop in content["stops"])
