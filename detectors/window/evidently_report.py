"""Evidently's drift report on two windows, as HTML and JSON. Only the process that renders reports imports it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from monitor.detection import WASSERSTEIN
from monitor.model import Floats, Window

_METHOD, _GROUP_METHOD = WASSERSTEIN, "jensenshannon"
_FLOOR = 1e-3
_MOST_CATEGORIES = 30
_INERT = {ord(c): ord(c) + 0xFEE0 for c in "<>&\"'`\\/"}
"""Maps characters with a meaning in HTML, scripts or chart labels to their full-width forms."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The report as an HTML page and as JSON data; `left_out` maps each omitted column to the reason."""

    html: str
    data: Mapping[str, Any]
    left_out: Mapping[str, str]


def inert(text: str) -> str:
    """The text with everything replaced that a browser could interpret as markup or script.

    Evidently writes column names and category values unescaped into an inline script of its page.
    """
    safe = "".join(c if c.isprintable() else "�" for c in text.encode("utf-8", "replace").decode()).translate(_INERT)
    return safe or "(empty)"


def render(reference: Window, current: Window, limits: Mapping[str, float], title: str) -> Rendered:
    """The drift report of `current` against `reference`; a column in `limits` is judged by its limit there.

    Method: Evidently's DataDriftPreset, with the normed Wasserstein distance for numbers (limits in standard
    deviations of the reference) and the Jensen-Shannon distance for categories.
    """
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    left_out = {name: reason for name in current.names if (reason := _unfit_reason(reference, current, name))}
    names = [name for name in current.names if name not in left_out]
    scales = _scales(reference, names)
    labels = (inert(name) + (f" x 1e{scales[name]}" if name in scales else "") for name in names)
    columns = dict(zip(names, _distinct(labels), strict=True))
    frames = [_frame(window, columns, scales) for window in (reference, current)]
    categories = _add_categories(frames, reference, current)
    definition = DataDefinition(numerical_columns=list(columns.values()), categorical_columns=categories)
    preset = DataDriftPreset(
        num_method=_METHOD,
        cat_method=_GROUP_METHOD,
        per_column_threshold={columns[name]: limit for name, limit in limits.items() if name in columns},
    )
    before, now = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
    snapshot = Report([preset]).run(now, before)
    page = snapshot.get_html_str(as_iframe=False)
    return Rendered(_with_header(page, title, left_out), json.loads(snapshot.json()), left_out)


def _unfit_reason(reference: Window, current: Window, name: str) -> str:
    """Why Evidently cannot show a column, or ''. Such a column would fail the report or be dropped silently."""
    if name not in reference.names:
        return "not in the reference"
    before, now = (_finite(w, name) for w in (reference, current))
    if not len(before) or not len(now):
        return "without a value"
    return "constant in the reference" if before.min() == before.max() else ""


def _finite(window: Window, name: str) -> Floats:
    values = window.values[:, window.names.index(name)]
    return values[np.isfinite(values)]


def _scales(reference: Window, names: Iterable[str]) -> dict[str, int]:
    """Powers of ten for columns whose standard deviation is below the floor that Evidently applies to it."""
    spreads = {name: float(np.std(_finite(reference, name))) for name in names}
    return {name: 3 - math.floor(math.log10(s)) for name, s in spreads.items() if 0 < s < _FLOOR}


def _frame(window: Window, columns: Mapping[str, str], scales: Mapping[str, int]) -> pd.DataFrame:
    scaled = {}
    for name, column in columns.items():
        values = window.values[:, window.names.index(name)]
        scaled[column] = np.where(np.isfinite(values), values, np.nan) * 10.0 ** scales.get(name, 0)
    return pd.DataFrame(scaled)


def _add_categories(frames: list[pd.DataFrame], reference: Window, current: Window) -> list[str]:
    """Adds the columns machine and recipe if they have few values each, since they often explain a drift."""
    added = []
    for level, name in enumerate(("machine", "recipe")):
        groups = [[group[level] if len(group) > level else "" for group in w.groups] for w in (reference, current)]
        if any(len(g) != len(f) for g, f in zip(groups, frames, strict=True)) or name in frames[0].columns:
            continue
        if 1 < len({*groups[0], *groups[1]}) <= _MOST_CATEGORIES:
            for frame, values in zip(frames, groups, strict=True):
                frame[name] = [inert(value) for value in values]
            added.append(name)
    return added


def _distinct(names: Iterable[str]) -> list[str]:
    distinct: list[str] = []
    for name in names:
        n, candidate = 1, name
        while candidate in distinct:
            n, candidate = n + 1, f"{name} ({n + 1})"
        distinct.append(candidate)
    return distinct


def _with_header(page: str, title: str, left_out: Mapping[str, str]) -> str:
    """The page with a title and the list of omitted columns above the charts."""
    items = "".join(f"<li>{escape(name)}: {escape(reason)}</li>" for name, reason in sorted(left_out.items()))
    missing = f"<p>Not shown:</p><ul>{items}</ul>" if items else ""
    head = f'<header style="font-family:sans-serif;margin:1rem 2rem"><h1>{escape(title)}</h1>{missing}</header>'
    page = page.replace("<head>", f"<head><title>{escape(title)}</title>", 1)
    start = page.index("<body>") + len("<body>")
    return f"{page[:start]}\n{head}{page[start:]}"
