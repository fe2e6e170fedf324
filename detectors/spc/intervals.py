"""A value with its interval of confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.model import Floats

CONFIDENCE = 0.95
ENDS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
"""The levels of the ends of a two-sided interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the ends of its two-sided interval at CONFIDENCE."""

    value: float
    low: float
    high: float


def of_draws(value: float, drawn: Floats) -> Estimate:
    """The interval that holds CONFIDENCE of the values drawn (n,), which may be infinite."""
    low, high = np.quantile(drawn, ENDS, method="nearest")
    return Estimate(float(value), float(low), float(high))
