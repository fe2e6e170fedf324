"""A small plant, as it comes and with models in force, made once a run; each test works on a copy of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import taught_kit
from plant_kit import NO_TRAINING, QUICK, make_plant
from run_kit import once
from taught_kit import HOURS, keep


@pytest.fixture(scope="session")
def fresh() -> Path:
    """Two hours of history in the sources, nothing run; no model is ever trained on it."""
    return once("fresh", lambda at: keep(make_plant(at / "plant", HOURS), (*QUICK, *NO_TRAINING))) / "plant"


@pytest.fixture(scope="session")
def taught() -> Path:
    """The same after its first hour: the gates of numbers have a model."""
    return taught_kit.taught()


@pytest.fixture
def plant(fresh: Path, tmp_path: Path) -> Path:
    """The plant file of a copy that nobody ran."""
    return Path(shutil.copytree(fresh, tmp_path / "plant")) / "plant.yaml"


@pytest.fixture
def trained(taught: Path, tmp_path: Path) -> Path:
    """The plant file of a copy with models in force."""
    return Path(shutil.copytree(taught, tmp_path / "trained")) / "plant.yaml"
