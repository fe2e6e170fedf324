"""The page on the plant file is current and whole."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from monitor.plant.file import docs as plant_docs
from monitor.plant.file import paths as plant_paths
from monitor.plant.file.docs import document, sections
from monitor.plant.messages import describe_type, field_type

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text() == document(), "run: python -m monitor.plant.file.docs > docs/reference/configuration.md"


@pytest.mark.parametrize("model", sections(), ids=lambda model: model.__name__)
def test_every_key_is_described(model) -> None:
    assert model.__doc__
    for key, info in model.model_fields.items():
        assert info.description, key
        assert info.description.endswith("."), key
        assert describe_type(field_type(info)), key
        assert f"| `{key}` | " in PAGE.read_text(), key


def test_the_page_knows_every_section_of_a_plant() -> None:
    places = {place for found in sections().values() for place in found}
    assert {
        "store.retention", "gates.NAME.training", "characteristics.NAME.specs[]", "sources.NAME, kind readings",
        "sources.NAME.values.NAME.image", "write_back", "machines.NAME.sensors.NAME",
    } <= places  # fmt: skip


@pytest.mark.parametrize("module", [plant_docs, plant_paths])
def test_the_examples_in_docstrings_hold(module) -> None:
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed
