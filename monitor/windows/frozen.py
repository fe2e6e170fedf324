"""Frozen references: the rows that count as normal, as values of their own, which pruning parts cannot change."""

from __future__ import annotations

import hashlib

import numpy as np

from detectors.shared.state import pack, require, unpack, whole_number
from monitor.model import JsonObject, Window

VERSION = 2
_KEYS = ("version", "names", "values", "at", "arrivals", "rows", "groups", "made_by")
_ADDED = {1: (), 2: ("lots",)}
"""The further keys of each version. One of version 1 is read as it is: the lots of its rows are unknown."""


def content_of(window: Window, made_by: str = "") -> dict[str, object]:
    """The window as JSON values. `made_by` says which model made predictions, '' for what was measured."""
    return {
        "version": VERSION,
        "names": list(window.names),
        "values": pack(window.values),
        "at": pack(window.at, "<i8"),
        "arrivals": pack(window.arrivals, "<i8"),
        "rows": len(window),
        "groups": [list(group) for group in window.groups],
        "lots": list(window.lots),
        "made_by": made_by,
    }


def digest_of(content: JsonObject) -> str:
    """SHA-256 over names, rows and values, bit for bit, however they were packed."""
    window = window_of(content, "", "")
    lots = (window.lots,) if window.lots else ()
    found = hashlib.sha256(repr((content["made_by"], window.names, window.groups, *lots)).encode())
    for array in (window.values, window.at, window.arrivals):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def window_of(content: JsonObject, subject: str, step: str) -> Window:
    """The window that `content_of` saw; ValueError where the content is damaged or of another version."""
    version = content.get("version")
    if version not in _ADDED:
        raise ValueError(f"the reference is of version {version!r}, not {VERSION}; freeze a new one")
    known = require(content, "a reference", (*_KEYS, *_ADDED[version]))
    names = tuple(str(name) for name in known["names"])
    rows = whole_number(known["rows"], "the number of rows of a reference")
    return Window(
        subject,
        step,
        names,
        unpack(known["values"], (rows, len(names))),
        unpack(known["at"], (rows,), "<i8"),
        unpack(known["arrivals"], (rows,), "<i8"),
        tuple(tuple(str(word) for word in group) for group in known["groups"]),
        tuple(str(lot) for lot in known.get("lots", ())),
    )
