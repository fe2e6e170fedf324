"""The interval of a prediction beside its specification, drawn with characters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporters.html.part_words import span

_WIDTH = 48


def draw(decision: Mapping[str, Any]) -> list[str]:
    """Two lines: limits as |, the interval as = with the value as o, an outcome as X; none without an interval."""
    lower, upper, spec, drawn = decision["lower"], decision["upper"], decision["specification"], span(decision)
    if drawn is None:
        return []
    limits = [spec[name] for name in ("lower", "upper") if spec[name] is not None]
    found = [row["value"] for row in decision["outcomes"] if row["value"] is not None]
    low, high = drawn
    cells = [" "] * (_WIDTH + 1)

    def at(value: float) -> int:
        return min(_WIDTH, max(0, round((value - low) / (high - low) * _WIDTH)))

    for place in range(at(lower), at(upper) + 1):
        cells[place] = "="
    marks = [(decision["predicted"], "o"), *((limit, "|") for limit in limits), *((value, "X") for value in found)]
    for value, mark in marks:
        cells[at(value)] = mark
    legend = ["| limit", "= interval", "o predicted", *(["X outcome"] if found else [])]
    return ["".join(cells).rstrip(), f"({', '.join(legend)})"]
