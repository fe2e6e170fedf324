"""A plant with models in force, made once a run; each test works on a copy of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fork_kit import ended, forked
from plant_kit import HOURS, QUICK, START, copied, make_plant, ready_to_train, replay_whole, run_replay
from run_kit import once


@pytest.fixture(scope="session")
def untrained() -> Path:
    """Sources filled, nothing run."""
    return once("untrained", lambda folder: ready_to_train(make_plant(folder / "plant", HOURS))) / "plant"


@pytest.fixture(scope="session")
def trained(untrained: Path) -> Path:
    """The same after its first hour, in which the gates of numbers got a model."""

    def make(folder: Path) -> None:
        plant = copied(untrained, folder / "plant")
        assert ended(forked(lambda: run_replay(plant, 1.0, QUICK, START))) == 0

    return once("trained", make) / "plant"


@pytest.fixture(scope="session")
def undisturbed(trained: Path) -> Path:
    """The run of one process that nobody killed: its plant file."""

    def make(folder: Path) -> None:
        plant = copied(trained, folder / "plant")
        assert ended(forked(lambda: replay_whole(plant))) == 0

    return once("undisturbed", make) / "plant" / "plant.yaml"
