"""A plant with models in force, made once a run; each test works on a copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import taught_kit
from fork_kit import ended, forked
from once_kit import replay_whole
from plant_kit import contents, copied
from run_kit import once


@pytest.fixture(scope="session")
def untrained() -> Path:
    """Sources filled, nothing run."""
    return taught_kit.untrained()


@pytest.fixture(scope="session")
def trained() -> Path:
    """The same after its first hour, in which the gates of numbers got a model."""
    return taught_kit.taught()


@pytest.fixture(scope="session")
def undisturbed(trained: Path) -> Path:
    """The run of one process that nobody killed: its plant file."""

    def make(folder: Path) -> None:
        plant = copied(trained, folder / "plant")
        assert ended(forked(lambda: replay_whole(plant))) == 0

    return once("undisturbed", make) / "plant" / "plant.yaml"


@pytest.fixture(scope="session")
def whole(undisturbed: Path) -> dict[str, Any]:
    """What that run made."""
    return contents(undisturbed)
