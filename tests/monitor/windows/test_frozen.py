"""Frozen references: what is kept comes back bit for bit, and what older versions kept is still read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitor.model import Window
from monitor.windows.frozen import content_of, digest_of, window_of

WINDOW = Window(
    "form", "form", ("a",), np.array([[0.1], [np.nan]]), np.array([1, 2]), np.array([3, 4]),
    (("m", "r"), ("m", "r")), ("L1", "L2"),
)  # fmt: skip


def test_lots_come_back() -> None:
    found = window_of(content_of(WINDOW), "form", "form")
    assert (found.lots, found.groups) == (WINDOW.lots, WINDOW.groups)
    assert digest_of(content_of(WINDOW)) != digest_of(content_of(replace(WINDOW, lots=("L1", "L1"))))


def test_a_reference_of_version_1_is_read_without_lots_and_keeps_its_digest() -> None:
    old = {**content_of(WINDOW), "version": 1}
    del old["lots"]
    assert window_of(old, "form", "form").lots == ()
    assert digest_of(old) == digest_of(content_of(replace(WINDOW, lots=())))


def test_an_unknown_version_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="the reference is of version 9, not 2; freeze a new one"):
        window_of({**content_of(WINDOW), "version": 9}, "form", "form")
