"""Evidently reports, made when a step begins to drift and on a schedule."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from monitor.gate_models.in_force import ModelsInForce
from monitor.plant.plant import Plant
from monitor.reports.drift import ReportRequest, last_report_at, write_report
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.database.database import Store
from monitor.store.watching.board import drift_findings, drifting_since
from monitor.windows.drift import StepWindows

_MIN_INTERVAL = timedelta(hours=1)


def report_cause(
    now: datetime, last: datetime | None, drifting: datetime | None, every: timedelta | None
) -> str | None:
    """Why a report is due, or None: a drift that began after the last one (hourly at most), or the schedule."""
    if last is not None and now - last < _MIN_INTERVAL:
        return None
    if drifting is not None and (last is None or drifting > last):
        return "drift"
    if every is not None and (last is None or now - last >= every):
        return "schedule"
    return None


class ReportJob:
    """Renders the reports that are due, in a child process. Under replay it does so only if `renders`."""

    name = "report"
    scope = WHOLE_PLANT

    def __init__(self, store: Store, plant: Plant, models: ModelsInForce, reports: Path, renders: bool = True) -> None:
        self._store = store
        self._plant = plant
        self._windows = StepWindows(store, plant, models)
        self._reports = reports
        self._renders = renders

    @property
    def interval(self) -> timedelta:
        """The interval of the drift job, which it follows."""
        return self._plant.drift.every

    def forget(self) -> None:
        """Read the references again."""
        self._windows.forget()

    def run(self, run: Run) -> Result:
        """Render the reports that are due, unless this replay renders none."""
        if not self._renders:
            return Result()
        rendered = 0
        for step in self._plant.steps:
            if run.stopping():
                break
            with self._store.read() as connection:
                drifting, findings = drifting_since(connection, step), drift_findings(connection, step)
            last = last_report_at(self._reports, step, run.now)
            cause = report_cause(run.now, last, drifting, self._plant.drift.report_every)
            if cause is None or not any(f.limit for f in findings):
                continue
            pair = self._windows.pair(step, run.lease, run.now, run.beat)
            rows = [{**f._asdict(), "at": f.at.isoformat()} for f in findings]
            write_report(self._reports, ReportRequest(step, pair, rows, run.now, cause), run.beat)
            rendered += 1
        return Result(rendered)
