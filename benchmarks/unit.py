"""The unit of work: what a core can do, measured beside what it did."""

from __future__ import annotations

import time


def unit(share: float = 1.0) -> float:
    """Seconds of a fixed loop of plain Python, or of a share of it."""
    total, began = 0, time.perf_counter()
    for i in range(round(share * 10_000_000)):
        total += i * i % 7
    return time.perf_counter() - began
