"""The dashboards as JSON for Grafana; `gatewatch dashboards build` writes it."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import boards, part

FOLDER = Path(__file__).parent / "generated"
"""Where the committed files are."""


def dashboards(with_part: bool = False) -> Mapping[str, dict[str, Any]]:
    """The dashboard of every module in `dashboards/boards` by the name of its file, and that of a part if wanted."""
    found = {f"{module.name}.json": _build(module.name) for module in pkgutil.iter_modules(boards.__path__)}
    return {**found, part.NAME: _as_json(part.board())} if with_part else found


def _build(name: str) -> dict[str, Any]:
    return _as_json(importlib.import_module(f"{boards.__name__}.{name}").BOARD.build())


def _as_json(board: Dashboard) -> dict[str, Any]:
    built: dict[str, Any] = json.loads(json.dumps(board, cls=JSONEncoder))
    return built


def texts(with_part: bool = False) -> Mapping[str, str]:
    """The text of every file, by name; deterministic."""
    built = dashboards(with_part)
    return {name: json.dumps(board, indent=2, sort_keys=True) + "\n" for name, board in built.items()}


def write(folder: Path, with_part: bool = False) -> list[Path]:
    """Write every file into `folder`, which is created if it is missing, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in texts(with_part).items():
        written.append(folder / name)
        written[-1].write_text(text, encoding="utf-8")
    return written
