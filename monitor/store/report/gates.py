"""Gates in a report: recommendations, outcomes, prediction errors and model versions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from exporters.html.svg import bar_length
from exporters.report.values import DecisionCounts, Exceedance, GateReport, Realised, Trend, Verdicts, VersionPeriod
from inference.policy.regions import among_likeliest, are_probabilities, verdict_by_rule
from monitor.instants import floor_to
from monitor.model import ClassSpec, Verdict
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.rows import fetch_rows
from monitor.store.report.calibration import RealisedPart, calibration_of
from monitor.store.report.trends import performance
from monitor.store.rows.outcomes import as_passed, belongs_to, is_usable

_BARS = 96
_ERRORS = 160


class _JudgedPart(NamedTuple):
    """A decision in a report; `value` is the part's newest outcome, or None."""

    serial: str
    visit: int
    revision: int
    at: datetime
    decided_at: datetime
    verdict: str
    reason: str
    version: str
    value: float | None


def gates(
    connection: sa.Connection, plant: Plant, start: datetime, end: datetime, trends: Sequence[tuple[str, Trend]]
) -> tuple[GateReport, ...]:
    """Every gate of the plant file."""
    return tuple(_gate(connection, plant, name, start, end, performance(trends, name)) for name in plant.gates)


def _gate(
    connection: sa.Connection,
    plant: Plant,
    name: str,
    start: datetime,
    end: datetime,
    measured: tuple[tuple[Trend, ...], tuple[Exceedance, ...]],
) -> GateReport:
    config, classes = plant.gates[name], plant.classes_of(plant.gates[name])
    decisions = list(_decisions(connection, name, config.step, start, end))
    realised = _realised_parts(connection, name, config, start, end)
    bar = bar_length(start, end, _BARS)
    return GateReport(
        name, config.step, config.characteristic, plant.characteristics[config.characteristic].unit, bar,
        config.coverage, _verdicts(plant, name, decisions),
        Counter(d.reason for d in decisions if d.verdict == Verdict.HOLD.value), _decided(decisions, bar),
        tuple(_realised(realised, classes, start, end)), *measured, tuple(_version_periods(decisions)),
        _meanings(classes), calibration_of(realised, config.coverage, classes),
    )  # fmt: skip


def _meanings(classes: ClassSpec | None) -> tuple[tuple[str, str], ...]:
    return () if classes is None else tuple(zip(classes.names, map(str, classes.meanings), strict=True))


def _decisions(
    connection: sa.Connection, gate: str, step: str, start: datetime, end: datetime
) -> Iterable[_JudgedPart]:
    """Each decision on a part that was at the step in the period, with the newest outcome that belongs to it.

    What was measured of a part after people reworked it is no outcome of the part that the gate decided on.
    """
    d, o = t.decision.c, t.outcome.c
    available = sa.and_(
        belongs_to(o.serial, o.at, gate), o.characteristic == d.characteristic, o.available_at <= end,
        as_passed(o.serial, o.at, step),
    )  # fmt: skip
    query = (
        sa.select(d.serial, d.visit, d.revision, d.at, d.decided_at, d.verdict, d.reason, d.version, o.value)
        .select_from(t.decision.outerjoin(t.outcome, available))
        .where(d.gate == gate, d.at >= start, d.at < end)
        .order_by(d.at, d.arrival, o.at, o.revision)
    )
    rows = fetch_rows(connection, _JudgedPart, query)
    return {(row.serial, row.visit, row.revision): row for row in rows}.values()


def _verdicts(plant: Plant, gate: str, decisions: Sequence[_JudgedPart]) -> tuple[Verdicts, ...]:
    config = plant.gates[gate]
    rule_at, band = plant.rules_of(config), config.rework_band()
    outcomes: dict[str, Counter[str]] = {verdict.value: Counter() for verdict in Verdict}
    for d in decisions:
        rule = rule_at(d.at)
        judged = None if rule is None or d.value is None else verdict_by_rule(d.value, rule, band)
        outcomes[d.verdict][judged or "waiting"] += 1
    return tuple(
        Verdicts(verdict, n.total(), n["continue"], n["correct"], n["scrap"], n["waiting"])
        for verdict, n in outcomes.items()
    )


def _decided(decisions: Sequence[_JudgedPart], bar: timedelta) -> tuple[DecisionCounts, ...]:
    bars: dict[datetime, Counter[str]] = defaultdict(Counter)
    for d in decisions:
        bars[floor_to(d.at, bar)][d.verdict] += 1
    return tuple(DecisionCounts(start, counts) for start, counts in sorted(bars.items()))


def _realised_parts(
    connection: sa.Connection, gate: str, config: GateConfig, start: datetime, end: datetime
) -> Sequence[RealisedPart]:
    """The predictions whose outcomes were measured in the period, each with its outcome's last word."""
    d, o = t.decision.c, t.outcome.c
    decided = belongs_to(o.serial, o.at, gate)
    query = (
        sa.select(d.arrival, o.at, o.value, d.predicted, d.lower, d.upper, d.probabilities)
        .select_from(t.outcome.join(t.decision, decided))
        .where(o.characteristic == config.characteristic, o.at >= start, o.at < end, o.available_at <= end)
        .where(is_usable(o.value), d.predicted.is_not(None), as_passed(o.serial, o.at, config.step))
        .order_by(o.at, o.revision)
    )
    return tuple({row.arrival: row for row in fetch_rows(connection, RealisedPart, query)}.values())


def _realised(
    parts: Sequence[RealisedPart], classes: ClassSpec | None, start: datetime, end: datetime
) -> Iterable[Realised]:
    """By the time of the outcome, which is when the error becomes known."""
    bar = bar_length(start, end, _ERRORS)
    bars: dict[datetime, list[tuple[float, bool]]] = defaultdict(list)
    for row in parts:
        found = _error(row, classes)
        if found is not None:
            bars[floor_to(row.at, bar)].append(found)
    for at, rows in sorted(bars.items()):
        errors = [error for error, _ in rows]
        covered = sum(inside for _, inside in rows)
        yield Realised(at, len(rows), sum(errors) / len(errors), min(errors), max(errors), covered)


def _error(row: RealisedPart, classes: ClassSpec | None) -> tuple[float, bool] | None:
    """Prediction minus outcome, and whether the outcome was inside its interval; None for an outcome of no class.

    Of classes the prediction is the probability that the part is not good, and the likeliest classes are the interval.
    """
    if classes is None:
        return row.predicted - row.value, row.lower <= row.value <= row.upper
    place, probabilities = classes.index(row.value), [p for p in row.probabilities or () if p is not None]
    if place is None or not are_probabilities(probabilities, classes):
        return None
    return row.predicted - (not classes.good[place]), among_likeliest(probabilities, place, classes)


def _version_periods(decisions: Sequence[_JudgedPart]) -> Iterable[VersionPeriod]:
    period: VersionPeriod | None = None
    for d in sorted((d for d in decisions if d.version), key=lambda d: d.decided_at):
        if period is not None and period.version == d.version:
            period = period._replace(end=d.decided_at, parts=period.parts + 1)
            continue
        if period is not None:
            yield period
        period = VersionPeriod(d.version, d.decided_at, d.decided_at, 1)
    if period is not None:
        yield period


def counts_by_name(connection: sa.Connection, query: sa.Select[str, int]) -> Mapping[str, int]:
    """Rows of (name, count) as a mapping."""
    return {str(row[0]): int(row[1]) for row in connection.execute(query)}
