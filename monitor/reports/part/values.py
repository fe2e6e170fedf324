"""Values of a passport as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime


def iso(at: datetime) -> str:
    """An instant as ISO 8601 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_value(value: object) -> object:
    """A value as JSON: times as text, non-finite numbers as None."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): json_value(value[name]) for name in sorted(value)}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return value


def storable(text: str) -> bool:
    """Whether a database can hold a text as a key: none takes a lone surrogate, and PostgreSQL no NUL."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return bool(text) and "\0" not in text
