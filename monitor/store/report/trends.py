"""Drift and performance over time in a report, and the features behind a drift."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from detectors.window.roster import step_detector_names
from exporters.report.values import Evaluation, Exceedance, Period, StepReport, Trend
from monitor.detection import DRIFT, ESTIMATE, PERFORMANCE, PREDICTION, WORST_RATIO
from monitor.model import Status
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.rows import fetch_rows, select_columns

_REFERENCES = (DRIFT, PREDICTION)
"""The detectors whose references belong to a step; a gate of the same name has others."""
_LISTED = 12
"""Maximum number of features of a step, or slices of a gate, that are listed."""


class _TrendRow(NamedTuple):
    """An evaluation of a detector."""

    subject: str
    detector: str
    method: str
    feature: str
    at: datetime
    value: float | None
    limit: float | None
    status: str
    causes: Sequence[str]


class _ReferenceRow(NamedTuple):
    """A reference that was frozen."""

    detector: str
    frozen_at: datetime
    version: int
    rows: int
    cause: str


def read_trends(connection: sa.Connection, start: datetime, end: datetime) -> list[tuple[str, Trend]]:
    """Every trend of the period with its subject, in order of its key."""
    c = t.trend.c
    query = select_columns(_TrendRow, t.trend).where(c.at >= start, c.at < end)
    rows_by_key: dict[tuple[str, str, str, str], list[_TrendRow]] = defaultdict(list)
    for row in fetch_rows(connection, _TrendRow, query.order_by(c.subject, c.detector, c.method, c.feature, c.at)):
        rows_by_key[(row.subject, row.detector, row.method, row.feature)].append(row)
    return [
        (subject, Trend(detector, method, feature, tuple(map(_point, rows))))
        for (subject, detector, method, feature), rows in rows_by_key.items()
    ]


def _point(row: _TrendRow) -> Evaluation:
    return Evaluation(row.at, row.value, row.limit, row.status, tuple(row.causes))


def performance(trends: Iterable[tuple[str, Trend]], gate: str) -> tuple[tuple[Trend, ...], tuple[Exceedance, ...]]:
    """The trends of a gate as a whole, and its slices that were above their limit, worst first."""
    of_gate = [tr for subject, tr in trends if subject == gate and tr.detector in (PERFORMANCE, ESTIMATE)]
    return tuple(tr for tr in of_gate if not tr.feature), worst_first(tr for tr in of_gate if tr.feature)


def worst_first(trends: Iterable[Trend]) -> tuple[Exceedance, ...]:
    """Trends that were above their limit, at most `_LISTED`, worst first."""
    return tuple(sorted((b for tr in trends for b in _in_breach(tr)), key=lambda b: -b.worst)[:_LISTED])


def steps(
    connection: sa.Connection, plant: Plant, start: datetime, end: datetime, trends: Sequence[tuple[str, Trend]]
) -> tuple[StepReport, ...]:
    """Every step that was evaluated."""
    reports = (_step(connection, plant, name, start, end, trends) for name in plant.steps)
    return tuple(step for step in reports if step.trends or step.features)


def _step(
    connection: sa.Connection,
    plant: Plant,
    name: str,
    start: datetime,
    end: datetime,
    trends: Sequence[tuple[str, Trend]],
) -> StepReport:
    of_step = [tr for subject, tr in trends if subject == name and tr.detector in step_detector_names()]
    overall = tuple(tr for tr in of_step if not tr.feature and tr.method == WORST_RATIO)
    c = t.reference.c
    in_period = (c.subject == name, c.detector.in_(_REFERENCES), c.frozen_at >= start, c.frozen_at < end)
    query = select_columns(_ReferenceRow, t.reference).where(*in_period).order_by(c.frozen_at)
    frozen = fetch_rows(connection, _ReferenceRow, query)
    references = tuple(Period(r.frozen_at, None, _reference(r)) for r in frozen)
    features = worst_first(tr for tr in of_step if tr.feature)
    return StepReport(name, plant.steps[name].line, overall, features, references)


def _reference(row: _ReferenceRow) -> str:
    return f"{row.detector}, version {row.version}, {row.rows} parts: {row.cause}"


def _in_breach(trend: Trend) -> Iterable[Exceedance]:
    bad = [p for p in trend.points if p.status == Status.BREACH.value]
    if bad:
        ratios = [p.value / p.limit for p in bad if p.value is not None and p.limit]
        yield Exceedance(
            trend.detector, trend.method, trend.feature, len(bad), max(ratios, default=0.0), bad[0].at, bad[-1].at
        )
