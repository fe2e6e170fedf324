"""Detector state as JSON values: arrays as text, and validation of what is loaded. No pickles."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def pack(array: NDArray[Any], dtype: DTypeLike = "<f8") -> str:
    """The array as text, without loss: little-endian bytes, compressed, base64."""
    raw = np.ascontiguousarray(array, dtype=dtype).tobytes()
    return base64.b64encode(zlib.compress(raw, 1)).decode("ascii")


def unpack(text: object, shape: tuple[int, ...], dtype: DTypeLike = "<f8") -> NDArray[Any]:
    """The array that was given to `pack`; ValueError when the text is damaged or does not fit the shape."""
    try:
        raw = zlib.decompress(base64.b64decode(str(text), validate=True))
    except (binascii.Error, zlib.error) as exc:
        raise ValueError("a saved array is damaged") from exc
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if len(raw) != size:
        raise ValueError(f"a saved array has {len(raw)} bytes; expected {size}")
    return np.frombuffer(raw, dtype=dtype).reshape(shape).copy()


def require(saved: object, what: str, keys: Iterable[str]) -> Mapping[str, Any]:
    """`saved`, checked to be a mapping with exactly these keys; ValueError otherwise."""
    expected = set(keys)
    if not isinstance(saved, Mapping) or set(saved) != expected:
        raise ValueError(f"the saved state of {what} is incomplete; expected the keys {', '.join(sorted(expected))}")
    return saved


def require_version(saved: object, what: str, version: int, identity: str) -> None:
    """ValueError unless `saved` was written by this version of `what` with the same parameters."""
    if not isinstance(saved, Mapping) or saved.get("version") != version:
        raise ValueError(f"the saved state of {what} does not have version {version}; rebuild it from history")
    if saved.get("identity") != identity:
        raise ValueError(f"the saved state of {what} was written with other parameters; rebuild it from history")


def number_or_none(value: object, what: str) -> float | None:
    """`value`, checked to be a number or None; ValueError for anything else."""
    if isinstance(value, bool) or not (value is None or isinstance(value, int | float)):
        raise ValueError(f"the saved state of {what} is damaged; rebuild it from history")
    return value


def whole_number(value: object, what: str) -> int:
    """`value`, checked to be an integer >= 0; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{what} is {value!r}; expected a whole number >= 0")
    return value
