"""Six days of a plant whose gates have their models, and the replay of them that nobody disturbed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fork_kit import ended, forked
from plant_kit import copied, ready_to_train
from soak_plant import make_soak_plant
from soak_runs import HOURS, Cost, measured, replay_all

sys.path += [str(Path(__file__).parents[1] / name) for name in ("alerting", "service")]
"""The kits that lie in the folders of their tests."""


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder, after the first hour of the history."""
    plant = ready_to_train(make_soak_plant(tmp_path_factory.mktemp("soak") / "plant", HOURS))
    assert ended(forked(lambda: replay_all(plant, 1.0))) == 0
    return plant.parent


@pytest.fixture(scope="session")
def undisturbed(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Cost]:
    """The plant file after the whole history, and what that cost."""
    plant = copied(trained, tmp_path_factory.mktemp("undisturbed") / "plant")
    return plant, measured(lambda: replay_all(plant, HOURS))
