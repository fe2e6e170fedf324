"""Detector state as JSON values: arrays as text, and checks that what comes back is whole. Never a pickle."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def pack(array: NDArray[Any], dtype: DTypeLike = "<f8") -> str:
    """The array's numbers, bit for bit, as text (little-endian, compressed, base64)."""
    raw = np.ascontiguousarray(array, dtype=dtype).tobytes()
    return base64.b64encode(zlib.compress(raw, 1)).decode("ascii")


def unpack(text: object, shape: tuple[int, ...], dtype: DTypeLike = "<f8") -> NDArray[Any]:
    """The array that `pack` saw; ValueError when the text is damaged or holds another number of values."""
    try:
        raw = zlib.decompress(base64.b64decode(str(text), validate=True))
    except (binascii.Error, zlib.error) as exc:
        raise ValueError("a saved array is damaged") from exc
    wanted = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if len(raw) != wanted:
        raise ValueError(f"a saved array has {len(raw)} bytes; expected {wanted}")
    return np.frombuffer(raw, dtype=dtype).reshape(shape).copy()


def require(saved: object, what: str, keys: Iterable[str]) -> Mapping[str, Any]:
    """`saved` as a map with exactly these keys; ValueError otherwise."""
    wanted = set(keys)
    if not isinstance(saved, Mapping) or set(saved) != wanted:
        raise ValueError(f"the saved state of {what} is not whole; expected the keys {', '.join(sorted(wanted))}")
    return saved


def require_version(saved: object, what: str, version: int, identity: str) -> None:
    """ValueError unless `saved` was written by this version of `what`, with the same parameters."""
    if not isinstance(saved, Mapping) or saved.get("version") != version:
        raise ValueError(f"the saved state of {what} is not of version {version}; rebuild it from history")
    if saved.get("identity") != identity:
        raise ValueError(f"the saved state of {what} was made with other parameters; rebuild it from history")


def whole_number(value: object, what: str) -> int:
    """A count >= 0; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{what} is {value!r}; expected a whole number >= 0")
    return value
