"""`gatewatch report`: a report on a plant over a period, as one HTML file."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from exporters.report.page import report_page
from monitor.clock import Clock
from monitor.errors import UsageError
from monitor.plant.file.load import LoadedPlant
from monitor.store.database.schema import open_existing
from monitor.store.report.reading import read_report

_DAY = timedelta(days=1)


def write_report(
    loaded: LoadedPlant, clock: Clock, start: datetime | None, end: datetime | None, file: Path | None
) -> Path:
    """Write the report, by default on the last day and into the folder that the server lists."""
    end = end or clock.now().replace(second=0, microsecond=0)
    start = start or end - _DAY
    if start >= end:
        raise UsageError(f"--from {start:%Y-%m-%dT%H:%MZ} is not before --to {end:%Y-%m-%dT%H:%MZ}")
    file = file or loaded.path.parent / "reports" / f"report-{end:%Y-%m-%dT%H%MZ}.html"
    store = open_existing(loaded.plant.store.url)
    try:
        write(file, report_page(read_report(store, loaded.plant, start, end)))
    finally:
        store.close()
    return file


def write(file: Path, text: str) -> None:
    """Write the page atomically."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # A lone surrogate in a name cannot be written as UTF-8; the pages show it as a question mark too.
    partial = file.with_name(f".{file.name}.half")
    partial.write_bytes(text.encode("utf-8", "replace"))
    partial.replace(file)
