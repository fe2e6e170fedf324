"""Formats values for the pages and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
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
