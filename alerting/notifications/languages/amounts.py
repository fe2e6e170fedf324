"""What is filled into sentences: numbers, shares, ages and names, as text that steers nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise

from alerting.specs.spec import Unit

NAME_LENGTH = 80
TEXT_LENGTH = 300
_DIGITS = 4
_MOST_DIGITS = 12
_AGES = (("d", 86400.0, 172800.0), ("h", 3600.0, 3600.0), ("min", 60.0, 60.0))
"""Unit, its seconds, and from how many seconds an age is written in it."""
_PARTS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))

Amount = tuple[float, str]
"""A number and its unit: one of `Unit`, or one of the plant, which is written behind the number."""


def plain(text: str, longest: int = NAME_LENGTH) -> str:
    """Text from outside, with control characters escaped, truncated to `longest` characters.

    >>> plain("m\\x1b[31m"), plain("m" * 9, 6)
    ('m\\\\x1b[31m', 'mmm...')
    """
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return clean if len(clean) <= longest else f"{clean[: longest - 3]}..."


def number(value: float, digits: int = _DIGITS) -> str:
    """A number with the digits that a person reads; digits before the point are never rounded away.

    >>> [number(x) for x in (25.34567, 20.0, 12345.6, 0.00012346, -3.0, 1e300)]
    ['25.35', '20', '12346', '0.0001235', '-3', '1e+300']
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    magnitude = math.floor(math.log10(abs(value)))
    if not -6 <= magnitude < _MOST_DIGITS:
        return f"{value:.{digits}g}"
    text = f"{value:.{max(0, digits - 1 - magnitude)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration(value: timedelta) -> str:
    """A duration in its two largest units.

    >>> [duration(timedelta(seconds=s)) for s in (7800, 45, 86400, 0)]
    ['2 h 10 min', '45 s', '1 d', '0 s']
    """
    seconds = max(0, round(value.total_seconds()))
    for (unit, size), (smaller, part) in pairwise(_PARTS):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            return f"{whole} {unit}" + (f" {rest // part} {smaller}" if rest >= part else "")
    return f"{seconds} s"


def amounts(values: Mapping[str, Amount]) -> dict[str, str]:
    """Amounts as text, with as many digits as it takes that no two different ones look alike.

    >>> amounts({"value": (0.504, "share"), "limit": (0.5, "share")}), amounts({"v": (18720.0, "age")})
    ({'value': '50.4 %', 'limit': '50 %'}, {'v': '5.2 h'})
    """
    texts: dict[str, str] = {}
    for digits in range(_DIGITS, _MOST_DIGITS + 1):
        texts = {name: _amount(value, unit, digits) for name, (value, unit) in values.items()}
        # A unit does not make two numbers different.
        if len({text.partition(" ")[0] for text in texts.values()}) == len({value for value, _ in values.values()}):
            break
    return texts


def _amount(value: float, unit: str, digits: int) -> str:
    if unit == Unit.SHARE:
        return f"{number(100 * value, digits - 1)} %"
    if unit != Unit.AGE:
        return number(value, digits) if unit in ("", Unit.NUMBER) else f"{number(value, digits)} {plain(unit)}"
    name, size = next(((name, size) for name, size, least in _AGES if value >= least), ("s", 1.0))
    return f"{number(value / size, digits - 2)} {name}"
