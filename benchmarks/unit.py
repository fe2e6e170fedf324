"""The unit of work: what a core can do, measured beside what it did."""

from __future__ import annotations

import time


def unit() -> float:
    """Seconds of a fixed loop of plain Python."""
    total, began = 0, time.perf_counter()
    for i in range(10_000_000):
        total += i * i % 7
    return time.perf_counter() - began
