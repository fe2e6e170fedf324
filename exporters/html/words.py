"""Values in words, alike on the pages and on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def visible(text: str) -> str:
    """Text from outside for a terminal: what would steer it is shown, never sent."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def number(value: float | None) -> str:
    """Four digits that count; a dash for none."""
    return "-" if value is None else f"{value:.4g}"


def shown(value: Any) -> str:
    """A value for people: numbers to six digits, maps and lists in one line, '-' for nothing."""
    if value is None or value in ("", {}, []):
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(shown, value))
    return str(value)
