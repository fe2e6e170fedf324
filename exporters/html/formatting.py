"""Formats values for the pages and the terminal."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any


def escape_controls(text: str) -> str:
    """Untrusted text for a terminal, with control characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def number(value: float | None) -> str:
    """Four significant digits; '-' for None."""
    return "-" if value is None else f"{value:.4g}"


def format_value(value: Any) -> str:
    """A value on one line: numbers to six significant digits, '-' if it is empty."""
    if value is None or value in ("", {}, []):
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {format_value(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(format_value, value))
    return str(value)


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """A line a row, with cells of equal width by column; columns without text are left out.

    `right`: the columns that are flush right. The cells are shown as they are: escape what comes from the data first.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            if width
        ).rstrip()
        for row in rows
    ]


def decimals(lower: float, upper: float, limits: Iterable[float | None]) -> int:
    """With how many decimals an interval is written: two digits of its width, and more where a limit lies near an end.

    >>> decimals(1219.21, 1238.4, [1225.0]), decimals(1219.21, 1225.4, [1225.0]), decimals(0.0121, 0.0139, [])
    (0, 1, 4)
    """
    width = upper - lower
    if not 0 < width < math.inf:
        return 6
    digits = min(12, max(0, 1 - math.floor(math.log10(width))))
    near = [(end, limit) for end in (lower, upper) for limit in limits if limit is not None and end != limit]
    while digits < 12 and any(round(end, digits) == round(limit, digits) for end, limit in near):
        digits += 1
    return digits


def plain(value: float, digits: int) -> str:
    """A number with at most so many decimals; very large and very small ones with an exponent.

    >>> plain(1225.0, 2), plain(0.12345, 3), plain(-0.0, 1), plain(3e20, 1)
    ('1225', '0.123', '0', '3e+20')
    """
    if abs(value) >= 1e9 or (digits >= 12 and value):
        return f"{value:.6g}"
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def percent(share: float | None) -> str:
    """A share of 1 as a percentage with one decimal; '-' for None.

    >>> percent(0.8884), percent(0.00029), percent(0.99998), percent(1.0), percent(None)
    ('88.8 %', '< 0.1 %', '> 99.9 %', '100 %', '-')
    """
    if share is None:
        return "-"
    if 0 < share < 0.001 or 0.999 < share < 1:
        return "< 0.1 %" if share < 0.5 else "> 99.9 %"
    return f"{plain(100 * share, 1)} %"


def money(cost: float | None, currency: str = "") -> str:
    """A sum of money with the plant's currency, in whole units from 100 on; '-' for None.

    >>> money(28180.4, "USD"), money(-1234567.8), money(99.052), money(0.04), money(-1e-12), money(None, "USD")
    ('28,180 USD', '-1,234,568', '99.1', '0.04', '0', '-')
    """
    if cost is None:
        return "-"
    text = "0" if abs(cost) < 0.005 else f"{cost:,.0f}" if abs(cost) >= 100 else f"{cost:.3g}"
    return f"{text} {currency}".rstrip()


def in_currency(head: str, currency: str) -> str:
    """The head of a column of money: `cost avoided (USD)`, or as it is where the plant names no currency."""
    return f"{head} ({currency})" if currency else head


def duration(length: timedelta) -> str:
    """A duration in its two largest units, such as 2 d 5 h.

    >>> duration(timedelta(minutes=135)), duration(timedelta(days=2, hours=5, minutes=3)), duration(timedelta(0))
    ('2 h 15 min', '2 d 5 h', '0 min')
    """
    minutes = round(length / timedelta(minutes=1))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    units = [(days, "d"), (hours, "h"), (rest, "min")]
    largest = [f"{n} {unit}" for n, unit in units if n][:2]
    return " ".join(largest) or "0 min"
