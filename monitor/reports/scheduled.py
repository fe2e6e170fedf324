"""A report by schedule: rendered by a child process, kept under a dated name in the reports folder."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from exporters.report.values import PlantReport
from monitor.plant.file.load import LoadedPlant
from monitor.reports.plant import write
from monitor.reports.rendering import render
from monitor.store.report.changes import avoided_by_month

FOLDER = "plant"
"""The subfolder of the reports folder."""
LIMIT = timedelta(minutes=10)


class ReportOrder(NamedTuple):
    """Which report: its kind, daily or weekly, its period, and the cost avoided by the last one, None without one."""

    kind: str
    start: datetime
    end: datetime
    avoided: Mapping[str, float] | None


class WrittenReport(NamedTuple):
    """The path of the page below the reports folder, what changed, and the cost avoided by month."""

    file: str
    news: dict[str, Any]
    avoided: dict[str, float]


def write_scheduled(
    reports: Path, loaded: LoadedPlant, order: ReportOrder, beat: Callable[[], None], limit: timedelta = LIMIT
) -> WrittenReport:
    """Render a report, and delete the oldest of its kind; MonitorError if there is none in the end.

    `beat` is called about once a second; if it raises, the child is killed. Written again it has the same name.
    """
    due = order.end.astimezone(ZoneInfo(loaded.plant.time_zone))
    name = f"{order.kind}-{due:%Y-%m-%d-%H%M}.html"
    with tempfile.TemporaryDirectory(prefix="gatewatch-report-") as temporary:
        folder = Path(temporary)
        (folder / "job.json").write_text(json.dumps(_job(loaded, order)), encoding="utf-8")
        render("monitor.reports.scheduled_child", folder, f"the {order.kind} report", beat, limit)
        write(reports / FOLDER / name, (folder / "report.html").read_text(encoding="utf-8"))
        found = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for old in sorted((reports / FOLDER).glob(f"{order.kind}-*.html"))[: -loaded.plant.reports.keep]:
        old.unlink(missing_ok=True)
    return WrittenReport(f"{FOLDER}/{name}", found["news"], found["avoided"])


def _job(loaded: LoadedPlant, order: ReportOrder) -> dict[str, object]:
    # The file may have changed since it was loaded, and overrides are in the text alone; it stays in a private folder.
    return {
        "plant": loaded.text, "path": str(loaded.path), "start": order.start.isoformat(),
        "end": order.end.isoformat(), "avoided": order.avoided,
    }  # fmt: skip


def found_of(report: PlantReport) -> dict[str, object]:
    """What the message says of a report, and what the next one is compared with; JSON."""
    changes, alarms = report.changes, report.alarms
    return {
        "avoided": avoided_by_month(report.savings),
        "news": {
            "opened": changes.opened, "closed": changes.closed, "standing": changes.standing,
            "a_day": alarms.a_day, "stale": len(alarms.standing), "flapping": len(alarms.chattering),
            "models": [[one.gate, one.before, one.after] for one in changes.models],
            "drifted": [one.step for one in changes.drifted], "requested": changes.requested,
            "promoted": changes.promoted, "saved": changes.avoided, "saved_more": changes.avoided_more,
        },
    }  # fmt: skip
