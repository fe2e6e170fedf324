"""Two hours of a plant whose gates have their models already, made once a run; each test replays a copy of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from plant_kit import copied, run_replay
from run_kit import once
from taught_kit import taught, without_rows
from whole_kit import WHOLE


@pytest.fixture(scope="session")
def with_models() -> Path:
    """Sources filled, the gates' models in force, and nothing else in the store."""

    def make(folder: Path) -> None:
        without_rows(copied(taught(), folder / "plant"))

    return once("with_models", make) / "plant"


@pytest.fixture(scope="session")
def whole_run(with_models: Path) -> Path:
    """The plant file of a whole replay with the settings that all others are compared with. Only to be read."""

    def make(folder: Path) -> None:
        assert run_replay(copied(with_models, folder / "plant"), WHOLE) == []

    return once("whole_run", make) / "plant" / "plant.yaml"
