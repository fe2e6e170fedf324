"""The map of a stored picture by the model that decided on it, for the server."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import numpy as np
import passport_rows as made
import pytest
from PIL import Image

from monitor.errors import ModelError, ModelReason
from monitor.gate_models.picture_files import PictureMaps
from monitor.plant.gates import GateConfig
from monitor.store.database import tables as t
from monitor.store.database.database import Store

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def png() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((8, 8), 100, dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


class Drawing:
    """A model that draws a map, and counts how often it was loaded and asked."""

    def __init__(self) -> None:
        self.loaded, self.drawn = 0, 0

    def load(self, _name: str, _digest: str) -> Any:
        self.loaded += 1
        return self

    def anomaly_map(self, picture: Any) -> Any:
        self.drawn += 1
        return np.full(picture.shape[:2], 255, dtype=np.uint8)


class PlantOf:
    """A plant file with one gate, which judges `surface` of the step `forging`."""

    def __init__(self, **gates: GateConfig) -> None:
        self.gates = gates


def gate(image: str = "surface") -> GateConfig:
    named = {"step": "forging", "characteristic": "tip", "model": "m", "kind": "image", "image": image}
    return GateConfig.model_validate(named)


@pytest.fixture
def filled(store: Store) -> Store:
    """A part with a picture and a decision on it."""
    rows = {
        t.part_step: [made.part_step(1, 0)], t.decision: [made.decision(2, inputs={"forging": 1})],
        t.picture: [{"arrival": 1, "name": "surface", "png": png()}],
    }  # fmt: skip
    made.fill(store.engine, rows)
    return store


def test_a_map_is_drawn_once_by_the_model_of_the_decision(filled: Store) -> None:
    model, maps = Drawing(), PictureMaps()
    plants: Any = lambda _digest: PlantOf(shape=gate())  # noqa: E731
    registry: Any = model
    first, second = (maps.of(filled, plants, registry, 1, "surface", "shape") for _ in range(2))
    assert first is not None
    assert first == second
    assert Image.open(io.BytesIO(first)).size == (8, 8)
    assert (model.loaded, model.drawn) == (1, 1)


NONE: dict[str, tuple[PlantOf | None, tuple[int, str, str]]] = {
    "no such row": (PlantOf(shape=gate()), (2, "surface", "shape")),
    "no such picture": (PlantOf(shape=gate()), (1, "side", "shape")),
    "no such gate": (PlantOf(shape=gate()), (1, "surface", "other")),
    "a gate that was removed": (PlantOf(), (1, "surface", "shape")),
    "a gate that judges another picture": (PlantOf(shape=gate("side")), (1, "surface", "shape")),
    "an unknown plant file": (None, (1, "surface", "shape")),
}


@pytest.mark.parametrize(("plant", "asked"), NONE.values(), ids=NONE)
def test_otherwise_there_is_none(plant: PlantOf | None, asked: tuple[int, str, str], filled: Store) -> None:
    registry: Any = Drawing()
    plants: Any = lambda _digest: plant  # noqa: E731
    assert PictureMaps().of(filled, plants, registry, *asked) is None


def test_without_its_model_there_is_none(filled: Store) -> None:
    class Gone:
        def load(self, _name: str, _digest: str) -> Any:
            raise ModelError("not in the cache", ModelReason.NOT_FOUND)

    registry: Any = Gone()
    plants: Any = lambda _digest: PlantOf(shape=gate())  # noqa: E731
    assert PictureMaps().of(filled, plants, registry, 1, "surface", "shape") is None
