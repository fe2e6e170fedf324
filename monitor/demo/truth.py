"""The ground truth of a demo: the file in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from monitor.errors import MonitorError
from monitor.model import JsonObject

MARK = "made-by-gatewatch-demo"
FILE = "truth.json"


def write_truth(folder: Path, truth: Mapping[str, object]) -> None:
    """Write it into the folder of a demo."""
    (folder / FILE).write_text(json.dumps(dict(truth), indent=1), encoding="utf-8")


def read_truth(folder: Path) -> JsonObject | None:
    """The truth of the demo whose folder it is; None for any other folder. MonitorError where it cannot be read."""
    if not (folder / MARK).exists() or not (folder / FILE).exists():
        return None
    try:
        found: JsonObject = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise MonitorError(f"{folder / FILE}: cannot be read ({exc}); run 'gatewatch demo' again") from exc
    return found


def time_of(text: str) -> datetime:
    """A time of the ground truth, aware in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)
