"""Constants of control charts for normal data, computed for any subgroup size.

c4, d2 and d3 are the mean of the standard deviation, and the mean and standard deviation of the range, of n independent
standard normal values (ASTM E2587; Montgomery, Introduction to Statistical Quality Control, appendix VI).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy.special import gammaln, ndtr

from monitor.model import Floats

_REACH = 9.0
"""Standard normal values beyond have a chance of 1e-19."""
_NODES = 400


@cache
def c4(size: int) -> float:
    """The mean of the sample standard deviation of `size` values, at least 2."""
    return float(math.sqrt(2 / (size - 1)) * math.exp(gammaln(size / 2) - gammaln((size - 1) / 2)))


@cache
def d2(size: int) -> float:
    """The mean range of `size` values, at least 2: the integral of 1 - F^n - (1 - F)^n (Tippett 1925)."""
    at, weights = _nodes(-_REACH, _REACH)
    below = ndtr(at)
    return float(weights @ (1 - below**size - ndtr(-at) ** size))


@cache
def d3(size: int) -> float:
    """The standard deviation of the range of `size` values, at least 2: twice the integral over x < y of
    1 - F(y)^n - (1 - F(x))^n + (F(y) - F(x))^n, less d2 squared (Tippett 1925).
    """
    at, weights = _nodes(-_REACH, _REACH)
    half, shares = _nodes(0.0, 1.0)
    low = at[:, None]
    length = _REACH - low
    high = low + length * half
    inner = 1 - ndtr(high) ** size - ndtr(-low) ** size + (ndtr(high) - ndtr(low)) ** size
    square = 2 * float(weights @ ((inner * length) @ shares))
    return math.sqrt(square - d2(size) ** 2)


def _nodes(low: float, high: float) -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss and Legendre's quadrature."""
    at, weights = _legendre()
    return low + (at + 1) / 2 * (high - low), weights / 2 * (high - low)


@cache
def _legendre() -> tuple[Floats, Floats]:
    """The nodes and weights between -1 and 1."""
    at, weights = np.polynomial.legendre.leggauss(_NODES)
    return at, weights


def spread_of_moving_range(count: int) -> float:
    """The relative variance of the mean of `count` successive moving ranges of two values.

    The variance of |z| sqrt 2 is 2 - 4/pi; neighbours share a value, which gives the covariance (Cryer and Ryan 1990).
    """
    variance = 2 - 4 / math.pi
    neighbours = 4 / math.pi * (math.sqrt(0.75) + math.pi / 12) - 4 / math.pi
    return (count * variance + 2 * (count - 1) * neighbours) / count**2 / (4 / math.pi)


def freedom(relative_variance: float) -> float:
    """Degrees of freedom of a standard deviation whose estimate has this relative variance (Patnaik 1950)."""
    return 1 / (2 * relative_variance)
