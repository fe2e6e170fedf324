"""Three hours of a plant whose gates have their models already, made once; each test replays a copy of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fork_kit import ended, forked
from plant_kit import QUICK, START, copied, make_plant, run_replay
from whole_kit import WHOLE, emptied


@pytest.fixture(scope="session")
def with_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources filled, both gates' models in force, and nothing else in the store."""
    plant = make_plant(tmp_path_factory.mktemp("whole") / "plant", WHOLE)
    assert ended(forked(lambda: run_replay(plant, 1.0, QUICK, START))) == 0
    emptied(plant)
    return plant.parent


@pytest.fixture(scope="session")
def whole_run(with_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plant file of a whole replay with the settings that all others are compared with. Only to be read."""
    plant = copied(with_models, tmp_path_factory.mktemp("run") / "plant")
    assert run_replay(plant, WHOLE) == []
    return plant
