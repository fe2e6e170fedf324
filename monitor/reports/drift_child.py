"""The child process that renders Evidently reports: `python -m monitor.reports.drift_child PARENT`.

It reads the path of a folder from each line of standard input. The folder holds `job.json`; the child writes
`report.html` and `report.json` into it, or the reason why it could not to standard error.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

from monitor.processes import serve
from monitor.windows.frozen import window_of


def render_folder(folder: Path) -> None:
    """Render the report that the folder's `job.json` describes."""
    from detectors.window.evidently_report import render

    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    reference, current = (window_of(job[name], job["step"], job["step"]) for name in ("reference", "current"))
    report = render(reference, current, job["limits"], job["title"])
    data = {**job["about"], "left_out": report.left_out, "evidently": report.data}
    (folder / "report.html").write_bytes(report.html.encode("utf-8", "replace"))
    (folder / "report.json").write_text(json.dumps(data, indent=1, sort_keys=True), encoding="utf-8")


if __name__ == "__main__":
    os.environ["DO_NOT_TRACK"] = "1"
    warnings.simplefilter("ignore")
    serve(render_folder)
