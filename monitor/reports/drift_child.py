"""The Evidently report in a process of its own: `python -m monitor.reports.drift_child PARENT`, then a folder a line.

A folder holds `job.json`; the child leaves `report.html` and `report.json` in it, or writes to standard error why it
could not.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

from monitor.processes import serve
from monitor.windows.frozen import window_of


def render_folder(folder: Path) -> None:
    """Render the folder's job."""
    from detectors.window.evidently_report import render

    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    reference, current = (window_of(job[name], job["step"], job["step"]) for name in ("reference", "current"))
    made = render(reference, current, job["limits"], job["title"])
    data = {**job["about"], "left_out": made.left_out, "evidently": made.data}
    (folder / "report.html").write_bytes(made.html.encode("utf-8", "replace"))
    (folder / "report.json").write_text(json.dumps(data, indent=1, sort_keys=True), encoding="utf-8")


if __name__ == "__main__":
    os.environ["DO_NOT_TRACK"] = "1"
    warnings.simplefilter("ignore")
    serve(render_folder)
