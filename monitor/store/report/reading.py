"""Reads everything that a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from exporters.report.values import PlantReport
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.report.alarms import quality_between
from monitor.store.report.changes import changes, with_savings
from monitor.store.report.gates import gates
from monitor.store.report.machines import machines
from monitor.store.report.savings import stored_savings
from monitor.store.report.trends import read_trends, steps
from monitor.store.report.watching import episodes, intake, retrainings, versions


def read_report(
    store: Store, plant: Plant, start: datetime, end: datetime, avoided: Mapping[str, float] | None = None
) -> PlantReport:
    """The plant from `start` (inclusive) to `end` (exclusive); `avoided` is the cost avoided by the last report."""
    with store.read() as connection:
        trends = read_trends(connection, start, end)
        saved = stored_savings(connection, plant, start, end)
        newest = sa.select(t.plant_file.c.digest).where(t.plant_file.c.since < end)
        of_gates = gates(connection, plant, start, end, trends)
        alerts, requests = tuple(episodes(connection, start, end)), tuple(retrainings(connection, start, end))
        changed = changes(connection, plant, start, end, of_gates, alerts, requests)
        return PlantReport(
            plant.site,
            start,
            end,
            connection.scalar(newest.order_by(t.plant_file.c.since.desc()).limit(1)) or "",
            of_gates,
            machines(connection, plant, start, end),
            steps(connection, plant, start, end, trends),
            alerts,
            requests,
            tuple(versions(connection, end)),
            intake(connection, start, end),
            savings=saved.gates,
            curves=saved.lines,
            currency=plant.currency,
            alarms=quality_between(connection, start, end),
            changes=with_savings(changed, saved.gates, avoided),
        )
