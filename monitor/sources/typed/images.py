"""Columns with an image in a row: raw pixels or files, as statistics, and as pictures where a gate judges them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from monitor.errors import UsageError
from monitor.model import Floats, RejectReason
from monitor.pictures import Picture, decode, luminance, shrink
from monitor.plant.sources import ImageFormat
from monitor.sources.typed.times import Faults


def images(
    values: Sequence[object], form: ImageFormat, judged: Collection[int] = ()
) -> tuple[Floats, Faults, dict[int, Picture]]:
    """Mean, standard deviation and mean absolute gradient (x plus y) of grey values, shape (n, 3), 0 to 255.

    NULL gives NaN; anything but an image of the format is bad_image. Of colour the luminance counts, of a file larger
    than `monitor.pictures.MOST_SIDE` the shrunk picture. The pictures of the rows in `judged` are kept.
    """
    statistics = np.full((len(values), 3), math.nan)
    faults: Faults = {}
    kept: dict[int, Picture] = {}
    for i, value in enumerate(values):
        if value is None:
            continue
        picture = _picture(value, form)
        if picture is None:
            faults[i] = RejectReason.BAD_IMAGE
            continue
        statistics[i] = grey_statistics(luminance(picture))
        if i in judged:
            kept[i] = shrink(picture)
    return statistics, faults, kept


def _picture(value: object, form: ImageFormat) -> Picture | None:
    """The picture of a cell; None where it holds none."""
    if not isinstance(value, bytes | bytearray | memoryview):
        return None
    content = bytes(value)
    if form.width is not None and form.height is not None:
        fits = len(content) == form.width * form.height
        return np.frombuffer(content, np.uint8).reshape(form.height, form.width) if fits else None
    try:
        picture = decode(content, "in a cell")
    except UsageError:
        return None
    return picture if min(picture.shape[:2]) > 1 else None  # a single row or column has no gradient


def grey_statistics(grey: Picture) -> tuple[float, float, float]:
    """Mean, standard deviation and mean absolute gradient (x plus y) of grey values, 0 to 255."""
    pixels = grey.astype(np.int16)
    gradient = np.abs(np.diff(pixels, axis=1)).mean() + np.abs(np.diff(pixels, axis=0)).mean()
    return float(pixels.mean()), float(pixels.std()), float(gradient)
