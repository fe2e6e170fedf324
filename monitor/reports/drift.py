"""The Evidently report of a step: rendered by a child process, kept as HTML and JSON in the folder of reports."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.errors import MonitorError
from monitor.model import JsonObject
from monitor.processes import Worker
from monitor.windows.drift import Pair
from monitor.windows.frozen import content_of

FOLDER = "drift"
"""Below the folder of reports."""
KEPT = 20
"""Reports of each step that stay, the newest."""
LIMIT = timedelta(minutes=5)
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Order:
    """What a report is of: the step, its windows, what the detectors found in them, and when it is made."""

    step: str
    pair: Pair
    findings: Sequence[JsonObject]
    now: datetime
    cause: str


def made_at(reports: Path, step: str) -> datetime | None:
    """When the newest report of the step was made; None where there is none."""
    stamps = [file.stem for file in (reports / FOLDER / step).glob("*.html")]
    return max((datetime.strptime(s, _STAMP).replace(tzinfo=UTC) for s in stamps), default=None)


def write_report(reports: Path, order: Order, beat: Callable[[], None], limit: timedelta = LIMIT) -> Path:
    """Render and keep the report, and delete the step's oldest beyond those kept; the page.

    `beat` is called about once a second; what it raises ends the child. MonitorError says why there is no report.
    """
    with tempfile.TemporaryDirectory(prefix="gatewatch-report-") as place:
        folder = Path(place)
        (folder / "job.json").write_text(json.dumps(_job(order)), encoding="utf-8")
        _render(folder, order.step, beat, limit)
        home = reports / FOLDER / order.step
        home.mkdir(parents=True, exist_ok=True)
        stamp = order.now.astimezone(UTC).strftime(_STAMP)
        # The page last: it is what says that a report is there.
        for suffix in (".json", ".html"):
            half = home / f".{stamp}{suffix}.half"
            half.write_bytes((folder / f"report{suffix}").read_bytes())
            half.replace(home / f"{stamp}{suffix}")
    _retain(home)
    return home / f"{stamp}.html"


def _job(order: Order) -> dict[str, object]:
    reference = order.pair.reference
    if reference is None:
        raise MonitorError(f"step {order.step!r}: it has no reference yet; it needs drift.reference_rows parts")
    limits = {f["feature"]: f["limit"] for f in order.findings if f["method"] == "wasserstein" and f["limit"]}
    about = {
        "step": order.step, "made_at": order.now.isoformat(), "cause": order.cause,
        "reference_version": reference.version, "reference_rows": len(reference.window),
        "frozen_at": reference.frozen_at.isoformat(), "window_rows": len(order.pair.current),
        "findings": list(order.findings),
    }  # fmt: skip
    title = (
        f"Drift of {order.step}: the newest {len(order.pair.current)} parts against reference version "
        f"{reference.version}, {order.now:%Y-%m-%d %H:%M} UTC"
    )
    return {
        "step": order.step, "title": title, "about": about, "limits": limits,
        "reference": content_of(reference.window), "current": content_of(order.pair.current),
    }  # fmt: skip


def _render(folder: Path, step: str, beat: Callable[[], None], limit: timedelta) -> None:
    seconds = limit.total_seconds()
    with Worker("monitor.reports.drift_child") as worker:
        if not worker.work(folder, beat, seconds):
            raise MonitorError(f"step {step!r}: the report took longer than {seconds:.0f} s and was given up")
        if not (folder / "report.json").exists():
            last = worker.last_stderr_line or "it left no output"
            raise MonitorError(f"step {step!r}: the report could not be rendered: {last}")


def _retain(home: Path) -> None:
    for old in sorted(home.glob("*.html"))[:-KEPT]:
        old.unlink(missing_ok=True)
        old.with_suffix(".json").unlink(missing_ok=True)
