"""The dashboards as the JSON that Grafana takes; `gatewatch dashboards build` writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.overview import overview

FOLDER = Path(__file__).parent / "generated"
"""Where the committed files are."""


def dashboards() -> Mapping[str, dict[str, Any]]:
    """Every dashboard under the name of its file."""
    return {"overview.json": json.loads(json.dumps(overview(), cls=JSONEncoder))}


def texts() -> Mapping[str, str]:
    """Every file's text, the same at every call."""
    return {name: json.dumps(found, indent=2, sort_keys=True) + "\n" for name, found in dashboards().items()}


def write(folder: Path) -> list[Path]:
    """Write every file into `folder`, made where it is missing; what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts()]
