"""The table of faults names tests that exist, every place to be killed at, and every reason of a closed list."""

from __future__ import annotations

import ast
import re
from enum import StrEnum
from pathlib import Path

import pytest

from monitor import failpoints
from monitor.errors import SourceReason, StoreReason
from monitor.model import RejectReason

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROWS = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| fault ")]


def _tests_of(file: str) -> set[str]:
    """The tests that a file defines."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("file", sorted({file for file, _ in _TEST.findall(PAGE)}))
def test_every_test_that_the_table_names_exists(file: str) -> None:
    assert (ROOT / file).is_file()
    assert {name for of, name in _TEST.findall(PAGE) if of == file} - _tests_of(file) == set()


def test_every_fault_says_what_happens_and_names_a_test() -> None:
    assert len(ROWS) > 60
    for row in ROWS:
        assert len(row) == 3, row
        assert row[1].strip(), row
        assert _TEST.search(row[2]), row
        left = _TEST.sub("", row[2]).strip(" |,")
        assert left == "", f"{left!r} is no test"


@pytest.mark.parametrize("words", [failpoints.NAMES, RejectReason, SourceReason, StoreReason], ids=str)
def test_every_place_and_reason_stands_in_the_table(words: tuple[str, ...] | type[StrEnum]) -> None:
    faults = " ".join(row[0] + row[1] for row in ROWS)
    assert [str(word) for word in words if f"`{word}`" not in faults] == []
