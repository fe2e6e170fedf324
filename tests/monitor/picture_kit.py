"""The small plant with a gate that judges pictures: textures made here, in the MES as files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image
from spine_kit import Spine

from monitor.model import Prediction
from monitor.pictures import Picture
from monitor.pipeline.judging import InForce
from monitor.ports import PICTURE_INPUTS
from monitor.store.database.database import Store

SPEC = 'specs: [{since: "2020-01-01T00:00:00Z", lower: 0, upper: 100}]'
GATE = "profile: [a, b, c, d], rework: {above: 50},"
PICTURES: Mapping[str, str] = {
    GATE: "kind: image, image: photo,",
    "d: D}": "d: D, photo: {column: PHOTO, image: {format: file}}}",
    SPEC: "pass_fail: scrap",
}
"""Changes of the small plant: its gate judges the pictures of its own step."""


def failing(grey: float) -> float:
    """The probability of failing that the model gives a picture of one grey; it is sure of all."""
    return (0.9 if grey > 128 else 0.0) + grey / 2560


@dataclass(frozen=True)
class Brightness:
    """Lets bright pictures fail, by the mean of their pixels."""

    classes: tuple[str, ...] = ("passed", "failed")

    inputs: tuple[str, ...] = PICTURE_INPUTS
    needed: tuple[str, ...] = PICTURE_INPUTS
    max_missing: float = 0.0
    digest: str = "mean"
    skill: float = 0.5
    coverage: float = 0.9

    def predict(self, rows: Sequence[Picture]) -> Sequence[Prediction]:
        values = [failing(float(row.mean())) for row in rows]
        return [Prediction(value, value, value, 0.1, 1.0, (1 - value, value)) for value in values]


def with_pictures(folder: Path, store: Store, changes: Mapping[str, str] = PICTURES) -> Spine:
    """The plant, its gate judging by brightness."""
    used = InForce(Brightness(), None, "w", "1", "mean")  # type: ignore[arg-type]
    spine = Spine(folder, store, changes, used)
    spine.sql("ALTER TABLE PARTS ADD COLUMN PHOTO BLOB")
    return spine


def add(
    spine: Spine,
    serial: str,
    at: datetime,
    picture: bytes | None,
    step: str = "form",
    known: datetime | None = None,
    lot: str = "L",
) -> None:
    """A part step in the MES."""
    spine.rows("PARTS", (serial, step, 1, lot, at, known or at, 1.0, 2.0, 3.0, 4.0, picture))


def plain(grey: int, side: int = 16) -> Picture:
    """A picture of one grey."""
    return np.full((side, side), grey, dtype=np.uint8)


def texture(kind: str, seed: int, side: int = 64) -> Picture:
    """A rough grey surface; of kind `bad` with stripes on it."""
    random = np.random.default_rng([seed, 7])
    pixels = random.normal(120, 12, (side, side))
    if kind == "bad":
        pixels += 60 * np.sin(np.arange(side) / 2)[:, None]
    return pixels.clip(0, 255).astype(np.uint8)


def png(picture: Picture) -> bytes:
    """As a camera would save it."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()
