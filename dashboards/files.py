"""The dashboards as JSON for Grafana; `gatewatch dashboards build` writes it."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import boards

FOLDER = Path(__file__).parent / "generated"
"""Where the committed files are."""


def dashboards() -> Mapping[str, dict[str, Any]]:
    """The dashboard of every module in `dashboards/boards`, by the name of its file."""
    return {f"{module.name}.json": _build(module.name) for module in pkgutil.iter_modules(boards.__path__)}


def _build(name: str) -> dict[str, Any]:
    module = importlib.import_module(f"{boards.__name__}.{name}")
    built: dict[str, Any] = json.loads(json.dumps(module.BOARD.build(), cls=JSONEncoder))
    return built


def texts() -> Mapping[str, str]:
    """The text of every file, by name; deterministic."""
    return {name: json.dumps(board, indent=2, sort_keys=True) + "\n" for name, board in dashboards().items()}


def write(folder: Path) -> list[Path]:
    """Write every file into `folder`, which is created if it is missing, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in texts().items():
        written.append(folder / name)
        written[-1].write_text(text, encoding="utf-8")
    return written
