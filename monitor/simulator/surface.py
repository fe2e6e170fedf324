"""The camera above the coating booth: an 8-bit grey image of 64 x 64 pixels for each coated blade."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

SIDE_PX = 64
_LEVEL, _LAMP, _TEXTURE, _PER_POROSITY = 140.0, 3.0, 18.0, 0.12
_ALONG, _ACROSS = 3, 1
_CHUNK = 256


def _blur_gain(passes: int) -> float:
    """The variance of unit white noise after `passes` of the kernel 1 2 1 over 4: a sum of squared binomials."""
    return comb(4 * passes, 2 * passes) / 4.0 ** (2 * passes)


def _blur(image: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    mixed: NDArray[np.float32] = 0.5 * image + 0.25 * (np.roll(image, 1, axis) + np.roll(image, -1, axis))
    return mixed


def _texture(rows: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Brushed texture (rows, 64, 64) of variance 1, longer along the blade than across."""
    image = rng.standard_normal((rows, SIDE_PX, SIDE_PX), dtype=np.float32)
    for axis, passes in ((2, _ALONG), (1, _ACROSS)):
        for _ in range(passes):
            image = _blur(image, axis)
    return image / np.float32(np.sqrt(_blur_gain(_ALONG) * _blur_gain(_ACROSS)))


def render_images(porosity: Floats, light: Floats, rng: np.random.Generator) -> list[bytes]:
    """An image of each blade, row by row as 4,096 bytes.

    Porosity (standard normal) makes the texture coarser; `light` is the lamp as a fraction of its nominal strength.
    """
    falloff = np.linspace(1.06, 0.94, SIDE_PX, dtype=np.float32)[:, None]
    level = _LEVEL + _LAMP * rng.standard_normal(porosity.shape)
    contrast = _TEXTURE * np.maximum(1.0 + _PER_POROSITY * porosity, 0.2)
    images: list[bytes] = []
    for first in range(0, porosity.shape[0], _CHUNK):
        part = slice(first, first + _CHUNK)
        image = _texture(level[part].shape[0], rng) * contrast[part, None, None].astype(np.float32)
        image = (image + level[part, None, None].astype(np.float32)) * falloff
        image *= light[part, None, None].astype(np.float32)
        images += [pixels.tobytes() for pixels in np.clip(np.rint(image), 0, 255).astype(np.uint8)]
    return images
