"""A small plant, as it comes and with models in force, made once a run; each test works on a copy of it."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from cli_kit import gatewatch
from plant_kit import NO_TRAINING, QUICK, START, make_plant, ready_to_train
from run_kit import once

from monitor.plant.file.load import load

HOURS = 2.0


def _keep(plant: Path, overrides: tuple[str, ...]) -> None:
    """Write the overrides into the plant file, so that every command means the same plant."""
    plant.write_text(load(plant, overrides).text, encoding="utf-8")


@pytest.fixture(scope="session")
def fresh() -> Path:
    """Two hours of history in the sources, nothing run; no model is ever trained on it."""
    return once("fresh", lambda folder: _keep(make_plant(folder / "plant", HOURS), (*QUICK, *NO_TRAINING))) / "plant"


@pytest.fixture(scope="session")
def taught() -> Path:
    """The same after its first hour, replayed by the command line: the gates of numbers have a model."""

    def make(folder: Path) -> None:
        plant = ready_to_train(make_plant(folder / "plant", HOURS))
        _keep(plant, QUICK)
        said = gatewatch("replay", plant, "--from", START.isoformat(), "--to", (START + timedelta(hours=1)).isoformat())
        assert said.code == 0, said.err

    return once("taught", make) / "plant"


@pytest.fixture
def plant(fresh: Path, tmp_path: Path) -> Path:
    """The plant file of a copy that nobody ran."""
    return Path(shutil.copytree(fresh, tmp_path / "plant")) / "plant.yaml"


@pytest.fixture
def trained(taught: Path, tmp_path: Path) -> Path:
    """The plant file of a copy with models in force."""
    return Path(shutil.copytree(taught, tmp_path / "trained")) / "plant.yaml"
