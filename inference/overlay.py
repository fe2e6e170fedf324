"""The anomaly map of a picture laid over it, as a PNG for people."""

from __future__ import annotations

import io
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monitor.pictures import Picture, restore
from monitor.ports import GateModel

_START = 64
"""Half the limit: what lies below is common among good parts and stays as it is."""
_COVER = 0.7
_LOW, _HIGH = np.array([255.0, 220.0, 0.0]), np.array([230.0, 0.0, 0.0])  # yellow at the start, red at the end


@runtime_checkable
class DrawsMaps(Protocol):
    """A model that says where a picture is unlike the good ones: (height, width), 128 at the limit, 255 at twice."""

    def anomaly_map(self, picture: Picture) -> NDArray[np.uint8]:
        """The map of a picture."""


def map_png(model: GateModel, picture: bytes) -> bytes | None:
    """A PNG of a kept picture with the map of a model over it; None where the model draws none."""
    if not isinstance(model, DrawsMaps):
        return None
    pixels = restore(picture)
    return overlay_png(pixels, model.anomaly_map(pixels))


def overlay_png(picture: Picture, heat: NDArray[np.uint8]) -> bytes:
    """A PNG of the picture with its map (height, width) of `ImageModel.anomaly_map` over it, from yellow to red."""
    if heat.shape != picture.shape[:2]:
        raise ValueError(f"expected a map of shape {picture.shape[:2]}, not {heat.shape}")
    colours = picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
    strength = ((heat.astype(float) - _START) / (255 - _START)).clip(0, 1)[:, :, None]
    paint = _LOW + (_HIGH - _LOW) * strength
    cover = _COVER * np.sqrt(strength)
    mixed = colours * (1 - cover) + paint * cover
    out = io.BytesIO()
    Image.fromarray(mixed.round().astype(np.uint8)).save(out, "PNG")
    return out.getvalue()
