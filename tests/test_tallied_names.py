"""Every counter that the jobs write is in the metric catalogue, under exactly its labels."""

from __future__ import annotations

import ast
from pathlib import Path

import monitor
from exporters.metrics.catalog import BY_NAME


def _calls() -> list[tuple[str, str, frozenset[str | None]]]:
    """(place, metric, label names) of each call of `tally_key`; None stands for labels not named in the call."""
    root = Path(monitor.__file__).parent
    found = []
    for file in sorted(root.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "tally_key(" in text else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tally_key":
                name = ast.literal_eval(node.args[0])
                place = f"{file.relative_to(root)}:{node.lineno}"
                found.append((place, name, frozenset(k.arg for k in node.keywords)))
    return found


def test_what_is_counted_is_declared() -> None:
    """Of all calls in one test: every worker of a run would read the whole product for a list of them."""
    calls = _calls()
    assert len(calls) >= 8
    undeclared = [place for place, name, _ in calls if name not in BY_NAME or not BY_NAME[name].tallied]
    assert undeclared == []
    assert [place for place, name, labels in calls if labels != set(BY_NAME[name].label_names)] == []
