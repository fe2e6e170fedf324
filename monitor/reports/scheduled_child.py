"""The child process that renders reports by schedule: `python -m monitor.reports.scheduled_child PARENT`.

It works as `monitor.reports.rendering` asks.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from exporters.report.page import report_page
from monitor.plant.file.load import parse
from monitor.processes import serve
from monitor.reports.scheduled import found_of
from monitor.store.database.schema import open_existing
from monitor.store.report.reading import read_report


def render_folder(folder: Path) -> None:
    """Render the report that the folder's `job.json` describes."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    path = Path(job["path"])
    plant = parse(job["plant"], path.parent, name=path.name).plant
    start, end = (datetime.fromisoformat(job[name]) for name in ("start", "end"))
    store = open_existing(plant.store.url)
    try:
        report = read_report(store, plant, start, end, job["avoided"])
    finally:
        store.close()
    (folder / "report.html").write_bytes(report_page(report).encode("utf-8", "replace"))
    (folder / "report.json").write_text(json.dumps(found_of(report)), encoding="utf-8")


if __name__ == "__main__":
    serve(render_folder)
