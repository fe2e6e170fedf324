"""A plant with models in force, made once; each test works on a copy of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fork_kit import ended, forked
from plant_kit import HOURS, QUICK, START, copied, make_plant, replay_whole, run_replay


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources filled, nothing run."""
    return make_plant(tmp_path_factory.mktemp("untrained"), HOURS).parent


@pytest.fixture(scope="session")
def trained(untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after its first hour, in which both gates got a model."""
    plant = copied(untrained, tmp_path_factory.mktemp("trained") / "plant")
    assert ended(forked(lambda: run_replay(plant, 1.0, QUICK, START))) == 0
    return plant.parent


@pytest.fixture(scope="session")
def undisturbed(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process that nobody killed: its plant file."""
    plant = copied(trained, tmp_path_factory.mktemp("undisturbed") / "plant")
    assert ended(forked(lambda: replay_whole(plant))) == 0
    return plant
