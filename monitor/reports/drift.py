"""The Evidently report of a step, rendered by a child process and kept as HTML and JSON in the reports folder."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.errors import MonitorError
from monitor.model import JsonObject
from monitor.reports.rendering import render
from monitor.windows.drift import Pair
from monitor.windows.frozen import content_of

FOLDER = "drift"
"""The subfolder of the reports folder."""
KEPT_REPORTS = 20
"""How many reports of each step are kept, the newest ones."""
LIMIT = timedelta(minutes=5)
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What to report: the step, its windows, the detectors' findings in them, when and why."""

    step: str
    pair: Pair
    findings: Sequence[JsonObject]
    now: datetime
    cause: str


def last_report_at(reports: Path, step: str, now: datetime) -> datetime | None:
    """When the newest report of the step was made, up to `now`; None where there is none."""
    stamps = [file.stem for file in (reports / FOLDER / step).glob("*.html")]
    made = (datetime.strptime(s, _STAMP).replace(tzinfo=UTC) for s in stamps)
    return max((at for at in made if at <= now), default=None)


def write_report(reports: Path, request: ReportRequest, beat: Callable[[], None], limit: timedelta = LIMIT) -> Path:
    """Render a report and delete the step's oldest ones; returns the path of the page.

    `beat` is called about once a second; if it raises, the child is killed. MonitorError if there is no report.
    """
    with tempfile.TemporaryDirectory(prefix="gatewatch-report-") as temporary:
        folder = Path(temporary)
        (folder / "job.json").write_text(json.dumps(_job(request)), encoding="utf-8")
        render("monitor.reports.drift_child", folder, f"step {request.step!r}: the report", beat, limit)
        target = reports / FOLDER / request.step
        target.mkdir(parents=True, exist_ok=True)
        stamp = request.now.astimezone(UTC).strftime(_STAMP)
        # The page last: the report counts as written once it exists.
        for suffix in (".json", ".html"):
            partial = target / f".{stamp}{suffix}.half"
            partial.write_bytes((folder / f"report{suffix}").read_bytes())
            partial.replace(target / f"{stamp}{suffix}")
    _delete_oldest(target)
    return target / f"{stamp}.html"


def _job(request: ReportRequest) -> dict[str, object]:
    reference = request.pair.reference
    if reference is None:
        raise MonitorError(f"step {request.step!r}: no reference yet; it needs drift.reference_rows parts")
    limits = {f["feature"]: f["limit"] for f in request.findings if f["method"] == "wasserstein" and f["limit"]}
    about = {
        "step": request.step, "made_at": request.now.isoformat(), "cause": request.cause,
        "reference_version": reference.version, "reference_rows": len(reference.window),
        "frozen_at": reference.frozen_at.isoformat(), "window_rows": len(request.pair.current),
        "findings": list(request.findings),
    }  # fmt: skip
    title = (
        f"Drift of {request.step}: the newest {len(request.pair.current)} parts against reference version "
        f"{reference.version}, {request.now:%Y-%m-%d %H:%M} UTC"
    )
    return {
        "step": request.step, "title": title, "about": about, "limits": limits,
        "reference": content_of(reference.window), "current": content_of(request.pair.current),
    }  # fmt: skip


def _delete_oldest(folder: Path) -> None:
    for old in sorted(folder.glob("*.html"))[:-KEPT_REPORTS]:
        old.unlink(missing_ok=True)
        old.with_suffix(".json").unlink(missing_ok=True)
