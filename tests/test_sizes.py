"""How long files and functions of the product are: what a reader can take in at once."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import quantiles

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("monitor", "detectors", "inference", "exporters", "alerting", "dashboards")

FILES = (120, 300)
FUNCTIONS = (10, 35)
"""Lines at the median and at the 90th percentile, at most."""
LONGEST_FUNCTION = 60

SOURCES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def _files() -> dict[str, int]:
    return {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in SOURCES
        if path.name != "__init__.py"
    }


@cache
def _functions() -> dict[str, int]:
    return {
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno} {node.name}": (node.end_lineno or node.lineno)
        - node.lineno
        + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


# What is measured is measured in the test: every worker of a run collects this file.
@pytest.mark.parametrize(("measure", "most"), [(_files, FILES), (_functions, FUNCTIONS)], ids=["files", "functions"])
@pytest.mark.slow
def test_most_are_short(measure: Callable[[], dict[str, int]], most: tuple[int, int]) -> None:
    lengths = measure()
    tenths = quantiles(lengths.values(), n=10)
    print(f"{len(lengths)}: median {tenths[4]:g}, 90th percentile {tenths[8]:g}, longest {max(lengths.values())}")
    assert tenths[4] <= most[0]
    assert tenths[8] <= most[1]


@pytest.mark.slow
def test_no_function_is_long() -> None:
    assert {name: lines for name, lines in _functions().items() if lines > LONGEST_FUNCTION} == {}
