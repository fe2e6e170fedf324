"""Rendering by a child process: it leaves `report.json` in its folder once everything else is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from monitor.errors import MonitorError
from monitor.processes import Worker


def render(module: str, folder: Path, what: str, beat: Callable[[], None], limit: timedelta) -> None:
    """Have `module` render what the folder's `job.json` describes; MonitorError that names `what` if it does not.

    `beat` is called about once a second; if it raises, the child is killed.
    """
    seconds = limit.total_seconds()
    with Worker(module) as worker:
        if not worker.work(folder, beat, seconds):
            raise MonitorError(f"{what} took longer than {seconds:.0f} s and was abandoned")
        if not (folder / "report.json").exists():
            reason = worker.last_stderr_line or "it left no output"
            raise MonitorError(f"{what} could not be rendered: {reason}")
