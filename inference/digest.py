"""The digest of a training set: a hash of its numbers and serials."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from monitor.model import Floats


def data_digest(rows: Floats, target: Floats, serials: Sequence[str]) -> str:
    """SHA-256 of the shape, the numbers (little-endian doubles) and the serials."""
    digest = hashlib.sha256(repr(rows.shape).encode())
    digest.update(np.ascontiguousarray(rows, dtype="<f8").tobytes())
    digest.update(np.ascontiguousarray(target, dtype="<f8").tobytes())
    for serial in serials:
        digest.update(f"{len(serial)}:{serial}".encode())
    return digest.hexdigest()
