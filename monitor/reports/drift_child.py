"""The Evidently report in a process of its own: `python -m monitor.reports.drift_child FOLDER PARENT`.

FOLDER holds `job.json`; the child leaves `report.html` and `report.json` in it, or writes to standard error why it
could not. It dies with the process that started it.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

from monitor.processes import die_with_parent
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


def main() -> None:
    """Run the job of the folder named on the command line."""
    die_with_parent(int(sys.argv[2]))
    os.environ["DO_NOT_TRACK"] = "1"
    warnings.simplefilter("ignore")
    render_folder(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
