"""Every counter that the jobs write is in the metric catalogue, under exactly its labels."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import monitor
from exporters.metrics.catalog import BY_NAME


def _calls() -> list[tuple[str, str, frozenset[str | None]]]:
    """(place, metric, label names) of each call of `tally_key`; None stands for labels not named in the call."""
    root = Path(monitor.__file__).parent
    found = []
    for file in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tally_key":
                name = ast.literal_eval(node.args[0])
                place = f"{file.relative_to(root)}:{node.lineno}"
                found.append((place, name, frozenset(k.arg for k in node.keywords)))
    return found


def test_the_calls_are_found() -> None:
    assert len(_calls()) >= 8


@pytest.mark.parametrize(("place", "name", "labels"), _calls(), ids=lambda v: v if isinstance(v, str) else "")
def test_what_is_counted_is_declared(place: str, name: str, labels: frozenset[str | None]) -> None:
    assert name in BY_NAME, place
    assert BY_NAME[name].tallied, place
    assert labels == set(BY_NAME[name].label_names), place
