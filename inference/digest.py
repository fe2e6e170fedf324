"""The digest of a training set: a hash of its numbers and serials."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats


def data_digest(
    rows: Floats | Sequence[NDArray[np.uint8]],
    target: Floats,
    serials: Sequence[str],
    planned: Floats | None = None,
    weights: Floats | None = None,
) -> str:
    """SHA-256 of the shape, the numbers (little-endian doubles) or pixels, the serials, and weights if any.

    `planned` and `weights` as in `inference.models.kind.TrainingData`. Pictures are read once.
    """
    if isinstance(rows, np.ndarray):
        digest = hashlib.sha256(repr(rows.shape).encode())
        digest.update(np.ascontiguousarray(rows, dtype="<f8").tobytes())
    else:
        digest = hashlib.sha256(f"{len(rows)} pictures".encode())
        for picture in rows:
            digest.update(repr(picture.shape).encode())
            digest.update(np.ascontiguousarray(picture).tobytes())
    for numbers in (target,) if planned is None else (planned, target):
        digest.update(np.ascontiguousarray(numbers, dtype="<f8").tobytes())
    for serial in serials:
        digest.update(f"{len(serial)}:{serial}".encode())
    if weights is not None:
        digest.update(np.ascontiguousarray(weights, dtype="<f8").tobytes())
    return digest.hexdigest()
