"""The camera above the coating booth: an 8-bit grey image of 64 x 64 pixels for each coated blade, and its defects."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

SIDE_PX = 64
_LEVEL, _LAMP, _TEXTURE, _PER_POROSITY = 140.0, 3.0, 18.0, 0.12
_ALONG, _ACROSS = 3, 1
_CHUNK = 256

FINISHES = ("clean", "runs", "pinholes")
"""What the coat of a blade looks like: without a defect, with paint that ran down, or with holes."""
_RUNS_SHARE, _PINHOLES_SHARE = 0.05, 0.04


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


def draw_finishes(parts: int, rng: np.random.Generator) -> list[str]:
    """The finish of each part."""
    uniform = rng.random(parts)
    places = np.where(uniform < _RUNS_SHARE, 1, np.where(uniform < _RUNS_SHARE + _PINHOLES_SHARE, 2, 0))
    return [FINISHES[place] for place in places]


def mark_defect(picture: bytes, finish: str, rng: np.random.Generator) -> bytes:
    """The picture with the defect on it, under the light that it was taken in; as it is if the finish is clean."""
    if finish == "clean":
        return picture
    image = np.frombuffer(picture, np.uint8).reshape(SIDE_PX, SIDE_PX).astype(np.float64)
    mark = _runs(rng) if finish == "runs" else _pinholes(rng)
    marked = np.clip(np.rint(image + mark * image.mean() / _LEVEL), 0, 255)
    return bytes(marked.astype(np.uint8).tobytes())


def _runs(rng: np.random.Generator) -> Floats:
    """One to three bright streaks down the blade (64, 64), each with a drop at its end."""
    down, across = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float64)
    mark = np.zeros((SIDE_PX, SIDE_PX))
    for _ in range(rng.integers(1, 4)):
        top, length, at = rng.uniform(2, 16), rng.uniform(22, 42), rng.uniform(8, SIDE_PX - 8)
        streak = np.exp(-(((across - at) / 1.6) ** 2)) * ((down >= top) & (down <= top + length))
        drop = np.exp(-(((across - at) / 3.0) ** 2) - ((down - top - length) / 4.0) ** 2)
        mark += rng.uniform(35, 60) * np.maximum(streak, drop)
    return mark


def _pinholes(rng: np.random.Generator) -> Floats:
    """Dark holes (64, 64), a cluster of them."""
    down, across = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float64)
    centre, mark = rng.uniform(18, SIDE_PX - 18, 2), np.zeros((SIDE_PX, SIDE_PX))
    for y, x in centre + rng.normal(0.0, 9.0, (int(rng.integers(10, 22)), 2)):
        hole = np.exp(-((across - x) ** 2 + (down - y) ** 2) / rng.uniform(1.2, 3.0))
        mark -= rng.uniform(60, 100) * hole
    return mark
