"""Examples in docstrings run."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("alerting", "dashboards", "detectors", "exporters", "inference", "monitor")


def _with_examples() -> list[str]:
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    found = [file for file in files if ">>> " in file.read_text(encoding="utf-8")]
    return sorted(file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for file in found)


@pytest.mark.parametrize("module", _with_examples())
def test_the_examples_of_a_module_say_what_happens(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
