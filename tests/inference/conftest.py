"""One briefly trained model and its package for every test of this folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from inference_parts import train_small

from inference import packaging
from inference.training import TrainedModel


@pytest.fixture(scope="session")
def trained() -> TrainedModel:
    return train_small()


@pytest.fixture(scope="session")
def package(trained: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("packages") / "blade"
    return folder, packaging.save(trained, folder)
