"""A small plant, as it comes and with models in force; each test works on a copy of it."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from cli_kit import gatewatch
from plant_kit import NO_TRAINING, QUICK, START, make_plant

from monitor.plant.file.load import load

HOURS = 2.0


def _keep(plant: Path, overrides: tuple[str, ...]) -> None:
    """Write the overrides into the plant file, so that every command means the same plant."""
    plant.write_text(load(plant, overrides).text, encoding="utf-8")


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of history in the sources, nothing run; no model is ever trained on it."""
    plant = make_plant(tmp_path_factory.mktemp("fresh"), HOURS)
    _keep(plant, (*QUICK, *NO_TRAINING))
    return plant.parent


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after its first hour, replayed by the command line: both gates have a model."""
    plant = make_plant(tmp_path_factory.mktemp("taught"), HOURS)
    _keep(plant, QUICK)
    said = gatewatch("replay", plant, "--from", START.isoformat(), "--to", (START + timedelta(hours=1)).isoformat())
    assert said.code == 0, said.err
    return plant.parent


@pytest.fixture
def plant(fresh: Path, tmp_path: Path) -> Path:
    """The plant file of a copy that nobody ran."""
    return Path(shutil.copytree(fresh, tmp_path / "plant")) / "plant.yaml"


@pytest.fixture
def trained(taught: Path, tmp_path: Path) -> Path:
    """The plant file of a copy with models in force."""
    return Path(shutil.copytree(taught, tmp_path / "trained")) / "plant.yaml"
